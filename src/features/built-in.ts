/**
 * An extractor without a network: statistics of colour, gradient and texture over a grid of cells. It says where something
 * is red or striped, and knows no objects; a network's features describe images far better.
 *
 * Of each cell: mean and deviation of red, green and blue; a histogram of gradient directions, weighted by their length
 * (Dalal and Triggs 2005); a histogram of uniform local binary patterns (Ojala, Pietikäinen and Mäenpää 2002). The features
 * are the cells one behind the other, and a histogram of colours of the whole image.
 */
import type { Pixels, Preprocessing } from './preprocessing.js';
import type { Rows } from './tensor-rows.js';

/** Goes up with every change of the numbers. */
export const builtInVersion = 1;

const cellSide = 16;
const cells = 7;
const side = cells * cellSide;
const directions = 8;
/** 0 to 8 ones in a row, and all other patterns. */
const patterns = 10;
/** C */
const cellColumns = 6 + directions + patterns;
const levels = 4;
/** D */
const columns = cells * cells * cellColumns + levels ** 3;

export const builtInSize: Pick<Preprocessing, 'height' | 'width' | 'shorterSide' | 'kernel'> = {
  height: side,
  width: side,
  shorterSide: side,
  kernel: 'linear',
};

/** (n, D) and (n, L, C) of images of (side, side, 3). */
export function builtInRows(images: readonly Pixels[]): { features: Rows; grid: Rows } {
  const positions = cells * cells;
  const features = new Float32Array(images.length * columns);
  const grid = new Float32Array(images.length * positions * cellColumns);
  images.forEach((pixels, image) => {
    const found = grid.subarray(image * positions * cellColumns, (image + 1) * positions * cellColumns);
    const grey = greyOf(pixels);
    for (let cell = 0; cell < positions; cell++) {
      const [x, y] = [(cell % cells) * cellSide, Math.floor(cell / cells) * cellSide];
      const target = found.subarray(cell * cellColumns, (cell + 1) * cellColumns);
      addColours(pixels, x, y, target.subarray(0, 6));
      addDirections(grey, x, y, target.subarray(6, 6 + directions));
      addPatterns(grey, x, y, target.subarray(6 + directions));
    }
    features.set(found, image * columns);
    addHistogram(pixels, features.subarray(image * columns + found.length, (image + 1) * columns));
  });
  return {
    features: { data: features, positions: 1, columns },
    grid: { data: grid, positions, columns: cellColumns },
  };
}

/** Luma of ITU-R BT.601, from 0 to 1. */
function greyOf(pixels: Pixels): Float64Array {
  return Float64Array.from(
    { length: side * side },
    (_, i) => (0.299 * pixels[3 * i]! + 0.587 * pixels[3 * i + 1]! + 0.114 * pixels[3 * i + 2]!) / 255,
  );
}

function addColours(pixels: Pixels, x: number, y: number, target: Float32Array): void {
  for (let colour = 0; colour < 3; colour++) {
    let [sum, squares] = [0, 0];
    forCell(x, y, (at) => {
      const value = pixels[3 * at + colour]! / 255;
      sum += value;
      squares += value * value;
    });
    const mean = sum / cellSide ** 2;
    target[colour] = mean;
    target[3 + colour] = Math.sqrt(Math.max(0, squares / cellSide ** 2 - mean * mean));
  }
}

/** Length 1, or shorter where hardly anything changes. */
function addDirections(grey: Float64Array, x: number, y: number, target: Float32Array): void {
  forCell(x, y, (at, column, row) => {
    const dx = grey[at + (column < side - 1 ? 1 : 0)]! - grey[at - (column > 0 ? 1 : 0)]!;
    const dy = grey[at + (row < side - 1 ? side : 0)]! - grey[at - (row > 0 ? side : 0)]!;
    const turn = (Math.atan2(dy, dx) / Math.PI + 1) % 1;
    target[Math.min(directions - 1, Math.floor(turn * directions))]! += Math.hypot(dx, dy);
  });
  const length = Math.hypot(...target, 1);
  for (let i = 0; i < directions; i++) target[i]! /= length;
}

/** Offsets of the eight neighbours, round the pixel. */
const neighbours = [-side - 1, -side, -side + 1, 1, side + 1, side, side - 1, -1];

function addPatterns(grey: Float64Array, x: number, y: number, target: Float32Array): void {
  forCell(x, y, (at, column, row) => {
    if (column === 0 || row === 0 || column === side - 1 || row === side - 1) return;
    let [ones, changes] = [0, 0];
    let before = grey[at + neighbours[7]!]! >= grey[at]!;
    for (const offset of neighbours) {
      const isOne = grey[at + offset]! >= grey[at]!;
      if (isOne) ones++;
      if (isOne !== before) changes++;
      before = isOne;
    }
    target[changes <= 2 ? ones : patterns - 1]! += 1 / cellSide ** 2;
  });
}

function addHistogram(pixels: Pixels, target: Float32Array): void {
  const level = (value: number) => Math.floor((value * levels) / 256);
  for (let i = 0; i < side * side; i++) {
    const [r, g, b] = [level(pixels[3 * i]!), level(pixels[3 * i + 1]!), level(pixels[3 * i + 2]!)];
    target[(r * levels + g) * levels + b]! += 1 / (side * side);
  }
}

function forCell(x: number, y: number, visit: (at: number, column: number, row: number) => void): void {
  for (let row = y; row < y + cellSide; row++) {
    for (let column = x; column < x + cellSide; column++) visit(row * side + column, column, row);
  }
}
