/** Small images for tests: as files' bytes, and as the photos of a data folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

/** (height, width, 3) in which every pixel differs: its column, its row and their sum. */
export function pattern(width: number, height: number): Uint8Array {
  const step = Math.max(1, Math.floor(255 / (width + height)));
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return step * [x, y, x + y][i % 3]!;
  });
}

export function image(width: number, height: number, pixels = pattern(width, height)): Sharp {
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

export async function png(width: number, height: number): Promise<Buffer> {
  return await image(width, height).png().toBuffer();
}

/** Puts 20 training and 9 validation photos, all different, into a data folder, with the lists that name them. */
export async function writePhotos(data: string, width: number, height: number): Promise<void> {
  mkdirSync(join(data, 'photos'));
  for (const [split, count] of [
    ['train', 20],
    ['val', 9],
  ] as const) {
    const names = Array.from({ length: count }, (_, i) => `photos/${split}-${i}.png`);
    for (const [i, name] of names.entries()) {
      const pixels = pattern(width, height).map((value, at) => (value * (i + 1) + 40 * (at % 3) * i) % 256);
      writeFileSync(join(data, name), await image(width, height, pixels).png().toBuffer());
    }
    writeFileSync(join(data, `${split}2014_images.txt`), `${names.join('\n')}\n`);
  }
}
