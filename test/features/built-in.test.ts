import { describe, expect, it } from 'vitest';
import { builtInRows, builtInSize } from '../../src/features/built-in.js';

const side = builtInSize.width;

function drawn(colour: (x: number, y: number) => readonly [number, number, number]): Uint8Array {
  return Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const at = Math.floor(i / 3);
    return colour(at % side, Math.floor(at / side))[i % 3]!;
  });
}

describe('the built-in extractor', () => {
  it('says where which colour is', () => {
    const { grid } = builtInRows([drawn((x) => (x < 32 ? [255, 0, 0] : [0, 0, 255]))]);
    const cell = (n: number) => [...grid.data.subarray(n * grid.columns, n * grid.columns + 3)];
    expect([grid.positions, cell(0), cell(1), cell(2), cell(6)]).toEqual([
      49,
      [1, 0, 0],
      [1, 0, 0],
      [0, 0, 1],
      [0, 0, 1],
    ]);
  });

  it('tells upright stripes from lying ones, and both from an even surface', () => {
    const stripe = (k: number): readonly [number, number, number] => (k % 8 < 4 ? [255, 255, 255] : [0, 0, 0]);
    const images = [drawn((x) => stripe(x)), drawn((_, y) => stripe(y)), drawn(() => [99, 99, 99])];
    const { grid } = builtInRows(images);
    const directions = images.map((_, image) => {
      const start = (image * 49 + 24) * grid.columns + 6;
      return [...grid.data.subarray(start, start + 8)].map((share) => (share > 0.1 ? 1 : 0));
    });
    expect(directions).toEqual([
      [1, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 1, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0],
    ]);
  });

  it('gives an image the same numbers whatever is beside it', () => {
    const [a, b] = [drawn((x, y) => [x, y, x + y]), drawn((x, y) => [y, y, x])];
    const together = builtInRows([a, b]);
    const alone = [builtInRows([a]), builtInRows([b])];
    expect(together.features.data).toEqual(Float32Array.of(...alone[0]!.features.data, ...alone[1]!.features.data));
    expect(together.features.data).toHaveLength(2 * together.features.columns);
  });
});
