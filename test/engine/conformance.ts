/**
 * What every engine promises, checked against the reference engine. Each engine's test calls `runConformance` and gives
 * a reason for each case that it leaves out.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine, Executable, Matrix, RunResult, SharedMemory, Tensors } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import {
  arenaBytes,
  createEngine,
  type EngineChoice,
  precisionOf,
  prepareProcess,
  reservedBytes,
} from '../../src/engine/select.js';
import { flatView, numbersAt, updateChunk } from '../../src/engine/shared-memory.js';
import { captionerPrograms } from '../../src/model/captioner.js';
import { greedyCaptions } from '../../src/model/decoding.js';
import { type ModelShape, parameterNames, parameterViews } from '../../src/model/parameters.js';
import { packedPlan, paddedPlan, type StepPlan } from '../../src/model/step-plan.js';
import { fillNormals, memoryFor, raggedShard, type Shard } from '../support/shard.js';

export interface ConformanceOptions {
  readonly name: string;
  /** Made when the suite starts, since a choice may depend on what a machine has. */
  readonly choice: () => EngineChoice | Promise<EngineChoice>;
  /** Largest difference from the reference over the largest element. */
  readonly tolerance: number;
  readonly skip?: readonly { readonly reason: string; readonly cases: readonly string[] }[];
}

const shapes: readonly ModelShape[] = [
  { cell: 'rnn', featureDim: 8, wordDim: 4, hiddenDim: 16, vocabSize: 12, steps: 6 },
  { cell: 'lstm', featureDim: 8, wordDim: 4, hiddenDim: 16, vocabSize: 12, steps: 6 },
  { cell: 'rnn', featureDim: 13, wordDim: 7, hiddenDim: 19, vocabSize: 37, steps: 5 },
  { cell: 'lstm', featureDim: 13, wordDim: 7, hiddenDim: 19, vocabSize: 37, steps: 5 },
];

interface Bench {
  readonly engine: Engine;
  readonly memory: SharedMemory;
  readonly gradients: Executable;
  readonly loss: Executable;
  readonly captionStart: Executable;
  readonly captionStep: Executable;
}

function benchOf(engine: Engine, memory: SharedMemory, shape: ModelShape, rows: number): Bench {
  const programs = captionerPrograms(shape);
  const limits = { rows, steps: shape.steps };
  return {
    engine,
    memory,
    gradients: engine.prepare(programs.gradients, limits),
    loss: engine.prepare(programs.loss, limits),
    captionStart: engine.prepare(programs.captionStart, limits),
    captionStep: engine.prepare(programs.captionStep, limits),
  };
}

function planOf(engine: Engine, shard: Shard, plannedRows: number): StepPlan {
  const columns = shard.shape.steps + 1;
  return engine.planKind === 'packed'
    ? packedPlan(shard.captions, shard.rows, columns)
    : paddedPlan(shard.captions, shard.rows, columns, plannedRows);
}

function tensorsOf(shard: Shard, plan: StepPlan): Tensors<Matrix> {
  const D = shard.shape.featureDim;
  const data = new Float32Array(plan.rows * D);
  plan.order.forEach((row, r) => {
    if (row >= 0) data.set(shard.features.subarray(row * D, (row + 1) * D), r * D);
  });
  return { features: { data, rows: plan.rows, columns: D } };
}

function run(program: Executable, engine: Engine, shard: Shard, plannedRows: number, slot = 0) {
  const plan = planOf(engine, shard, plannedRows);
  return program.run({ shard: slot, plan, tensors: tensorsOf(shard, plan) });
}

export function runConformance({ name, choice, tolerance, skip = [] }: ConformanceOptions): void {
  const reasonOf = (title: string) => skip.find(({ cases }) => cases.includes(title))?.reason;
  const promise = (title: string, fn: () => Promise<void>) => {
    const reason = reasonOf(title);
    if (reason === undefined) it(title, fn);
    else it.skip(`${title} (left out: ${reason})`, fn);
  };

  describe(`the ${name} engine`, () => {
    let chosen: EngineChoice;
    beforeAll(async () => {
      chosen = await choice();
      prepareProcess(chosen);
    });

    /** The engine and the reference side by side, on the same parameters. */
    async function sideBySide(shape: ModelShape, rows: number, shards = 1) {
      const memory = memoryFor(
        shape,
        precisionOf(chosen),
        shards,
        arenaBytes(chosen, shape, rows),
        reservedBytes(chosen),
      );
      const yardstick = memoryFor(shape, 'float64', shards);
      flatView(yardstick, yardstick.parameters).set(flatView(memory, memory.parameters));
      const engine = await createEngine(chosen, memory);
      return {
        tested: benchOf(engine, memory, shape, rows),
        reference: benchOf(createReferenceEngine(yardstick), yardstick, shape, rows),
      };
    }

    function expectSameGradients(tested: Bench, reference: Bench, slot = 0): void {
      const views = [tested, reference].map(({ memory }) =>
        parameterViews(flatView(memory, memory.slots[slot]!), memory.parameterLayout),
      );
      for (const parameter of parameterNames) {
        expect(relativeDifference(views[0]![parameter], views[1]![parameter]), `gradient of ${parameter}`).toBeLessThan(
          tolerance,
        );
      }
    }

    async function expectAgreement(shard: Shard, plannedRows = shard.rows): Promise<void> {
      const { tested, reference } = await sideBySide(shard.shape, plannedRows);
      try {
        const results = await bothGradients(tested, reference, shard, plannedRows);
        expect(relativeDifference([results.tested.loss], [results.reference.loss])).toBeLessThan(tolerance);
        expectSameGradients(tested, reference);
        const lossAlone = await run(tested.loss, tested.engine, shard, plannedRows);
        expect(relativeDifference([lossAlone.loss], [results.reference.loss])).toBeLessThan(tolerance);
      } finally {
        await tested.engine.dispose();
      }
    }

    for (const shape of shapes) {
      const title = `${shape.cell} of H=${shape.hiddenDim}`;
      promise(`agrees with the reference on captions of all lengths, ${title}`, () =>
        expectAgreement(raggedShard(shape, 9)),
      );
    }

    promise('agrees with the reference on a single caption', () => expectAgreement(raggedShard(shapes[3]!, 1)));

    promise('agrees with the reference on fewer captions than it planned for', () =>
      expectAgreement(raggedShard(shapes[3]!, 5), 8),
    );

    promise('agrees with the reference where NULL stands inside and in place of captions', () => {
      const shard = raggedShard(shapes[2]!, 6);
      const columns = shard.shape.steps + 1;
      shard.captions.fill(0, columns, 2 * columns);
      shard.captions[4 * columns + 2] = 0;
      return expectAgreement(shard);
    });

    promise('gives exactly zero loss and gradient for captions that are all NULL', async () => {
      const shard = raggedShard(shapes[1]!, 4);
      shard.captions.fill(0);
      const { tested } = await sideBySide(shard.shape, 4);
      await run(tested.gradients, tested.engine, raggedShard(shapes[1]!, 4), 4);
      const { loss } = await run(tested.gradients, tested.engine, shard, 4);
      expect(loss).toBe(0);
      expect(flatView(tested.memory, tested.memory.slots[0]!).every((value) => value === 0)).toBe(true);
      await tested.engine.dispose();
    });

    promise('leaves nothing of one minibatch in the gradient of the next', async () => {
      const { tested, reference } = await sideBySide(shapes[1]!, 6);
      await bothGradients(tested, reference, raggedShard(shapes[1]!, 6, 1), 6);
      await bothGradients(tested, reference, raggedShard(shapes[1]!, 3, 2), 6);
      expectSameGradients(tested, reference);
      await tested.engine.dispose();
    });

    promise('uses parameters as they are at each run', async () => {
      const { tested, reference } = await sideBySide(shapes[1]!, 6);
      const shard = raggedShard(shapes[1]!, 6);
      await bothGradients(tested, reference, shard, 6);
      const flat = flatView(tested.memory, tested.memory.parameters);
      flat.forEach((value, i) => {
        flat[i] = value * 1.5;
      });
      flatView(reference.memory, reference.memory.parameters).set(flat);
      await bothGradients(tested, reference, shard, 6);
      expectSameGradients(tested, reference);
      await tested.engine.dispose();
    });

    promise('gives the same bits each time, in every shard', async () => {
      const { tested } = await sideBySide(shapes[3]!, 6, 2);
      const shard = raggedShard(shapes[3]!, 6);
      const losses = [
        await run(tested.gradients, tested.engine, shard, 6, 0),
        await run(tested.gradients, tested.engine, shard, 6, 1),
      ].map(({ loss }) => loss);
      expect(losses[0]).toBe(losses[1]);
      const [a, b] = tested.memory.slots.map((slot) => flatView(tested.memory, slot));
      expect(a).toEqual(b);
      await tested.engine.dispose();
    });

    promise('has loss log V a token while W_vocab and b_vocab are zero', async () => {
      const shard = raggedShard(shapes[1]!, 6);
      const { tested } = await sideBySide(shard.shape, 6);
      const { parameterLayout, parameters } = tested.memory;
      const views = parameterViews(flatView(tested.memory, parameters), parameterLayout);
      views.W_vocab.fill(0);
      views.b_vocab.fill(0);
      const tokens = shard.captions.filter((word, i) => i % 7 > 0 && word !== 0).length;
      const { loss } = await run(tested.gradients, tested.engine, shard, 6);
      expect(loss / tokens).toBeCloseTo(Math.log(shard.shape.vocabSize), 5);
      await tested.engine.dispose();
    });

    for (const shape of [shapes[2]!, shapes[3]!]) {
      promise(`captions images like the reference, ${shape.cell}`, async () => {
        const { tested, reference } = await sideBySide(shape, 5);
        const { features } = raggedShard(shape, 5);
        const matrix = { data: Float32Array.from(features), rows: 5, columns: shape.featureDim };
        const captions = await Promise.all(
          [tested, reference].map((bench) => greedyCaptions(bench, matrix, 8, { start: 1, end: 2 }, 0)),
        );
        expect(captions[0]).toEqual(captions[1]);
        await tested.engine.dispose();
      });
    }

    promise('adds the slots in order and updates like the reference, however the range is cut', async () => {
      const { tested, reference } = await sideBySide(shapes[1]!, 4, 3);
      for (const { memory } of [tested, reference]) {
        for (const [i, slot] of memory.slots.entries()) fillNormals(flatView(memory, slot), i, 1);
        fillNormals(flatView(memory, memory.m), 11, 0.1);
        flatView(memory, memory.v).fill(0.2);
      }
      const step = { stepSize: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, divisor: 7 };
      const { length } = tested.memory.parameterLayout;
      tested.engine.adam(step, 0, 48);
      tested.engine.adam(step, 48, length);
      reference.engine.adam(step, 0, length);
      for (const part of ['parameters', 'm', 'v'] as const) {
        const [a, b] = [tested, reference].map(({ memory }) => flatView(memory, memory[part]));
        expect(relativeDifference(a!, b!), part).toBeLessThan(tolerance);
      }
      await tested.engine.dispose();
    });

    promise('saves parameters and moments as they are, and nothing beside them', async () => {
      const arena = arenaBytes(chosen, shapes[1]!, 4);
      const memory = memoryFor(shapes[1]!, precisionOf(chosen), 2, arena, reservedBytes(chosen), 2);
      const engine = await createEngine(chosen, memory);
      const states = [memory.parameters, memory.m, memory.v].map((offset) => flatView(memory, offset));
      states.forEach((state, i) => {
        fillNormals(state, 20 + i, 1);
      });
      engine.saveState(32, 96, memory.journals[0]!);
      const saved = numbersAt(memory, memory.journals[0]!, 3 * 64 + 1);
      expect([...saved]).toEqual([...states.flatMap((state) => [...state.subarray(32, 96)]), 0]);
      expect(numbersAt(memory, memory.journals[1]!, 3 * updateChunk).every((value) => value === 0)).toBe(true);
      await engine.dispose();
    });

    promise('finds the largest gradient, and a NaN or infinity anywhere in it', async () => {
      const { tested } = await sideBySide(shapes[1]!, 4);
      const slot = flatView(tested.memory, tested.memory.slots[0]!);
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
  });
}

async function bothGradients(
  tested: Bench,
  reference: Bench,
  shard: Shard,
  plannedRows: number,
): Promise<{ tested: RunResult; reference: RunResult }> {
  return {
    tested: await run(tested.gradients, tested.engine, shard, plannedRows),
    reference: await run(reference.gradients, reference.engine, shard, plannedRows),
  };
}

/** The largest difference over the largest magnitude expected. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(found[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return largest === 0 ? difference : difference / largest;
}
