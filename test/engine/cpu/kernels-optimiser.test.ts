import { describe, expect, test } from 'vitest';
import type { Kernels } from '../../../src/engine/cpu/kernels.js';
import { guardedMemory, runnableSets, uniform } from './kernels-memory.js';

/** Element i of parameters and of the rule's arrays in float64, given the mean gradient. */
type Rule = (w: number, states: number[], g: number) => number;

interface Case {
  readonly states: number;
  /** The kernel over elements [from, to) of arrays at these offsets. */
  readonly run: (
    kernels: Kernels,
    arrays: readonly number[],
    ...range: [slots: number, count: number, from: number, to: number, divisor: number, limit: number, decay: number]
  ) => void;
  readonly rule: Rule;
}

const adamNumbers = [1e-3, 0.9, 0.999, 1e-8] as const;

const cases: Readonly<Record<string, Case>> = {
  adam: {
    states: 2,
    run: (kernels, [w, m, v], ...range) => kernels.adam(w!, m!, v!, ...range, 1, ...adamNumbers),
    rule: adamRule(1),
  },
  'adam with decoupled decay': {
    states: 2,
    run: (kernels, [w, m, v], ...range) => kernels.adam(w!, m!, v!, ...range, 0.75, ...adamNumbers),
    rule: adamRule(0.75),
  },
  momentum: {
    states: 1,
    run: (kernels, [w, velocity], ...range) => kernels.momentum(w!, velocity!, ...range, 0.05, 0.9, 0),
    rule(w, states, g) {
      states[0] = 0.9 * states[0]! - 0.05 * g;
      return w + states[0];
    },
  },
  nesterov: {
    states: 1,
    run: (kernels, [w, velocity], ...range) => kernels.momentum(w!, velocity!, ...range, 0.05, 0.9, 1),
    rule(w, states, g) {
      states[0] = 0.9 * states[0]! - 0.05 * g;
      return w + 0.9 * states[0] - 0.05 * g;
    },
  },
  'roots of mean squares': {
    states: 1,
    run: (kernels, [w, square], ...range) => kernels.rootOfSquares(w!, square!, ...range, 0.01, 0.9, 0.1, 1e-2),
    rule(w, states, g) {
      states[0] = 0.9 * states[0]! + 0.1 * g * g;
      return w - (0.01 * g) / (Math.sqrt(states[0]) + 1e-2);
    },
  },
  'roots of sums of squares': {
    states: 1,
    run: (kernels, [w, square], ...range) => kernels.rootOfSquares(w!, square!, ...range, 0.01, 1, 1, 1e-2),
    rule(w, states, g) {
      states[0] = states[0]! + g * g;
      return w - (0.01 * g) / (Math.sqrt(states[0]) + 1e-2);
    },
  },
};

function adamRule(keep: number): Rule {
  const [stepSize, beta1, beta2, epsilon] = adamNumbers;
  return (w, states, g) => {
    states[0] = beta1 * states[0]! + (1 - beta1) * g;
    states[1] = beta2 * states[1]! + (1 - beta2) * g * g;
    return keep * w - (stepSize * states[0]) / (Math.sqrt(states[1]) + epsilon);
  };
}

describe.each(runnableSets)('%s', (instructionSet) => {
  const arena = guardedMemory(instructionSet);
  const count = 101;
  const divisor = 7;

  const put = (seed: number) => arena.put(uniform(count, seed));
  const tableOf = (slots: number) => arena.put(Uint32Array.from({ length: slots }, (_, slot) => put(10 + slot)));

  /** Three updates, the elements split at `cuts`: parameters and the rule's arrays. */
  function updated({ states, run }: Case, slots: number, cuts: readonly number[], limit: number, decay: number) {
    arena.clear();
    const arrays = [put(1), ...Array.from({ length: states }, () => arena.put(new Float32Array(count)))];
    const table = tableOf(slots);
    for (let step = 0; step < 3; step++) {
      for (const [i, from] of cuts.entries()) {
        run(arena.kernels, arrays, table, slots, from, cuts[i + 1] ?? count, divisor, limit, decay);
      }
    }
    arena.checkGuards();
    return arrays.map((at) => arena.floats(at, count));
  }

  const clippings = [
    [1, Number.POSITIVE_INFINITY, 0],
    [2, Number.POSITIVE_INFINITY, 0],
    [5, 0.05, 0.02],
  ] as const;

  for (const [name, each] of Object.entries(cases)) {
    test.each(clippings)(
      `${name} over %i slots, cut to %f, with decay %f: agrees with float64, and however it is split to the bit`,
      (slots, limit, decay) => {
        const whole = updated(each, slots, [0], limit, decay);
        const gradients = Array.from({ length: slots }, (_, slot) => uniform(count, 10 + slot));
        const start = uniform(count, 1);
        for (let i = 0; i < count; i++) {
          const mean = gradients.reduce((sum, slot) => sum + slot[i]!, 0) / divisor;
          const cut = Math.max(-limit, Math.min(limit, mean));
          let w = start[i]!;
          const states = new Array<number>(each.states).fill(0);
          for (let step = 0; step < 3; step++) w = each.rule(w, states, cut + decay * w);
          [w, ...states].forEach((expected, array) => {
            expect(Math.abs(whole[array]![i]! - expected)).toBeLessThan(4e-7);
          });
        }
        for (const cuts of [[0, 50], [0, 1, 2, 3, 17, 34, 100], Array.from({ length: count }, (_, i) => i)]) {
          expect(updated(each, slots, cuts, limit, decay)).toEqual(whole);
        }
      },
    );
  }

  test.each([1, 3])('the sum of %i slots is kept in another array or in the first of them', (slots) => {
    const sums = Array.from({ length: count }, (_, i) =>
      Array.from({ length: slots }, (_, slot) => uniform(count, 10 + slot)[i]!).reduce((a, b) => Math.fround(a + b)),
    );
    arena.clear();
    const table = tableOf(slots);
    const out = arena.put(new Float32Array(count));
    arena.kernels.addSlots(out, table, slots, 0, count);
    const [first] = arena.integers(table, 1);
    arena.kernels.addSlots(first!, table, slots, 0, count);
    expect([...arena.floats(out, count)]).toEqual(sums);
    expect([...arena.floats(first!, count)]).toEqual(sums);
    const squares = arena.kernels.sumOfSquares(arena.put(Uint32Array.of(out)), 1, 0, count);
    expect(squares).toBeCloseTo(
      sums.reduce((sum, x) => sum + x * x, 0),
      12,
    );
    arena.checkGuards();
  });

  test('a moving average follows the parameters, and is they where nothing of it is kept', () => {
    arena.clear();
    const [average, parameters] = [put(1), put(2)];
    arena.kernels.moveAverage(average, parameters, 0, count, 0.75);
    const [before, w] = [uniform(count, 1), uniform(count, 2)];
    arena.floats(average, count).forEach((value, i) => {
      expect(Math.abs(value - (0.75 * before[i]! + 0.25 * w[i]!))).toBeLessThan(1e-7);
    });
    arena.kernels.moveAverage(average, parameters, 0, count, 0);
    expect(arena.floats(average, count)).toEqual(w);
    arena.checkGuards();
  });

  test('a velocity whose gradient stays zero fades to zero, not to subnormal numbers, which are slow', () => {
    arena.clear();
    const velocity = arena.put([1e-38, -1e-38, 1e-37]);
    const table = arena.put(Uint32Array.of(arena.put([0, 0, 0])));
    arena.kernels.momentum(arena.put([0, 0, 0]), velocity, table, 1, 0, 3, 1, Infinity, 0, 1, 0.5, 0);
    expect([...arena.floats(velocity, 3)]).toEqual([0, 0, Math.fround(0.5 * Math.fround(1e-37))]);
  });

  test.each([1, 2, 4])('the state of %i arrays is saved one behind the other', (arrays) => {
    arena.clear();
    const [from, to, length] = [16, 64, 80];
    const values = Array.from({ length: arrays }, (_, i) => uniform(length, 20 + i));
    const table = arena.put(Uint32Array.from(values, (each) => arena.put(each)));
    const slots = arena.put(Uint32Array.of(arena.put(uniform(length, 9)), arena.put(uniform(length, 10))));
    const out = arena.take(arrays * (to - from) * 4);
    arena.kernels.saveState(table, arrays, slots, 2, from, to, out);
    const expected = values.flatMap((each) => [...each.subarray(from, to)]);
    expect([...arena.floats(out, arrays * (to - from))]).toEqual(expected);
    arena.checkGuards();
  });

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
