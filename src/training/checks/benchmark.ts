/** Measures training speed: the real training loop on real or synthetic data, without files. */
import type { Config } from '../../config/schema.js';
import { captionBatch, captionLengths } from '../../data/batches.js';
import { Sampler } from '../../data/sampler.js';
import { productOperations } from '../../engine/cost.js';
import type { EngineDescription } from '../../engine/engine.js';
import { plannedBytes } from '../../engine/shared-memory.js';
import { packedPlan } from '../../tensor/step-plan.js';
import { withTrueCaptions } from '../loop/self-critical.js';
import { phasesOf } from '../loop/step-phases.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../loop/trainer.js';
import { type TrainingStep, trainingSteps } from '../loop/training-steps.js';
import { shardsOf } from '../parallel/exchange.js';
import { memoryPlan } from '../parallel/memory-plan.js';
import { dealRows } from '../parallel/sharding.js';
import { Watching, type WatchingCost } from './watching.js';

export interface BenchmarkOptions extends Pick<TrainerOptions, 'ranks' | 'source' | 'load' | 'preparing'> {
  /** Of each process; `auto` as in a run. */
  readonly workers: number | 'auto';
  /** Steps that count, after the first few that do not. */
  readonly steps: number;
  readonly onFault: (message: string) => void;
  /** What would show the steps of a run to a person. */
  readonly display?: ((trainer: Trainer) => (step: TrainingStep) => void) | undefined;
  /** Told after each step, those that do not count among them. */
  readonly step?: ((done: number, of: number) => void) | undefined;
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

/** What log, TensorBoard's events, notices and display take of the main thread, beside what is measured. */
export interface WatchingTimes {
  /** Milliseconds a step, the median. */
  readonly stepMs: number;
  /** Of the median step. */
  readonly share: number;
  /** Milliseconds of the distributions of a validation. */
  readonly validationMs: number;
}

export interface BenchmarkResult {
  readonly trainer: Pick<Trainer, 'config' | 'model' | 'dataset' | 'engine' | 'shards' | 'workers' | 'ranks'>;
  readonly engine: EngineDescription;
  /** Keys of what the config asks for and the benchmark, which is of true captions, does without. */
  readonly switchedOff: readonly string[];
  /** Of the median step. */
  readonly captionsPerSecond: number;
  readonly stepMs: Spread;
  /** Matrix products actually done, 1e9 operations a second. */
  readonly gflops: number;
  readonly phases: PhaseTimes;
  /** Bytes of shared memory that a process would take with so many shards. */
  readonly sharedBytes: (shards: number, ranks?: number) => number;
  /** Milliseconds of a step, the median, in which this process exchanged numbers with others or waited for them to. */
  readonly communicationMs: number;
  /** Means of all shards that have captions, and of all steps. */
  readonly shard: { readonly rows: number; readonly milliseconds: number };
  readonly watching: WatchingTimes;
  /** Share of the workers' time during forward and backward in which they had nothing to do. */
  readonly idleShare: number;
}

/** Steps before the clock counts: first touch of memory, compilation. */
const warmUpSteps = 3;

export async function benchmark(config: Config, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { config: plain, switchedOff } = withTrueCaptions(config);
  const trainer = await createTrainer(
    { ...plain, train: { ...plain.train, workers: options.workers }, report: { ...plain.report, tensorboard: true } },
    options,
  );
  let watching: Watching | null = null;
  try {
    watching = new Watching(trainer, options.display?.(trainer) ?? (() => {}));
    const last = warmUpSteps + options.steps;
    const steps: TrainingStep[] = [];
    const communicating: number[] = [];
    const communicated = () => options.ranks?.communicator.milliseconds ?? 0;
    let before = communicated();
    for await (const step of trainingSteps(trainer, 1, last)) {
      const now = communicated();
      watching.step(step);
      options.step?.(step.step, last);
      if (step.step > warmUpSteps) {
        steps.push(step);
        communicating.push(now - before);
      }
      before = now;
    }
    const cost = watching.cost(last);
    const communicationMs = median(communicating);
    const plan = trainer.coordinator.options;
    const sharedBytes = (shards: number, ranks = 1) =>
      plannedBytes(memoryPlan({ ...plan, shards, ownShards: shardsOf({ rank: ranks - 1, size: ranks }, shards) }));
    return {
      ...measured(trainer, steps, cost),
      communicationMs,
      sharedBytes,
      engine: trainer.engine.description,
      switchedOff,
    };
  } finally {
    watching?.close();
    await trainer.coordinator.close();
  }
}

function measured(
  trainer: Trainer,
  steps: readonly TrainingStep[],
  { steps: watched, validationMs }: WatchingCost,
): Omit<BenchmarkResult, 'engine' | 'switchedOff' | 'communicationMs' | 'sharedBytes'> {
  const { config, model, dataset, engine, shards, workers, ranks } = trainer;
  const totals = steps.map(({ timing }) => timing.total);
  const stepMs = spread(totals);
  const watchedMs = median(watched.slice(warmUpSteps));
  const seconds = totals.reduce((sum, total) => sum + total, 0) / 1000;
  const operations = steps.reduce((sum, { step }) => sum + operationsOf(trainer, step), 0);
  const captions = median(steps.map((step) => step.captions));
  const slowest = (step: TrainingStep) => Math.max(...workerLoads(trainer, step.timing.shards));
  const { accumulate } = config.train;
  const shardsWithCaptions = Math.min(shards, captions / accumulate) * accumulate;
  return {
    trainer: { config, model, dataset, engine, shards, workers, ranks },
    captionsPerSecond: (captions * 1000) / stepMs.median,
    stepMs,
    gflops: operations / seconds / 1e9,
    phases: {
      forwardBackward: median(steps.map(slowest)),
      dispatch: median(steps.map((step) => step.timing.gradients - slowest(step))),
      update: median(steps.map(({ timing }) => timing.update)),
      rest: median(steps.map(({ timing }) => timing.total - timing.gradients - timing.update)),
    },
    shard: {
      rows: captions / shardsWithCaptions,
      milliseconds: sum(steps.flatMap(({ timing }) => timing.shards)) / steps.length / shardsWithCaptions,
    },
    watching: { stepMs: watchedMs, share: watchedMs / stepMs.median, validationMs },
    idleShare: median(steps.map(({ timing }) => phasesOf(timing, workers).wait / timing.gradients)),
  };
}

/** Work of each worker when the shards of its process are taken in order by whoever is free. */
function workerLoads({ rankWorkers }: Trainer, shards: readonly number[]): number[] {
  return rankWorkers.flatMap((workers, rank) => {
    const { from, to } = shardsOf({ rank, size: rankWorkers.length }, shards.length);
    const loads = new Array<number>(workers).fill(0);
    for (const milliseconds of shards.slice(from, to)) loads[loads.indexOf(Math.min(...loads))]! += milliseconds;
    return loads;
  });
}

function operationsOf({ settings, dataset, model, shards }: Trainer, step: number): number {
  const { rows } = new Sampler(settings.sampler).minibatch(step);
  const lengths = captionLengths(captionBatch(dataset.train, rows).tokens);
  const { gradients } = model.spec.programs;
  return sum(
    dealRows(lengths, shards).map((some) => {
      const { tokens } = captionBatch(
        dataset.train,
        Int32Array.from(some, (row) => rows[row]!),
      );
      return productOperations(gradients, model.spec.parameters, packedPlan(tokens));
    }),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function spread(values: readonly number[]): Spread {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
