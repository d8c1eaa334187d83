import { expect, it } from 'vitest';
import { componentBytes } from '../../src/export/web-page.js';

it('components of a usual size, 512 of 1,280 columns, are written whole', () => {
  const mean = Float64Array.from({ length: 1280 }, (_, i) => i / 8);
  const directions = Float64Array.from({ length: 512 * 1280 }, (_, i) => i);
  const numbers = new Float32Array(componentBytes({ mean, directions, count: 512 }).buffer);
  expect(numbers).toHaveLength(1280 * 513);
  expect(numbers[1279]).toBe(1279 / 8);
  expect(numbers[1280]).toBe(0);
  expect(numbers.at(-1)).toBe(512 * 1280 - 1);
});
