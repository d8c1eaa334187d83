/** Views of a photo: a part of what an extractor would see of it, enlarged to the whole, and mirrored or not. */
import type { Placement, Size } from './placement.js';
import type { Pixels } from './preprocessing.js';

export interface View {
  /** Sides of the part, as a share of the whole's. */
  readonly scale: number;
  /** Where the part lies in what it leaves free: 0 is left or top, 1 right or bottom. */
  readonly x: number;
  readonly y: number;
  readonly mirrored: boolean;
}

/**
 * @param whole what an extractor would see of the photo
 * @param wanted the size that it reads
 */
export function placementOfView(
  { width, height, left, top }: Placement,
  { scale, x, y }: View,
  wanted: Size,
): Placement {
  const enlarged = (length: number) => Math.round(length / scale);
  const start = (from: number, length: number, share: number) => enlarged(from + (1 - scale) * share * length);
  const size = { width: enlarged(width), height: enlarged(height) };
  return {
    ...size,
    left: Math.min(start(left, wanted.width, x), size.width - wanted.width),
    top: Math.min(start(top, wanted.height, y), size.height - wanted.height),
  };
}

/** (height, width, 3), left and right exchanged. */
export function mirrored(pixels: Pixels, { width, height }: Size): Pixels {
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [3 * (y * width + x), 3 * (y * width + width - 1 - x)];
      for (let colour = 0; colour < 3; colour++) out[to + colour] = pixels[from + colour]!;
    }
  }
  return out;
}
