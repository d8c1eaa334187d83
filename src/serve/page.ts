/** The page on which one gives a photo and reads its captions: one file that fetches nothing, from nowhere. */
import { createHash } from 'node:crypto';
import { darkest } from '../report/attention-page.js';
import { asHtml } from '../report/html.js';

const style = `
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color-scheme: light dark; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
button { background: none; border: 2px dashed; border-radius: 8px; color: inherit; cursor: pointer; font: inherit; padding: 2rem 1rem; width: 100%; }
button.small { border-style: solid; margin-top: 0.5rem; padding: 0.75rem 1rem; }
button:focus-visible { outline: 3px solid Highlight; outline-offset: 3px; }
button.over { border-style: solid; }
#preview { border-radius: 4px; display: block; margin: 1rem 0; max-height: 20rem; max-width: 100%; }
h2 { font-size: 1.1rem; }
#status { font-size: 1.25rem; overflow-wrap: anywhere; }
#status.error { font-weight: bold; }
ol { padding-left: 1.75rem; }
li { margin-bottom: 0.5rem; }
li { overflow-wrap: anywhere; }
#looks { display: flex; flex-wrap: wrap; gap: 0.75rem; }
figure { margin: 0; max-width: 100%; text-align: center; }
svg { border-radius: 4px; display: block; height: 9rem; max-width: 100%; width: 9rem; }
small { opacity: 0.75; overflow-wrap: anywhere; }
[hidden] { display: none !important; }
`;

const script = (largest: number) => `
'use strict';
const $ = (id) => document.getElementById(id);
const svgOf = (name, attributes) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
let underWay;

function say(text, isError) {
  $('status').textContent = text;
  $('status').className = isError ? 'error' : '';
}

async function caption(file) {
  if (!file) return;
  underWay?.abort();
  const own = underWay = new AbortController();
  for (const name of ['captions', 'looks']) $(name).replaceChildren();
  for (const name of ['captions', 'looked']) $(name).hidden = true;
  URL.revokeObjectURL($('preview').src);
  $('preview').src = URL.createObjectURL(file);
  $('preview').alt = 'The photo ' + file.name;
  $('preview').hidden = false;
  say('Captioning ' + file.name + ' …');
  try {
    if (file.size > ${largest}) throw new Error('More than ${largest >> 20} MB, which is the most that is read.');
    // What it is the server tells by its bytes; a browser goes by its name.
    const type = file.type.startsWith('image/') ? file.type : 'image/unknown';
    const sent = { method: 'POST', headers: { 'Content-Type': type }, body: file, signal: own.signal };
    const response = await fetch('/caption?attention', sent);
    const answer = await response.json();
    if (own !== underWay) return;
    if (!response.ok) throw new Error(answer.error);
    show(answer);
  } catch (error) {
    if (own === underWay) say(error instanceof TypeError ? 'The server does not answer.' : error.message, true);
  }
}

function show({ captions, attention }) {
  say(captions[0].caption || '(a caption without words)');
  $('preview').alt = captions[0].caption;
  if (captions.length > 1) {
    $('captions').hidden = false;
    for (const { caption, logProbability } of captions) {
      const item = document.createElement('li');
      const note = document.createElement('small');
      note.textContent = ' log probability ' + logProbability.toFixed(2);
      item.append(caption, note);
      $('captions').append(item);
    }
  }
  if (attention) {
    $('looks').replaceChildren(...attention.words.map((look) => figureOf(look, attention)));
    $('looked').hidden = false;
  }
}

function figureOf({ word, weights }, { picture, side }) {
  const drawing = svgOf('svg', { viewBox: '0 0 ' + side + ' ' + side, role: 'img', 'aria-label': placeOf(weights, side) });
  drawing.append(svgOf('image', { href: picture, width: side, height: side, preserveAspectRatio: 'none' }));
  const largest = Math.max(...weights);
  weights.forEach((weight, cell) => {
    const place = { x: cell % side, y: Math.floor(cell / side), width: 1, height: 1 };
    drawing.append(svgOf('rect', { ...place, opacity: (${darkest} * (1 - weight / largest)).toFixed(2) }));
  });
  const figure = document.createElement('figure');
  const text = document.createElement('figcaption');
  text.textContent = word;
  figure.append(drawing, text);
  return figure;
}

function placeOf(weights, side) {
  const cell = weights.indexOf(Math.max(...weights));
  const share = Math.round(100 * weights[cell]);
  return 'looked most at row ' + (Math.floor(cell / side) + 1) + ', column ' + ((cell % side) + 1) + ' of ' + side + ' (' + share + '%)';
}

for (const [button, input] of [['choose', 'file'], ['take', 'camera']]) {
  $(button).addEventListener('click', () => $(input).click());
  $(input).addEventListener('change', () => {
    caption($(input).files[0]);
    // The same photo again is a change too.
    $(input).value = '';
  });
}
for (const name of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $('choose').classList.toggle('over', name === 'dragover');
    if (name === 'drop') caption(event.dataTransfer.files[0]);
  });
}
document.addEventListener('paste', (event) => caption(event.clipboardData.files[0]));
`;

/** By name, so that phones that keep photos as HEIC give another copy. */
const accepted = 'image/jpeg,image/png,image/gif,image/webp,image/tiff,image/avif';

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
  const code = script(largest);
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>recap: captions of photos</title>
<style>${style}</style>
<main>
<h1>Captions of photos</h1>
<button type="button" id="choose">Choose a photo, or drop or paste one here</button>
<button type="button" id="take" class="small">Take a photo</button>
<input type="file" id="file" accept="${accepted}" hidden aria-label="Photo">
<input type="file" id="camera" accept="image/*" capture="environment" hidden aria-label="Photo from the camera">
<img id="preview" alt="" hidden>
<p id="status" role="status" aria-live="polite"></p>
<ol id="captions" hidden aria-label="Captions, the best first"></ol>
<section id="looked" aria-labelledby="looked-heading" hidden>
<h2 id="looked-heading">Where each word looked</h2>
<div id="looks"></div>
</section>
</main>
<footer><small>${asHtml(title)}</small></footer>
<script>${code}</script>
</html>
`;
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(code)}`,
    `style-src ${hashOf(style)}`,
    'img-src blob: data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { html, policy };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
