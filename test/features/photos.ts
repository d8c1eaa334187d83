/** Small images for tests, as files' bytes. */
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
