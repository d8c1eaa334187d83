/** A page that shows where each word of a caption looked: the more it looked at a cell, the lighter the cell is. */
import { asHtml, htmlPage, jpegAddress } from './html.js';

export interface PhotoLooks {
  readonly name: string;
  /** JPEG of what the extractor saw. */
  readonly picture: Uint8Array;
  readonly words: readonly string[];
  /** (words, side²) cells row by row, each word's summing to 1. */
  readonly weights: readonly Float32Array[];
  /** Cells of a row. */
  readonly side: number;
}

/** How dark a cell is that was not looked at. */
export const darkest = 0.85;

/** Cells of a row; null where the vectors are no square, so that it is not known where they are. */
export function squareSide(weights: readonly Float32Array[]): number | null {
  const side = Math.sqrt(weights[0]!.length);
  return Number.isInteger(side) ? side : null;
}

const style = `
section { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-bottom: 2rem; }
h2 { flex-basis: 100%; font-size: 1rem; margin: 0; }
figure { text-align: center; }
svg { background-size: 100% 100%; border-radius: 4px; display: block; height: 9rem; width: 9rem; }`;

/** @param title what captioned them */
export function attentionPage(title: string, photos: readonly PhotoLooks[]): string {
  const pictures = photos.map(({ picture }, i) => `.p${i} { background-image: url(${jpegAddress(picture)}); }`);
  const body = photos.map(sectionOf).join('\n');
  return htmlPage({ title, heading: 'Where each word looked', style: [style, ...pictures].join('\n'), body });
}

function sectionOf({ name, words, weights, side }: PhotoLooks, photo: number): string {
  const figures = words.map((word, t) => {
    const own = weights[t]!;
    return `<figure><svg class="p${photo}" viewBox="0 0 ${side} ${side}">${cellsOf(own, side)}</svg>${asHtml(word)}</figure>`;
  });
  return `<section><h2>${asHtml(name)}</h2>${figures.join('')}</section>`;
}

function cellsOf(weights: Float32Array, side: number): string {
  const largest = weights.reduce((most, weight) => Math.max(most, weight), 0);
  return Array.from(weights, (weight, cell) => {
    const dark = (darkest * (1 - weight / largest)).toFixed(2);
    const place = `x="${cell % side}" y="${Math.floor(cell / side)}" width="1" height="1"`;
    return `<rect ${place} opacity="${dark}"><title>${(100 * weight).toFixed(1)}%</title></rect>`;
  }).join('');
}
