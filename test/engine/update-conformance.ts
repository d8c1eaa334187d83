/** What every engine promises about updates: the rules, saving what they change, and the watch over gradients. */
import { expect } from 'vitest';
import type { ChangedArrays } from '../../src/engine/engine.js';
import { changedArrays, numbersAt, trainedView, updateChunk } from '../../src/engine/shared-memory.js';
import { noDecay, type RuleNumbers, type UpdateRule } from '../../src/tensor/update-rules.js';
import { type CaptionerShape, fillNormals, raggedShard, shardInputs, shardTokens, specOf } from '../support/shard.js';
import { type Harness, planFor, relativeDifference, type Side, type Sides, sideBySide } from './side-by-side.js';

const shape: CaptionerShape = { cell: 'lstm', featureDim: 8, wordDim: 4, hiddenDim: 16, vocabSize: 12, steps: 6 };

const numbers: Record<string, RuleNumbers> = {
  adam: { rule: 'adam', stepSize: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  momentum: { rule: 'momentum', stepSize: 0.01, momentum: 0.9, nesterov: false },
  nesterov: { rule: 'momentum', stepSize: 0.01, momentum: 0.9, nesterov: true },
  rmsprop: { rule: 'rmsprop', stepSize: 0.01, alpha: 0.9, epsilon: 1e-2 },
  adagrad: { rule: 'adagrad', stepSize: 0.01, epsilon: 1e-2 },
};

/** Parameters and what changes with them, as far as they are trained. */
function arraysOf({ memory }: Side) {
  return changedArrays(memory, 'parameters').map((at) => trainedView(memory, at));
}

export function promiseUpdates({ promise, choice, tolerance }: Harness): void {
  const options = { rows: 4, shards: 3, averages: true, accumulates: true, journals: 2 };

  /** Both sides with the same slots, accumulator and arrays of the optimiser. */
  async function filledSides(rule: UpdateRule) {
    const sides = await sideBySide(choice(), specOf(shape), { ...options, rule });
    for (const { memory } of [sides.tested, sides.reference]) {
      for (const [i, slot] of [memory.accumulator!, ...memory.slots].entries()) {
        fillNormals(trainedView(memory, slot), i, 1);
      }
      const [first, second] = Object.values(memory.states);
      fillNormals(trainedView(memory, first!), 11, 0.1);
      if (rule === 'rmsprop' || rule === 'adagrad') trainedView(memory, first!).fill(0.2);
      if (second !== undefined) trainedView(memory, second).fill(0.2);
      fillNormals(trainedView(memory, memory.average!), 12, 0.3);
    }
    return sides;
  }

  function expectSameArrays({ tested, reference }: Sides, arrays: ChangedArrays): void {
    const [found, expected] = [tested, reference].map(({ memory }) =>
      changedArrays(memory, arrays).map((at) => trainedView(memory, at)),
    );
    for (const [i, values] of found!.entries()) {
      expect(relativeDifference(values, expected![i]!)).toBeLessThan(tolerance);
    }
  }

  for (const [name, each] of Object.entries(numbers)) {
    promise(`sums, clips and updates like the reference, however the range is cut, ${name}`, async () => {
      const plain = { ...each, ...noDecay, divisor: 7, limit: Number.POSITIVE_INFINITY };
      const clippedAndDecayed = { ...each, decay: 0.1, keep: name === 'adam' ? 0.9 : 1, divisor: 3, limit: 0.2 };
      for (const [step, source] of [
        [plain, 'slots'],
        [clippedAndDecayed, 'accumulated'],
        [clippedAndDecayed, 'accumulator'],
      ] as const) {
        const sides = await filledSides(each.rule);
        const { tested, reference } = sides;
        const { trainedLength } = tested.memory.layout;
        tested.engine.update(step, source, 0, 48);
        tested.engine.update(step, source, 48, trainedLength);
        reference.engine.update(step, source, 0, trainedLength);
        for (const { engine } of [tested, reference]) engine.moveAverage(0.8, 0, trainedLength);
        expectSameArrays(sides, 'parameters');
        await tested.engine.dispose();
      }
    });
  }

  promise('accumulates gradients and sums their squares like the reference', async () => {
    const sides = await filledSides('adam');
    const { tested, reference } = sides;
    const { trainedLength } = tested.memory.layout;
    for (const source of ['slots', 'accumulated', 'accumulated', 'accumulator'] as const) {
      for (const { engine } of [tested, reference]) engine.accumulate(source, 0, trainedLength);
      expectSameArrays(sides, 'accumulator');
      const [found, expected] = [tested, reference].map(({ engine }) => [
        engine.squaredGradient(source, 16, trainedLength),
        engine.squaredParameters(16, trainedLength),
      ]);
      expect(relativeDifference(found!, expected!)).toBeLessThan(tolerance);
    }
    await tested.engine.dispose();
  });

  promise('saves what an update changes as it is, and nothing beside it', async () => {
    const { engine, memory } = (await filledSides('adam')).tested;
    for (const arrays of ['parameters', 'accumulator'] as const) {
      const values = changedArrays(memory, arrays).map((at) => trainedView(memory, at));
      const [journal, other] = memory.journals as [number, number];
      numbersAt(memory, journal, arraysOf({ engine, memory }).length * updateChunk).fill(0);
      engine.saveState(arrays, 32, 96, journal);
      const saved = numbersAt(memory, journal, values.length * 64 + 1);
      expect([...saved]).toEqual([...values.flatMap((each) => [...each.subarray(32, 96)]), 0]);
      const untouched = numbersAt(memory, other, arraysOf({ engine, memory }).length * updateChunk);
      expect(untouched.every((value) => value === 0)).toBe(true);
    }
    await engine.dispose();
  });

  promise('runs a program on the average of the parameters where it is asked to', async () => {
    const sides = await filledSides('adam');
    const shard = raggedShard(shape, 4);
    const tokens = shardTokens(shard);
    const losses = await Promise.all(
      [sides.tested, sides.reference].map(async ({ engine }) => {
        const program = engine.prepare(specOf(shape).programs.loss, { rows: 4, steps: shape.steps });
        const plan = planFor(engine, tokens);
        const request = { shard: 0, plan, inputs: shardInputs(shard, plan) };
        const live = await program.run(request);
        const average = await program.run({ ...request, parameters: 'ema' });
        expect(average.loss).not.toBe(live.loss);
        return [live.loss, average.loss];
      }),
    );
    expect(relativeDifference(losses[0]!, losses[1]!)).toBeLessThan(tolerance);
    await sides.tested.engine.dispose();
  });

  promise('finds the largest gradient, and a NaN or infinity anywhere in it', async () => {
    const { tested } = await sideBySide(choice(), specOf(shape), { rows: 4 });
    const slot = trainedView(tested.memory, tested.memory.slots[0]!);
    fillNormals(slot, 3, 1);
    const last = slot.length - 1;
    slot[last] = -50;
    expect(tested.engine.largestGradient(0, 0, slot.length)).toBe(50);
    slot[5] = Number.NEGATIVE_INFINITY;
    expect(tested.engine.largestGradient(0, 0, slot.length)).toBe(Number.POSITIVE_INFINITY);
    slot[last] = Number.NaN;
    expect(tested.engine.largestGradient(0, 0, slot.length)).toBeNaN();
    await tested.engine.dispose();
  });
}
