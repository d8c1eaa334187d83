import { describe, expect, it } from 'vitest';
import { copyFloat16, roundToFloat16, widenFloat16 } from '../../src/data/float16.js';

/** Every finite float16, by its bits. */
const finite = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);

function widened(bits: Uint16Array): Float64Array {
  const values = new Float64Array(bits.length);
  widenFloat16(bits, 0, values, 0, bits.length);
  return values;
}

function rounded(values: ArrayLike<number>): Uint16Array {
  const single = Float32Array.from(values);
  const target = new Uint16Array(single.length);
  expect(roundToFloat16(new Uint32Array(single.buffer), 0, target, 0, single.length)).toBe(-1);
  return target;
}

describe('float16', () => {
  it('has the values of the standard', () => {
    const known = { 15360: 1, 49152: -2, 31743: 65504, 1024: 2 ** -14, 1: 2 ** -24, 13653: 0.333251953125 };
    expect([...widened(Uint16Array.from(Object.keys(known), Number))]).toEqual(
      Object.entries(known)
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, value]) => value),
    );
  });

  it('comes back from float32 with all its bits', () => {
    expect(rounded(widened(finite))).toEqual(finite);
  });

  it('takes the nearest of two neighbours, and the even one of two that are as near', () => {
    const positive = finite.filter((bits) => bits < 0x7bff);
    const values = widened(positive);
    const next = widened(positive.map((bits) => bits + 1));
    const between = (share: number) => values.map((value, i) => value + share * (next[i]! - value));
    expect(rounded(between(0.499))).toEqual(positive);
    expect(rounded(between(0.501))).toEqual(positive.map((bits) => bits + 1));
    expect(rounded(between(0.5))).toEqual(positive.map((bits) => bits + (bits & 1)));
  });

  it('says which number is too large for it, infinite or NaN', () => {
    for (const bad of [65520, -1e10, Number.POSITIVE_INFINITY, Number.NaN]) {
      const bits = new Uint32Array(Float32Array.of(1, 65519, bad, 2).buffer);
      expect(roundToFloat16(bits, 0, new Uint16Array(4), 0, 4)).toBe(2);
      expect(roundToFloat16(bits, 1, new Uint16Array(4), 0, 3)).toBe(1);
    }
    expect(copyFloat16(Uint16Array.of(0, 0x7bff, 0x7c00), 0, new Uint16Array(3), 0, 3)).toBe(2);
    expect(copyFloat16(Uint16Array.of(0, 0xfe00), 0, new Uint16Array(2), 0, 2)).toBe(1);
  });
});
