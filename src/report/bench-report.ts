/** What a benchmark measured, as lines for people and as an object for programs. */
import { plural } from '../amounts.js';
import type { BenchmarkResult } from '../training/checks/benchmark.js';
import type { Trainer } from '../training/loop/trainer.js';

export type Lengths = 'full' | 'data';

/** @param peakShare of what the workers' cores can do at most */
export function benchRecord(
  { trainer, engine, ...measured }: BenchmarkResult,
  lengths: Lengths,
  peakShare: number,
): object {
  return {
    model: trainer.model.spec.title,
    engine: engine.engine,
    supplier: engine.supplier,
    precision: engine.precision,
    ranks: trainer.ranks?.size ?? 1,
    workers: trainer.workers,
    shards: trainer.shards,
    batchSize: trainer.config.train.batchSize,
    lengths,
    captionsPerSecond: measured.captionsPerSecond,
    stepMs: measured.stepMs,
    gflops: measured.gflops,
    peakShare,
    phases: measured.phases,
    communicationMs: measured.communicationMs,
    idleShare: measured.idleShare,
    watching: measured.watching,
  };
}

export function benchLines(
  { trainer, switchedOff, ...measured }: BenchmarkResult,
  lengths: Lengths,
  peakShare: number,
): string[] {
  const { min, median, max } = measured.stepMs;
  const { forwardBackward, dispatch, update, rest } = measured.phases;
  const { stepMs, share, validationMs } = measured.watching;
  return [
    `${subjectOf(trainer, lengths)}, ${workersOf(trainer)}, ${plural(trainer.shards, 'shard')}, ` +
      `minibatches of ${trainer.config.train.batchSize}`,
    ...(switchedOff.length > 0 ? [`  switched off for this: ${switchedOff.join(', ')}`] : []),
    `  ${Math.round(measured.captionsPerSecond)} captions/s   step ${ms(median)} (${ms(min)} to ${ms(max)})`,
    `  ${measured.gflops.toFixed(1)} GFLOP/s in products, ${percent(peakShare)} of the measured peak`,
    `  forward and backward ${ms(forwardBackward)}, dispatch ${ms(dispatch)}, reduction and update ${ms(update)}, ` +
      `rest ${ms(rest)}; workers idle ${percent(measured.idleShare)}`,
    ...(trainer.ranks
      ? [`  of the update, exchange with other ranks ${ms(measured.communicationMs)}, waiting for them included`]
      : []),
    `  watched by log, TensorBoard and display: ${stepMs.toFixed(2)} ms more, ${(100 * share).toFixed(2)}% of a step; ` +
      `at a validation ${ms(validationMs)}`,
  ];
}

/** Model, data and engine. */
export function subjectOf(
  { model, engine: { description } }: Pick<Trainer, 'model' | 'engine'>,
  lengths: Lengths,
): string {
  return (
    `${model.spec.title}, ${lengths === 'full' ? 'full length' : 'lengths of the data'}, ` +
    `${description.engine} (${description.precision}; ${description.detail})`
  );
}

function workersOf({ ranks, workers }: Pick<Trainer, 'ranks' | 'workers'>): string {
  return ranks ? `${plural(workers, 'worker')} on ${plural(ranks.size, 'rank')}` : plural(workers, 'worker');
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
