/** The masks of dropout, as numbers that never change: a run gone on with anywhere and at any time draws them again. */
import { describe, expect, it } from 'vitest';
import { keyOf, thresholdOf, wordsAt } from '../../src/tensor/draws.js';
import { fillDropoutMask, keptScale } from '../../src/tensor/dropout-mask.js';
import { packedPlan } from '../../src/tensor/step-plan.js';
import { guardedMemory, runnableSets } from '../engine/cpu/kernels-memory.js';
import golden from './dropout.json' with { type: 'json' };

type Case = (typeof golden)[number];

/** A mask as `kept` has it. */
function keptIn(values: ArrayLike<number>, { columns, addresses, probability }: Case): number[][] {
  return addresses.map((_, r) =>
    Array.from({ length: columns }, (_, j) => {
      const value = values[r * columns + j]!;
      expect([0, keptScale(probability)]).toContain(value);
      return value === 0 ? 0 : 1;
    }),
  );
}

describe.each(golden)('the mask of $place with seed $seed in step $step', (each) => {
  const { seed, place, step, probability, addresses, columns, kept } = each;

  it('keeps what the published formulas keep', () => {
    const key = keyOf({ seed }, place);
    const found = addresses.map(([row, position]) =>
      Array.from({ length: columns }, (_, j) => {
        const word = wordsAt(key, step, row!, position!, j >> 2)[j % 4]!;
        return word >= thresholdOf(probability) ? 1 : 0;
      }),
    );
    expect(found).toEqual(kept);
  });

  it.each(runnableSets)('is the same in %s', (instructionSet) => {
    const arena = guardedMemory(instructionSet);
    const [rows, positions] = [0, 1].map((part) => arena.put(Int32Array.from(addresses, (address) => address[part]!)));
    const out = arena.take(addresses.length * columns * 4);
    const [key0, key1] = keyOf({ seed }, place);
    arena.kernels.dropoutMask(
      rows!,
      positions!,
      addresses.length,
      columns,
      key0,
      key1,
      step,
      thresholdOf(probability),
      keptScale(probability),
      out,
    );
    expect(keptIn(arena.floats(out, addresses.length * columns), each)).toEqual(kept);
    arena.checkGuards();
  });
});

it('a mask of a plan finds its rows by their place in the minibatch and the time step, in whatever order they lie', () => {
  const first = golden[0]!;
  const { columns, probability, place, seed, step } = first;
  // Captions of 1 and 2 words: the second one lies first.
  const inputs = Int32Array.of(1, 0, 1, 4);
  const plan = packedPlan({ rows: 2, steps: 2, inputs, targets: Int32Array.of(2, 0, 4, 2), weights: null });
  const draws = { seed, step, rows: plan.order.map((row) => (row === 0 ? 1 : 0)) };
  const mask = new Float32Array(3 * columns);
  fillDropoutMask(mask, { place, probability, of: 'positions', columns }, plan, draws);
  const [caption0word0, caption0word1, caption1word0] = first.kept;
  const addresses = first.addresses.slice(0, 3);
  expect(keptIn(mask, { ...first, addresses })).toEqual([caption0word0, caption1word0, caption0word1]);
});

it('a mask keeps its share of elements, and its mean is 1', () => {
  const probability = 0.3;
  const rows = 500;
  const tokens = new Int32Array(rows).fill(2);
  const plan = packedPlan({ rows, steps: 1, inputs: tokens, targets: tokens, weights: null });
  const columns = 200;
  const mask = new Float64Array(rows * columns);
  const draws = { seed: 1, step: 1, rows: Int32Array.from({ length: rows }, (_, i) => i) };
  fillDropoutMask(mask, { place: 'words', probability, of: 'images', columns }, plan, draws);
  const mean = mask.reduce((sum, value) => sum + value, 0) / mask.length;
  // Five standard deviations of the mean of 100,000 elements.
  expect(Math.abs(mean - 1)).toBeLessThan(5 * Math.sqrt(probability / (1 - probability) / mask.length));
});
