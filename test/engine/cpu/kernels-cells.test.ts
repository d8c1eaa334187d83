import { describe, expect, test } from 'vitest';
import { guardedMemory, runnableSets, uniform } from './kernels-memory.js';

describe.each(runnableSets)('%s', (instructionSet) => {
  const arena = guardedMemory(instructionSet);
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const wide = (count: number, seed: number) => uniform(count, seed).map((x) => 6 * x);

  /** Rows and columns with every number of lanes left over, and inputs that several rows share. */
  const shapes = [
    { rows: 1, H: 1 },
    { rows: 3, H: 2 },
    { rows: 7, H: 5 },
    { rows: 5, H: 11 },
    { rows: 9, H: 64 },
  ];

  /** The largest difference from `expected`, over the largest magnitude that took part in the sum. */
  function expectNear(got: Float32Array, expected: ArrayLike<number>, scale = 1): void {
    expect(got.length).toBe(expected.length);
    const worst = got.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    expect(worst).toBeLessThan(3e-7 * scale);
  }

  for (const { rows, H } of shapes) {
    const inputs = 3;
    const inputOf = Int32Array.from({ length: rows }, (_, row) => (2 * row + 1) % inputs);

    test(`an RNN step of ${rows} rows by ${H} is tanh of the sum, and its gradient that of tanh`, () => {
      arena.clear();
      const x = wide(inputs * H, 1);
      const r = wide(rows * H, 2);
      const h = arena.take(rows * H * 4);
      arena.kernels.rnnCell(arena.put(x), arena.put(inputOf), arena.put(r), h, rows, H);
      const hValues = arena.floats(h, rows * H);
      expectNear(
        hValues,
        hValues.map((_, i) => Math.tanh(x[inputOf[Math.floor(i / H)]! * H + (i % H)]! + r[i]!)),
      );

      const dh = uniform(rows * H, 3);
      const nextRows = rows - 1;
      const dhNext = uniform(nextRows * H, 4);
      const da = arena.take(rows * H * 4);
      const dhAt = arena.put(dh);
      arena.kernels.rnnCellBackward(h, dhAt, arena.put(dhNext), nextRows, da, rows, H);
      const expected = (next: Float32Array) =>
        Array.from(dh, (grad, i) => (1 - hValues[i]! ** 2) * (grad + (next[i] ?? 0)));
      expectNear(arena.floats(da, rows * H), expected(dhNext));
      arena.kernels.rnnCellBackward(h, dhAt, 0, 0, da, rows, H);
      expectNear(arena.floats(da, rows * H), expected(new Float32Array(0)));
      arena.checkGuards();
    });

    test(`an LSTM step of ${rows} rows by ${H} and its gradient follow the course's formulas`, () => {
      arena.clear();
      const x = wide(inputs * 4 * H, 1);
      const r = wide(rows * 4 * H, 2);
      const prevC = uniform(rows * H, 3);
      const gates = arena.put(r);
      const prevCAt = arena.put(prevC);
      const c = arena.take(rows * H * 4);
      const h = arena.take(rows * H * 4);
      arena.kernels.lstmCell(arena.put(x), arena.put(inputOf), gates, prevCAt, c, h, rows, H);
      const [gateValues, cValues] = [arena.floats(gates, rows * 4 * H), arena.floats(c, rows * H)];
      expectNear(
        gateValues,
        gateValues.map((_, at) => {
          const [row, column] = [Math.floor(at / (4 * H)), at % (4 * H)];
          const a = x[inputOf[row]! * 4 * H + column]! + r[at]!;
          return column < 3 * H ? sigmoid(a) : Math.tanh(a);
        }),
      );
      const gate = (which: number, i: number) => gateValues[(Math.floor(i / H) * 4 + which) * H + (i % H)]!;
      const [iGate, fGate, oGate, gGate] = [0, 1, 2, 3].map((which) => (i: number) => gate(which, i)) as [
        (i: number) => number,
        (i: number) => number,
        (i: number) => number,
        (i: number) => number,
      ];
      expectNear(
        cValues,
        cValues.map((_, i) => fGate(i) * prevC[i]! + iGate(i) * gGate(i)),
      );
      expectNear(
        arena.floats(h, rows * H),
        cValues.map((value, i) => oGate(i) * Math.tanh(value)),
      );

      const dh = uniform(rows * H, 5);
      const nextRows = rows - 1;
      const dhNext = uniform(nextRows * H, 6);
      const dcNext = uniform(nextRows * H, 7);
      const da = arena.take(rows * 4 * H * 4);
      const dc = arena.take(rows * H * 4);
      const dhAt = arena.put(dh);
      const check = (nextH: Float32Array, nextC: Float32Array) => {
        const expectedDa = new Float64Array(rows * 4 * H);
        const expectedDc = Float64Array.from(cValues, (value, i) => {
          const [y, grad] = [Math.tanh(value), dh[i]! + (nextH[i] ?? 0)];
          const s = (nextC[i] ?? 0) + grad * oGate(i) * (1 - y * y);
          const at = Math.floor(i / H) * 4 * H + (i % H);
          expectedDa[at] = s * gGate(i) * iGate(i) * (1 - iGate(i));
          expectedDa[at + H] = s * prevC[i]! * fGate(i) * (1 - fGate(i));
          expectedDa[at + 2 * H] = grad * y * oGate(i) * (1 - oGate(i));
          expectedDa[at + 3 * H] = s * iGate(i) * (1 - gGate(i) ** 2);
          return s * fGate(i);
        });
        expectNear(arena.floats(da, rows * 4 * H), expectedDa, 2);
        expectNear(arena.floats(dc, rows * H), expectedDc, 2);
      };
      const [dhNextAt, dcNextAt] = [arena.put(dhNext), arena.put(dcNext)];
      const { lstmCellBackward } = arena.kernels;
      lstmCellBackward(gates, prevCAt, c, dhAt, dhNextAt, dcNextAt, nextRows, da, dc, rows, H);
      check(dhNext, dcNext);
      lstmCellBackward(gates, prevCAt, c, dhAt, 0, 0, 0, da, dc, rows, H);
      check(new Float32Array(0), new Float32Array(0));
      lstmCellBackward(gates, prevCAt, c, dhAt, dhNextAt, 0, nextRows, da, dc, rows, H);
      check(dhNext, new Float32Array(0));
      arena.checkGuards();
    });
  }

  test('the backward steps may write over operands that they name', () => {
    arena.clear();
    const [rows, H] = [3, 5];
    const gates = uniform(rows * 4 * H, 1).map((x) => (x + 1) / 2);
    const [prevC, c, dh] = [2, 3, 4].map((seed) => arena.put(uniform(rows * H, seed))) as [number, number, number];
    const [apart, inPlace] = [arena.put(gates), arena.put(gates)];
    const da = arena.take(rows * 4 * H * 4);
    const dc = arena.take(rows * H * 4);
    arena.kernels.lstmCellBackward(apart, prevC, c, dh, 0, 0, 0, da, dc, rows, H);
    arena.kernels.lstmCellBackward(inPlace, prevC, c, dh, 0, 0, 0, inPlace, dc, rows, H);
    expect(arena.floats(inPlace, rows * 4 * H)).toEqual(arena.floats(da, rows * 4 * H));
  });

  /** Softmax cross-entropy in float64: loss and gradient of each row, times the row's weight. */
  function softmaxLoss(scores: Float32Array, targets: Int32Array, weights: Float32Array, V: number, smoothing: number) {
    let loss = 0;
    const gradient = new Float64Array(scores.length);
    for (const [row, target] of targets.entries()) {
      if (target < 0) continue;
      const z = scores.subarray(row * V, (row + 1) * V);
      const largest = Math.max(...z);
      const sum = z.reduce((total, x) => total + Math.exp(x - largest), 0);
      for (const [j, x] of z.entries()) {
        const wanted = smoothing / V + (j === target ? 1 - smoothing : 0);
        loss += weights[row]! * wanted * (Math.log(sum) + largest - x);
        gradient[row * V + j] = weights[row]! * (Math.exp(x - largest) / sum - wanted);
      }
    }
    return { loss, gradient };
  }

  for (const V of [1, 2, 3, 5, 64, 1186]) {
    test.each([
      ['without weights', null, 0],
      ['with weights', Float32Array.of(0.25, 3, 2, 0, 1), 0],
      ['with smoothed labels', null, 0.1],
      ['with weights and smoothed labels', Float32Array.of(0.25, 3, 2, 0, 1), 0.3],
    ])(`softmax cross-entropy over ${V} words %s, with and without gradient`, (_, weights, smoothing) => {
      arena.clear();
      const targets = Int32Array.of(0, -1, V - 1, Math.floor(V / 2), -1);
      const scores = wide(targets.length * V, V).map((x) => 3 * x);
      const at = arena.put(scores);
      const targetsAt = arena.put(targets);
      const weightsAt = weights ? arena.put(weights) : 0;
      const expected = softmaxLoss(scores, targets, weights ?? new Float32Array(targets.length).fill(1), V, smoothing);
      const alone = arena.kernels.softmaxLoss(at, targetsAt, weightsAt, targets.length, V, smoothing, 0);
      expect(arena.floats(at, scores.length)).toEqual(scores);
      const loss = arena.kernels.softmaxLoss(at, targetsAt, weightsAt, targets.length, V, smoothing, 1);
      expect(loss).toBe(alone);
      expect(Math.abs(loss - expected.loss)).toBeLessThan(3e-7 * Math.max(1, expected.loss));
      expectNear(arena.floats(at, scores.length), expected.gradient);
      arena.checkGuards();
    });
  }

  test('weights of one change no bit of the loss and its gradient', () => {
    const run = (weighted: boolean) => {
      arena.clear();
      const scores = arena.put(wide(3 * 7, 8));
      const targets = arena.put(Int32Array.of(6, -1, 2));
      const weights = weighted ? arena.put([1, 1, 1]) : 0;
      const loss = arena.kernels.softmaxLoss(scores, targets, weights, 3, 7, 0, 1);
      return [loss, ...arena.floats(scores, 3 * 7)];
    };
    expect(run(true)).toEqual(run(false));
  });

  test('equal scores give log V a word, and scores of any size neither overflow nor lose the loss', () => {
    arena.clear();
    const V = 1004;
    const zeros = arena.put(new Float32Array(V));
    const target = arena.put(Int32Array.of(17));
    expect(arena.kernels.softmaxLoss(zeros, target, 0, 1, V, 0, 0)).toBeCloseTo(Math.log(V), 12);
    const huge = arena.put([3e38, -3e38, 1, 2]);
    const targets = arena.put(Int32Array.of(0));
    expect(arena.kernels.softmaxLoss(huge, targets, 0, 1, 4, 0, 1)).toBe(0);
    expect([...arena.floats(huge, 4)]).toEqual([0, 0, 0, 0]);
  });

  test('a NaN among the scores shows in the loss', () => {
    for (let at = 0; at < 7; at++) {
      arena.clear();
      const scores = uniform(7, 3);
      scores[at] = Number.NaN;
      expect(arena.kernels.softmaxLoss(arena.put(scores), arena.put(Int32Array.of(2)), 0, 1, 7, 0, 0)).toBeNaN();
    }
  });
});
