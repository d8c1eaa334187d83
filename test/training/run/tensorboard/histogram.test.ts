import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HistogramCounts } from '../../../../src/training/run/tensorboard/histogram.js';

const finite = fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, max: 2 ** 50, min: -(2 ** 50) });

function histogramOf(values: Float32Array) {
  const counts = new HistogramCounts();
  counts.add(values.subarray(0, values.length >> 1));
  counts.add(values.subarray(values.length >> 1));
  return counts.result();
}

it('a histogram counts every number in the bucket that holds it', () => {
  const isRight = fc.property(finite, (values) => {
    const { min, max, count, sum, sumOfSquares, limits, counts } = histogramOf(values)!;
    const numbers = [...values];
    expect(min).toBe(Math.min(...numbers));
    expect(max).toBe(Math.max(...numbers));
    expect(count).toBe(numbers.length);
    expect(sum).toBeCloseTo(
      numbers.reduce((total, value) => total + value, 0),
      0,
    );
    expect(sumOfSquares).toBeGreaterThanOrEqual(max ** 2);
    expect(limits).toEqual([...limits].sort((a, b) => a - b));
    const expected = limits.map((end, i) => {
      const begin = i === 0 ? Number.NEGATIVE_INFINITY : limits[i - 1]!;
      // A negative number on an edge belongs to what lies below it.
      const isIn = (value: number) =>
        value < 0 || Object.is(value, -0) ? begin < value && value <= end : begin <= value && value < end;
      return numbers.filter(isIn).length;
    });
    expect(counts).toEqual(expected);
  });
  fc.assert(isRight);
});

it('there is none of no numbers, and of what is not finite', () => {
  expect(histogramOf(new Float32Array())).toBeNull();
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(histogramOf(Float32Array.of(1, value, 2))).toBeNull();
  }
});
