/** How a photo is brought to the size that an extractor reads: scaled, and the middle cut out. */
import type { Preprocessing } from './preprocessing.js';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The size that a photo is scaled to, and where the extractor's part begins in it. */
export interface Placement extends Size {
  readonly left: number;
  readonly top: number;
}

/** @returns null where the photo has exactly the wanted size, so that its pixels are taken as they are */
export function placementOf(
  { width, height }: Size,
  wanted: Pick<Preprocessing, 'height' | 'width' | 'shorterSide'>,
): Placement | null {
  if (width === wanted.width && height === wanted.height) return null;
  const scale = wanted.shorterSide === null ? null : wanted.shorterSide / Math.min(width, height);
  const scaled =
    scale === null
      ? { width: wanted.width, height: wanted.height }
      : {
          width: Math.max(wanted.width, Math.round(width * scale)),
          height: Math.max(wanted.height, Math.round(height * scale)),
        };
  return {
    ...scaled,
    left: Math.round((scaled.width - wanted.width) / 2),
    top: Math.round((scaled.height - wanted.height) / 2),
  };
}
