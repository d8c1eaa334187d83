/** A page of photos with their captions. */
import { asHtml, htmlPage, jpegAddress } from './html.js';

export interface PagePhoto {
  readonly name: string;
  /** JPEG; null where there is no picture. */
  readonly picture: Uint8Array | null;
  /** The best first; none where there is an error. */
  readonly captions: readonly string[];
  readonly error: string | null;
}

const style = `
main { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
img { max-width: 100%; border-radius: 4px; }`;

/** @param title what captioned them */
export function photoPage(title: string, photos: readonly PagePhoto[]): string {
  const heading = photos.length === 1 ? '1 photo' : `${photos.length} photos`;
  return htmlPage({ title, heading, style, body: `<main>\n${photos.map(figureOf).join('\n')}\n</main>` });
}

function figureOf({ name, picture, captions, error }: PagePhoto): string {
  const image = picture ? `<img src="${jpegAddress(picture)}" alt="${asHtml(captions[0] ?? '')}">` : '';
  const lines = captions.map((caption) => `<div>${asHtml(caption)}</div>`);
  if (error !== null) lines.push(`<div class="error">${asHtml(error)}</div>`);
  return `<figure>${image}<figcaption>${lines.join('')}<small>${asHtml(name)}</small></figcaption></figure>`;
}
