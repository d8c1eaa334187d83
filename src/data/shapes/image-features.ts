/**
 * Image features computed from the pixels alone, standing in for a network's: colour averages of a coarse grid, and for
 * each cell of a 3 by 3 grid what lies there: its colour, how well it fits each shape's template, and its size.
 */
import { contains, palette } from './drawing.js';
import { colours, imageSide, radius, shapes, sizes } from './scene.js';

const gridSide = 4;
const cellSide = 3;
const perCell = colours.length + shapes.length + sizes.length;

/** D of `fc7` */
export const featureColumns = gridSide * gridSide * 3 + cellSide * cellSide * perCell;

/** Cells of a template's side. */
const templateSide = 8;
const templates = shapes.map((shape) =>
  Float64Array.from({ length: templateSide * templateSide }, (_, i) => {
    const at = (k: number) => ((k + 0.5) / templateSide) * 2 - 1;
    return contains[shape](at(i % templateSide), at(Math.floor(i / templateSide))) ? 1 : 0;
  }),
);

/** (featureColumns) of an image of (imageSide, imageSide, 3) RGB bytes. */
export function imageFeatures(pixels: Uint8Array): Float32Array {
  const features = new Float32Array(featureColumns);
  addColourAverages(pixels, features);
  const cells = features.subarray(gridSide * gridSide * 3);
  const labels = colourLabels(pixels);
  colours.forEach((_, colour) => {
    addObject(labels, colour, cells);
  });
  return features;
}

/** Averages of each cell less those of the whole image, so that the brightness of the ground counts for little. */
function addColourAverages(pixels: Uint8Array, features: Float32Array): void {
  const side = imageSide / gridSide;
  const mean = [0, 0, 0];
  for (let i = 0; i < imageSide * imageSide; i++) {
    const cell = Math.floor(Math.floor(i / imageSide) / side) * gridSide + Math.floor((i % imageSide) / side);
    for (let channel = 0; channel < 3; channel++) {
      const share = pixels[i * 3 + channel]! / 255 / (side * side);
      features[cell * 3 + channel]! += share;
      mean[channel]! += share / (gridSide * gridSide);
    }
  }
  for (let i = 0; i < gridSide * gridSide * 3; i++) features[i]! -= mean[i % 3]!;
}

const paletteRgb = Int32Array.from(colours.flatMap((colour) => palette[colour]));

/** The nearest colour of the palette for each pixel, -1 where none is near. */
function colourLabels(pixels: Uint8Array): Int8Array {
  const labels = new Int8Array(imageSide * imageSide);
  for (let i = 0; i < labels.length; i++) {
    let label = -1;
    let least = 60 ** 2;
    for (let c = 0; c < colours.length; c++) {
      const r = pixels[i * 3]! - paletteRgb[c * 3]!;
      const g = pixels[i * 3 + 1]! - paletteRgb[c * 3 + 1]!;
      const b = pixels[i * 3 + 2]! - paletteRgb[c * 3 + 2]!;
      const distance = r * r + g * g + b * b;
      if (distance < least) {
        least = distance;
        label = c;
      }
    }
    labels[i] = label;
  }
  return labels;
}

function addObject(labels: Int8Array, colour: number, cells: Float32Array): void {
  let [left, right, top, bottom, area, sumX, sumY] = [imageSide, -1, imageSide, -1, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] !== colour) continue;
    const x = i % imageSide;
    const y = (i - x) / imageSide;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
    area++;
    sumX += x;
    sumY += y;
  }
  if (area === 0) return;
  const cellOf = (mean: number) => Math.min(cellSide - 1, Math.floor((mean / imageSide) * cellSide));
  const cell = cellOf(sumY / area) * cellSide + cellOf(sumX / area);
  const at = cell * perCell;
  cells[at + colour] = 1;
  const found = resample(labels, colour, left, top, right - left + 1, bottom - top + 1);
  const fits = templates.map((template) => {
    const difference = template.reduce((sum, value, i) => sum + Math.abs(value - found[i]!), 0) / template.length;
    return Math.exp(-20 * difference);
  });
  const allFits = fits.reduce((a, b) => a + b);
  fits.forEach((fit, shape) => {
    cells[at + colours.length + shape] = fit / allFits;
  });
  const width = Math.max(right - left, bottom - top) + 1;
  sizes.forEach((size, i) => {
    cells[at + colours.length + shapes.length + i] = Math.max(0, 1 - Math.abs(width - 2 * radius[size]) / radius.small);
  });
}

/** Which cells of a template laid over the box around a colour have that colour in their centre. */
function resample(
  labels: Int8Array,
  colour: number,
  left: number,
  top: number,
  width: number,
  height: number,
): Float64Array {
  return Float64Array.from({ length: templateSide * templateSide }, (_, i) => {
    const x = left + Math.floor((((i % templateSide) + 0.5) / templateSide) * width);
    const y = top + Math.floor(((Math.floor(i / templateSide) + 0.5) / templateSide) * height);
    return labels[y * imageSide + x] === colour ? 1 : 0;
  });
}
