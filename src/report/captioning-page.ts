/** What a page consists of on which one gives a photo and reads its captions; browser/captioning-page.ts brings it to life. */
import { asHtml } from './html.js';

export const captioningStyle = `
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color-scheme: light dark; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
button { background: none; border: 2px dashed; border-radius: 8px; color: inherit; cursor: pointer; font: inherit; padding: 2rem 1rem; width: 100%; }
button.small { border-style: solid; margin-top: 0.5rem; padding: 0.75rem 1rem; }
button:focus-visible, select:focus-visible { outline: 3px solid Highlight; outline-offset: 3px; }
button.over { border-style: solid; }
label { display: block; margin-top: 0.75rem; }
select { color: inherit; font: inherit; max-width: 100%; padding: 0.5rem; }
#preview { border-radius: 4px; display: block; margin: 1rem 0; max-height: 20rem; max-width: 100%; }
h2 { font-size: 1.1rem; }
#status { font-size: 1.25rem; overflow-wrap: anywhere; }
#status.error { font-weight: bold; }
ol { padding-left: 1.75rem; }
li { margin-bottom: 0.5rem; overflow-wrap: anywhere; }
#looks { display: flex; flex-wrap: wrap; gap: 0.75rem; }
figure { margin: 0; max-width: 100%; text-align: center; }
svg { border-radius: 4px; display: block; height: 9rem; max-width: 100%; width: 9rem; }
small { opacity: 0.75; overflow-wrap: anywhere; }
[hidden] { display: none !important; }
`;

export interface CaptioningPage {
  /** What captions the photos. */
  readonly title: string;
  /** Types of files that are offered: by name, so that phones that keep photos as HEIC give another copy. */
  readonly accepted: string;
  /** Bytes of a photo. */
  readonly largest: number;
  /** HTML behind the language and the character set, and below the buttons, and of what runs. */
  readonly head: string;
  readonly settings: string;
  readonly script: string;
}

export function captioningPage({ title, accepted, largest, head, settings, script }: CaptioningPage): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${head}
<link rel="icon" href="data:,">
<title>recap: captions of photos</title>
<main data-largest="${largest}">
<h1>Captions of photos</h1>
<button type="button" id="choose">Choose a photo, or drop or paste one here</button>
<button type="button" id="take" class="small">Take a photo</button>
<input type="file" id="file" accept="${accepted}" hidden aria-label="Photo">
<input type="file" id="camera" accept="image/*" capture="environment" hidden aria-label="Photo from the camera">
${settings}
<img id="preview" alt="" hidden>
<p id="status" role="status" aria-live="polite"></p>
<ol id="captions" hidden aria-label="Captions, the best first"></ol>
<section id="looked" aria-labelledby="looked-heading" hidden>
<h2 id="looked-heading">Where each word looked</h2>
<div id="looks"></div>
</section>
</main>
<footer><small>${asHtml(title)}</small></footer>
${script}
</html>
`;
}
