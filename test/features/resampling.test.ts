import { describe, expect, it } from 'vitest';
import { generator, uniformInts } from '../../src/data/random.js';
import { decodePhoto } from '../../src/features/decoding.js';
import { placementOf } from '../../src/features/placement.js';
import { resampled } from '../../src/features/resampling.js';
import { image } from './photos.js';

/** Coloured waves under noise: smooth, and different at every pixel. */
function scene(width: number, height: number): Uint8Array {
  const noise = uniformInts(generator(7), 41, width * height * 3);
  return Uint8Array.from(noise, (value, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 108 + value + 80 * Math.sin((x + 2 * y) / (9 + (i % 3)));
  });
}

const photos = { twice: [61, 45], manyTimes: [400, 301], enlarged: [20, 17] } as const;

describe('Scaling without a library', () => {
  const all = Object.values(photos).flatMap((size) =>
    (['linear', 'cubic'] as const).map((kernel) => [size, kernel] as const),
  );
  it.each(all)('comes to the pixels of sharp: %j, %s', async ([width, height], kernel) => {
    const pixels = scene(width, height);
    const bytes = await image(width, height, pixels).png().toBuffer();
    for (const shorterSide of [28, null]) {
      const wanted = { height: 24, width: 24, shorterSide, kernel };
      const expected = await decodePhoto({ name: 'photo', read: () => bytes }, wanted);
      const found = resampled(pixels, { width, height }, placementOf({ width, height }, wanted)!, wanted);
      expect(found.length).toBe(expected.length);
      const differences = Array.from(found, (value, i) => Math.abs(value - expected[i]!));
      expect(differences.reduce((sum, each) => sum + each, 0) / differences.length).toBeLessThan(0.75);
      expect(Math.max(...differences)).toBeLessThanOrEqual(6);
    }
  });
});
