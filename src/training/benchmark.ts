/** Measures training speed: the real training loop on real or synthetic data, without files. */
import type { Config } from '../config/schema.js';
import type { Dataset } from '../data/dataset.js';
import { Sampler } from '../data/sampler.js';
import type { EngineDescription, Precision } from '../engine/engine.js';
import { flatView } from '../engine/shared-memory.js';
import { productOperations } from '../model/cost.js';
import { packedPlan } from '../model/step-plan.js';
import { drawParameters } from './initial-parameters.js';
import { shardRows } from './sharding.js';
import { createTrainer, type Trainer } from './trainer.js';
import { type TrainingStep, trainingSteps } from './training-steps.js';

export interface BenchmarkOptions {
  readonly workers: number;
  /** Steps that count, after the first few that do not. */
  readonly steps: number;
  readonly load?: (precision: Precision) => Promise<Dataset>;
  readonly onFault: (message: string) => void;
}

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Milliseconds of a step's parts, medians over the steps. */
export interface PhaseTimes {
  /** Forward and backward in the slowest shard's worker. */
  readonly forwardBackward: number;
  /** Giving out the shards and gathering the answers. */
  readonly dispatch: number;
  /** Reduction and Adam. */
  readonly update: number;
  /** Everything else on the main thread. */
  readonly rest: number;
}

export interface BenchmarkResult {
  readonly trainer: Pick<Trainer, 'shape' | 'shards' | 'workers'>;
  readonly engine: EngineDescription;
  /** Of the median step. */
  readonly captionsPerSecond: number;
  readonly stepMs: Spread;
  /** Matrix products actually done, 1e9 operations a second. */
  readonly gflops: number;
  readonly phases: PhaseTimes;
  /** Share of the workers' time during forward and backward in which they had nothing to do. */
  readonly idleShare: number;
}

/** Steps before the clock counts: first touch of memory, compilation. */
const warmUpSteps = 3;

export async function benchmark(config: Config, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const trainer = await createTrainer(
    { ...config, train: { ...config.train, workers: options.workers } },
    { onFault: options.onFault, ...(options.load ? { load: options.load } : {}) },
  );
  const { coordinator, settings } = trainer;
  try {
    const { memory } = coordinator;
    drawParameters(flatView(memory, memory.parameters), memory.parameterLayout, config.train.seed);
    const last = warmUpSteps + options.steps;
    const steps: TrainingStep[] = [];
    for await (const step of trainingSteps(coordinator, settings, 1, last)) {
      if (step.step > warmUpSteps) steps.push(step);
    }
    return { ...measured(trainer, steps), engine: trainer.engine.description };
  } finally {
    await coordinator.close();
  }
}

function measured(trainer: Trainer, steps: readonly TrainingStep[]): Omit<BenchmarkResult, 'engine'> {
  const { shape, shards, workers } = trainer;
  const totals = steps.map(({ timing }) => timing.total);
  const stepMs = spread(totals);
  const seconds = totals.reduce((sum, total) => sum + total, 0) / 1000;
  const operations = steps.reduce((sum, { step }) => sum + operationsOf(trainer, step), 0);
  const captions = median(steps.map((step) => step.captions));
  const slowest = (step: TrainingStep) => Math.max(...workerLoads(step.timing.shards, workers));
  return {
    trainer: { shape, shards, workers },
    captionsPerSecond: (captions * 1000) / stepMs.median,
    stepMs,
    gflops: operations / seconds / 1e9,
    phases: {
      forwardBackward: median(steps.map(slowest)),
      dispatch: median(steps.map((step) => step.timing.gradients - slowest(step))),
      update: median(steps.map(({ timing }) => timing.update)),
      rest: median(steps.map(({ timing }) => timing.total - timing.gradients - timing.update)),
    },
    idleShare: median(
      steps.map(({ timing }) => 1 - sum(timing.shards) / (Math.min(workers, shards) * timing.gradients)),
    ),
  };
}

/** Work of each worker when shards are taken in order by whoever is free. */
function workerLoads(shards: readonly number[], workers: number): number[] {
  const loads = new Array<number>(workers).fill(0);
  for (const milliseconds of shards) loads[loads.indexOf(Math.min(...loads))]! += milliseconds;
  return loads;
}

function operationsOf({ settings, coordinator, dataset, shape, shards }: Trainer, step: number): number {
  const { captions, columns } = dataset.train;
  const { rows } = new Sampler(settings.sampler).minibatch(step);
  return sum(
    shardRows(rows, coordinator.lengths.train, shards).map((some) => {
      const shard = new Int32Array(some.length * columns);
      some.forEach((row, i) => {
        shard.set(captions.subarray(row * columns, (row + 1) * columns), i * columns);
      });
      return productOperations(shape, packedPlan(shard, some.length, columns));
    }),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function spread(values: readonly number[]): Spread {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
