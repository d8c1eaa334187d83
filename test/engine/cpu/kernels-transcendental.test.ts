import { describe, expect, test } from 'vitest';
import { guardedMemory, runnableSets } from './kernels-memory.js';

describe.each(runnableSets)('%s', (instructionSet) => {
  const arena = guardedMemory(instructionSet);
  const smallestNormal = 2 ** -126;

  /** Every 641st float from -limit to limit, denormals and both zeros included: over three million. */
  function sweep(limit: number): Float32Array {
    const bits = new Uint32Array(Float32Array.of(limit).buffer)[0]!;
    const step = 641;
    const count = Math.floor(bits / step) + 1;
    const words = new Uint32Array(2 * count);
    for (let i = 0; i < count; i++) {
      words[2 * i] = i * step;
      words[2 * i + 1] = (0x80000000 | (i * step)) >>> 0;
    }
    return new Float32Array(words.buffer);
  }

  type Name = 'vexp' | 'vtanh' | 'vsigmoid';
  const functions: { name: Name; exact: (x: number) => number; limit: number }[] = [
    { name: 'vexp', exact: Math.exp, limit: 88.72 },
    { name: 'vtanh', exact: Math.tanh, limit: 3e38 },
    { name: 'vsigmoid', exact: (x) => 1 / (1 + Math.exp(-x)), limit: 3e38 },
  ];

  function evaluate(name: Name, x: Float32Array): Float32Array {
    arena.clear();
    const src = arena.put(x);
    const dst = arena.take(x.byteLength);
    arena.kernels[name](src, dst, x.length);
    arena.checkGuards();
    return arena.floats(dst, x.length);
  }

  for (const { name, exact, limit } of functions) {
    test(`${name} has a relative error below 3e-7 wherever its value is a normal number`, () => {
      const x = sweep(limit);
      let worst = 0;
      for (let from = 0; from < x.length; from += 1 << 20) {
        const part = x.subarray(from, from + (1 << 20));
        const y = evaluate(name, part);
        for (let i = 0; i < part.length; i++) {
          const expected = exact(part[i]!);
          // Below the normal numbers a float has fewer digits: then half a unit of the last place is allowed.
          const scale = Math.max(Math.abs(expected), smallestNormal);
          worst = Math.max(worst, Math.abs(y[i]! - expected) / scale);
        }
      }
      expect(worst).toBeLessThan(3e-7);
    });

    test(`${name} treats zeros, infinities and NaN as the real function does, in every lane`, () => {
      const special = [0, -0, Infinity, -Infinity, 1e-45, -1e-45, 1000, -1000];
      for (let n = 1; n <= 9; n++) {
        for (const value of special) {
          const expected = Float32Array.from({ length: n }, () => exact(value));
          expect(evaluate(name, new Float32Array(n).fill(value))).toEqual(expected);
        }
        for (const word of [0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff]) {
          expect([...evaluate(name, new Float32Array(new Uint32Array(n).fill(word).buffer))].every(Number.isNaN)).toBe(
            true,
          );
        }
      }
    });
  }

  test('tanh is odd and stays within [-1, 1]', () => {
    const x = sweep(100).subarray(0, 1 << 20);
    const y = evaluate('vtanh', x);
    const mirrored = evaluate(
      'vtanh',
      x.map((value) => -value),
    );
    expect(y.every((value, i) => Object.is(-value, mirrored[i]) && Math.abs(value) <= 1)).toBe(true);
  });
});
