import { describe, expect, test } from 'vitest';
import { guardedMemory, runnableSets, uniform } from './kernels-memory.js';

describe.each(runnableSets)('%s', (instructionSet) => {
  const arena = guardedMemory(instructionSet);
  const count = 101;
  const settings = { stepSize: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, divisor: 7 };

  /** Two Adam steps over `slots` gradient slots, the elements split at `cuts`. */
  function adam(slots: number, cuts: readonly number[]) {
    arena.clear();
    const flat = (seed: number) => arena.put(uniform(count, seed));
    const parameters = flat(1);
    const m = arena.put(new Float32Array(count));
    const v = arena.put(new Float32Array(count));
    const table = arena.put(Uint32Array.from({ length: slots }, (_, slot) => flat(10 + slot)));
    const { stepSize, beta1, beta2, epsilon, divisor } = settings;
    for (let step = 0; step < 2; step++) {
      for (const [i, from] of cuts.entries()) {
        const to = cuts[i + 1] ?? count;
        arena.kernels.adam(parameters, m, v, table, slots, from, to, stepSize, beta1, beta2, epsilon, divisor);
      }
    }
    arena.checkGuards();
    return [parameters, m, v].map((at) => arena.floats(at, count)) as [Float32Array, Float32Array, Float32Array];
  }

  for (const slots of [1, 2, 5]) {
    test(`Adam over ${slots} slots agrees with float64, and however it is split to the bit`, () => {
      const whole = adam(slots, [0]);
      const gradients = Array.from({ length: slots }, (_, slot) => uniform(count, 10 + slot));
      const { stepSize, beta1, beta2, epsilon, divisor } = settings;
      const start = uniform(count, 1);
      for (let i = 0; i < count; i++) {
        const g = gradients.reduce((sum, slot) => sum + slot[i]!, 0) / divisor;
        let [w, m, v] = [start[i]!, 0, 0];
        for (let step = 0; step < 2; step++) {
          m = beta1 * m + (1 - beta1) * g;
          v = beta2 * v + (1 - beta2) * g * g;
          w -= (stepSize * m) / (Math.sqrt(v) + epsilon);
        }
        // A sum of slots may cancel, which the update, being scale-free, does not see but m and v do.
        expect(Math.abs(whole[0][i]! - w)).toBeLessThan(2e-7);
        expect(Math.abs(whole[1][i]! - m)).toBeLessThan(1e-7);
        expect(Math.abs(whole[2][i]! - v)).toBeLessThan(1e-9);
      }
      for (const cuts of [[0, 50], [0, 1, 2, 3, 17, 34, 100], Array.from({ length: count }, (_, i) => i)]) {
        expect(adam(slots, cuts)).toEqual(whole);
      }
    });
  }

  test('the largest magnitude is found in every place, and NaN and infinities show', () => {
    for (const n of [1, 2, 3, 4, 5, 8, 11]) {
      for (let at = 0; at < n; at++) {
        for (const value of [-2, 2, Infinity, -Infinity, Number.NaN]) {
          arena.clear();
          const data = uniform(n, 5);
          data[at] = value;
          expect(arena.kernels.largestMagnitude(arena.put(data), n)).toBe(Math.abs(value));
        }
      }
    }
    expect(arena.kernels.largestMagnitude(256, 0)).toBe(0);
  });

  /** To bfloat16 by arithmetic on the number itself: 8 significant bits, ties to even. */
  function toBf16(x: number): number {
    const word = new Uint32Array(Float32Array.of(x).buffer)[0]!;
    const low = word & 0xffff;
    const high = word >>> 16;
    return low > 0x8000 || (low === 0x8000 && high % 2 === 1) ? high + 1 : high;
  }

  test('bfloat16 is rounded to nearest, ties to even, in blocks of any size', () => {
    for (const [rows, columns] of [
      [3, 1],
      [2, 8],
      [5, 13],
      [1, 4097],
    ] as const) {
      arena.clear();
      const [srcStride, dstStride] = [columns + 2, columns + 3];
      const src = uniform(rows * srcStride, 7).map((x, i) => (i % 3 === 0 ? x * 1e30 : x));
      // Exact ties, the largest float, infinities, zeros and denormals among them.
      new Uint32Array(src.buffer).set([0x3f808000, 0x3f818000, 0x7f7fffff].slice(0, rows * columns));
      if (columns > 20) src.set([Infinity, -Infinity, 0, -0, 1e-45, -1e-40], 3);
      const dst = arena.put(new Uint16Array(rows * dstStride).fill(0xabcd));
      arena.kernels.toBf16(arena.put(src), srcStride, dst, dstStride, rows, columns);
      const got = arena.halves(dst, rows * dstStride);
      const expected = got.map((_, i) => {
        const [row, column] = [Math.floor(i / dstStride), i % dstStride];
        return column < columns ? toBf16(src[row * srcStride + column]!) : 0xabcd;
      });
      expect(got).toEqual(expected);
      arena.checkGuards();
    }
  });

  test('NaN stays NaN in bfloat16', () => {
    arena.clear();
    const dst = arena.take(18);
    arena.kernels.toBf16(arena.put(new Uint32Array(9).fill(0x7f800001)), 9, dst, 9, 1, 9);
    for (const half of arena.halves(dst, 9)) {
      expect(new Float32Array(Uint32Array.of(half << 16).buffer)[0]).toBeNaN();
    }
  });
});
