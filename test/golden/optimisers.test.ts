/** Optimisers, weight decay, clipping, averages and schedules against those of PyTorch, in float64. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configOf } from '../../src/config/load.js';
import type { PartialConfig } from '../../src/config/schema.js';
import { createReferenceEngine } from '../../src/engine/reference/reference-engine.js';
import { allocateSharedMemory, parametersOf, trainedView } from '../../src/engine/shared-memory.js';
import { layoutOf } from '../../src/tensor/layout.js';
import { parameter } from '../../src/tensor/model-spec.js';
import { stateOfRule } from '../../src/tensor/update-rules.js';
import { clippedStep } from '../../src/training/loop/clipping.js';
import { decayedParameters, optimiserOf } from '../../src/training/loop/optimisers.js';
import { scheduleOf } from '../../src/training/loop/schedule.js';
import { JournaledUpdate } from '../../src/training/parallel/journaled-update.js';
import { noPlateaus, plateausAfter } from '../../src/training/run/patience.js';

interface Golden {
  readonly steps: number;
  readonly cases: readonly {
    readonly train: PartialConfig['train'];
    readonly w: readonly number[];
    readonly norms: readonly number[];
    readonly average?: readonly number[];
  }[];
  readonly stepsPerEpoch: number;
  readonly losses: readonly number[];
  readonly schedules: readonly { readonly train: PartialConfig['train']; readonly rates: readonly number[] }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL('optimisers.json', import.meta.url), 'utf8'));

const trainOf = (train: PartialConfig['train']) => configOf({ data: { builtin: 'shapes' }, train }).train;

/** As in make-optimisers.py. */
function waves(seed: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(12.9898 * i + 78.233 * seed));
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-12);
  });
}

/** The divisor of a sum of captions' gradients. */
const captions = 7;

function trajectory(train: ReturnType<typeof trainOf>) {
  const parameters = [parameter('weight', [4, 5], 'zeros'), parameter('bias', [5], 'zeros')];
  const layout = layoutOf(parameters);
  const optimiser = optimiserOf(train);
  const memory = allocateSharedMemory({
    layout,
    precision: 'float64',
    states: stateOfRule[optimiser.rule],
    averages: train.ema !== null,
    shards: 2,
    arenaBytes: 0,
    journals: 1,
  });
  const engine = createReferenceEngine(memory);
  const progress = new Int32Array(1);
  const squares = { gradient: new Float64Array(1), parameters: new Float64Array(1) };
  const decayed = decayedParameters(parameters, train.weightDecay);
  const update = new JournaledUpdate(engine, memory, progress, squares, decayed);

  const places = layout.places.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
  const read = (flat: ArrayLike<number>) => places.map((at) => flat[at]!);
  const flat = parametersOf(memory);
  [...waves(100, 20), ...waves(101, 5)].forEach((value, i) => {
    flat[places[i]!] = value;
  });
  const [first, second] = memory.slots.map((offset) => trainedView(memory, offset));
  const norms: number[] = [];
  for (let t = 1; t <= golden.steps; t++) {
    const wave = waves(t, 25);
    places.forEach((at, i) => {
      // Two shards' sums, of which the second has most.
      first![at] = 2 * wave[i]!;
      second![at] = (captions - 2) * wave[i]! + captions * 0.3 * flat[at]!;
    });
    update.measure('slots', 0, layout.trainedLength);
    const norm = Math.sqrt(squares.gradient[0]!) / captions;
    norms.push(norm);
    const step = clippedStep(optimiser.step(t, train.optimizer.learningRate), train.clip, norm, captions);
    progress.fill(0);
    const averageKeep = t === 1 && train.ema !== null ? 0 : train.ema;
    update.run({ changes: 'parameters', source: 'slots', step, averageKeep }, 0, 0, layout.trainedLength);
    expect(squares.parameters[0]).toBeCloseTo(
      read(flat).reduce((sum, w) => sum + w * w, 0),
      12,
    );
  }
  return { w: read(flat), norms, average: train.ema === null ? null : read(parametersOf(memory, 'ema')) };
}

describe('PyTorch in float64', () => {
  it.each(golden.cases.map((each) => [JSON.stringify(each.train), each] as const))(
    'goes the same way with %s',
    (_title, { train, w, norms, average }) => {
      const found = trajectory(trainOf(train));
      expectClose(found.w, w);
      expectClose(found.norms, norms);
      if (average) expectClose(found.average!, average);
    },
  );

  it.each(golden.schedules.map((each) => [JSON.stringify(each.train), each] as const))(
    'has the same learning rates with %s',
    (_title, { train, rates }) => {
      const { schedule, ...rest } = trainOf({ ...train, optimizer: { learningRate: 0.1 } });
      const learningRate = scheduleOf({ ...rest, schedule }, rates.length);
      let plateaus = noPlateaus;
      const found = rates.map((_, i) => {
        const epoch = Math.floor(i / golden.stepsPerEpoch) + 1;
        const rate = learningRate({ step: i + 1, epoch, plateaus: plateaus.count });
        if ((i + 1) % golden.stepsPerEpoch === 0 && schedule.name === 'plateau') {
          plateaus = plateausAfter('loss', plateaus, golden.losses[epoch - 1]!, schedule);
        }
        return rate;
      });
      expectClose(found, rates);
    },
  );
});

describe('a schedule', () => {
  it('rises to its own rate over the steps of the warm-up, whatever it does afterwards', () => {
    for (const name of ['exponential', 'constant', 'step', 'cosine', 'plateau'] as const) {
      const train = trainOf({ optimizer: { learningRate: 0.1 }, schedule: { name, warmup: 4 } });
      const rate = scheduleOf(train, 20);
      const rates = [1, 2, 3, 4, 5].map((step) => rate({ step, epoch: 1, plateaus: 0 }));
      expectClose(rates, [0.025, 0.05, 0.075, 0.1, 0.1]);
    }
  });

  it('of a length of its own has come to its end there, however long the run is', () => {
    for (const name of ['cosine', 'oneCycle'] as const) {
      const short = scheduleOf(trainOf({ schedule: { name } }), 20);
      const long = scheduleOf(trainOf({ schedule: { name, steps: 20 } }), 1000);
      for (const step of [1, 7, 20]) {
        expect(long({ step, epoch: 1, plateaus: 0 })).toBe(short({ step, epoch: 1, plateaus: 0 }));
      }
      const after = long({ step: 21, epoch: 1, plateaus: 0 });
      expect(long({ step: 500, epoch: 1, plateaus: 0 })).toBe(after);
      expect(after).toBeLessThan(1e-8);
    }
  });
});
