/** Draws a scene: flat shapes on a grey ground, no two images alike in their exact colours. */
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { uniformInts } from '../random.js';
import { type Colour, imageSide, radius, type Scene, type Shape } from './scene.js';

export type Rgb = readonly [number, number, number];

export const palette: Readonly<Record<Colour, Rgb>> = {
  red: [214, 39, 40],
  green: [40, 160, 60],
  blue: [40, 100, 225],
  yellow: [235, 205, 45],
  purple: [150, 60, 190],
  white: [235, 235, 235],
};

/** Whether a point, given from the centre in units of the radius, y downward, lies in the shape. */
export const contains: Readonly<Record<Shape, (x: number, y: number) => boolean>> = {
  circle: (x, y) => x * x + y * y <= 1,
  square: (x, y) => Math.abs(x) <= 0.9 && Math.abs(y) <= 0.9,
  triangle: (x, y) => Math.abs(y) <= 1 && Math.abs(x) <= (y + 1) / 2,
  cross: (x, y) => Math.abs(x) <= 1 && Math.abs(y) <= 1 && Math.min(Math.abs(x), Math.abs(y)) <= 1 / 3,
};

/** (imageSide, imageSide, 3) RGB bytes. */
export function drawImage(random: RandomGenerator, scene: Scene): Uint8Array {
  const pixels = new Uint8Array(imageSide * imageSide * 3);
  const [ground = 0, slope = 0] = uniformInts(random, 40, 2);
  for (let y = 0; y < imageSide; y++) {
    const grey = 90 + ground + Math.round((slope - 20) * (y / imageSide));
    pixels.fill(grey, y * imageSide * 3, (y + 1) * imageSide * 3);
  }
  for (const object of scene.objects) {
    const tint = uniformInts(random, 31, 3);
    const colour = palette[object.colour].map((channel, i) => Math.min(255, Math.max(0, channel + tint[i]! - 15)));
    const r = radius[object.size];
    for (let y = object.y - r; y <= object.y + r; y++) {
      for (let x = object.x - r; x <= object.x + r; x++) {
        if (contains[object.shape]((x - object.x) / r, (y - object.y) / r)) pixels.set(colour, (y * imageSide + x) * 3);
      }
    }
  }
  return pixels;
}
