/** The page on which one gives a photo and reads its captions: one file that fetches nothing, from nowhere. */
import { policyOf, unframed } from '../http/policy.js';
import { captioningPage, captioningStyle } from '../report/captioning-page.js';
import { pageScript } from '../report/page-script.js';

export interface ServedPage {
  readonly html: string;
  /** Its Content-Security-Policy. */
  readonly policy: string;
}

/**
 * @param title what captions the photos
 * @param largest bytes of a photo
 */
export function photoPage(title: string, largest: number): ServedPage {
  const script = pageScript('serve');
  const html = captioningPage({
    title,
    accepted: 'image/jpeg,image/png,image/gif,image/webp,image/tiff,image/avif',
    largest,
    head: `<style>${captioningStyle}</style>`,
    settings: '',
    script: `<script type="module">${script}</script>`,
  });
  const policy = policyOf({ script, style: captioningStyle, images: 'blob: data:', connect: "'self'" }) + unframed;
  return { html, policy };
}
