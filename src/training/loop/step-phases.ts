/** Where the time of a step goes, in the same terms for the log of a run and for the benchmark. */
import type { StepTiming } from './training-steps.js';

/** Of one step; together the time since the end of the step before. */
export interface Phases {
  /** Forward and backward: the work of a worker, the mean over those that have any. */
  readonly compute: number;
  /** The rest of the time until the slowest worker is done: what a worker waits on average, dispatch included. */
  readonly wait: number;
  /** Reduction and the optimiser. */
  readonly update: number;
  /** Everything else: captions that are sampled to train on, and since the step before log, validation, checkpoint. */
  readonly rest: number;
}

/** @returns milliseconds */
export function phasesOf({ total, between, gradients, update, shards }: StepTiming, workers: number): Phases {
  const work = shards.reduce((sum, shard) => sum + shard, 0);
  // Clocks of two threads: their rounding must not make a wait negative.
  const compute = Math.min(gradients, work / Math.min(workers, shards.length));
  return { compute, wait: gradients - compute, update, rest: between + total - gradients - update };
}
