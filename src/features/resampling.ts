/**
 * Scales pixels without a library, for where sharp cannot run, in the way of libvips, which sharp scales by: a side that
 * shrinks is first averaged over whole numbers of pixels, so far that a factor of two or more is left, and then weighted by
 * the kernel; down first, then across, rounded to bytes each time.
 */
import type { Placement, Size } from './placement.js';
import type { Pixels, Preprocessing } from './preprocessing.js';

/**
 * @param pixels (height, width, 3)
 * @returns the wanted part of the scaled pixels: (wanted height, wanted width, 3)
 */
export function resampled(
  pixels: Pixels,
  { width, height }: Size,
  to: Placement,
  wanted: Size & Pick<Preprocessing, 'kernel'>,
): Pixels {
  const { kernel } = wanted;
  const rows = { from: height, to: to.height, first: to.top, count: wanted.height };
  const columns = { from: width, to: to.width, first: to.left, count: wanted.width };
  const down = alongRows(pixels, 3 * width, rows, kernel);
  return transposed(
    alongRows(transposed(down, wanted.height, width), 3 * wanted.height, columns, kernel),
    wanted.width,
    wanted.height,
  );
}

/** A side of so many pixels, scaled to so many, of which some are wanted. */
interface Scaling {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly count: number;
}

/** @param rows (from, length) → (count, length) */
function alongRows(rows: Uint8Array, length: number, scaling: Scaling, kernel: Preprocessing['kernel']): Uint8Array {
  const { from, to, first, count } = scaling;
  if (from === to) return rows.subarray(first * length, (first + count) * length);
  const whole = Math.max(1, Math.floor(from / to / 2));
  const averaged = averagedRows(rows, length, from, whole);
  const last = averaged.length / length - 1;
  const factor = from / to / whole;
  const out = new Uint8Array(count * length);
  const sums = new Float64Array(length);
  for (let i = 0; i < count; i++) {
    const at = first + i;
    // What is enlarged libvips begins half a pixel before its edge.
    const centre = (factor < 1 ? at : at + 0.5) * factor - 0.5;
    sums.fill(0);
    for (const [row, weight] of weightsAround(centre, Math.max(1, factor), kernel)) {
      // Beyond the edge its pixels go on.
      const start = Math.min(last, Math.max(0, row)) * length;
      for (let j = 0; j < length; j++) sums[j]! += weight * averaged[start + j]!;
    }
    for (let j = 0; j < length; j++) out[i * length + j] = Math.min(255, Math.max(0, Math.round(sums[j]!)));
  }
  return out;
}

/** Means of each `whole` rows; at the end the last row stands for those that are missing. */
function averagedRows(rows: Uint8Array, length: number, from: number, whole: number): Uint8Array {
  if (whole === 1) return rows;
  const count = Math.ceil(from / whole);
  const out = new Uint8Array(count * length);
  const sums = new Uint32Array(length);
  for (let i = 0; i < count; i++) {
    sums.fill(0);
    for (let k = 0; k < whole; k++) {
      const start = Math.min(from - 1, i * whole + k) * length;
      for (let j = 0; j < length; j++) sums[j]! += rows[start + j]!;
    }
    for (let j = 0; j < length; j++) out[i * length + j] = Math.round(sums[j]! / whole);
  }
  return out;
}

/** Places about the centre with their weights, which sum to 1. */
function weightsAround(centre: number, width: number, kernel: Preprocessing['kernel']): [number, number][] {
  const reach = (kernel === 'linear' ? 1 : 2) * width;
  const shape = kernel === 'linear' ? triangle : catmullRom;
  const places: [number, number][] = [];
  for (let at = Math.ceil(centre - reach); at <= centre + reach; at++) places.push([at, shape((at - centre) / width)]);
  const sum = places.reduce((total, [, weight]) => total + weight, 0);
  return places.map(([at, weight]) => [at, weight / sum]);
}

function triangle(x: number): number {
  return Math.max(0, 1 - Math.abs(x));
}

/** The cubic convolution kernel of Keys (1981) with a = -1/2. */
function catmullRom(signed: number): number {
  const x = Math.abs(signed);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/** (height, width, 3) → (width, height, 3) */
function transposed(pixels: Uint8Array, height: number, width: number): Uint8Array {
  const out = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [3 * (y * width + x), 3 * (x * height + y)];
      for (let colour = 0; colour < 3; colour++) out[to + colour] = pixels[from + colour]!;
    }
  }
  return out;
}
