/** What a job would take with other numbers of ranks, by the cost model and what was measured. */
import type { Config } from '../../config/schema.js';
import { roomForSharedMemory } from '../../engine/shared-memory.js';
import { shardsForRanks, shardsWithin } from '../parallel/sharding.js';
import type { BenchmarkResult } from './benchmark.js';
import type { MeasuredCosts } from './cost-measurement.js';
import { bandwidthFor, batchFor, efficiency, type Job, type Network, type Reduction, stepTime } from './cost-model.js';

/** Below it more ranks are not worth their cost to most. */
export const wantedEfficiency = 0.8;

/** Of one number of ranks. */
export interface PredictedStep {
  readonly reduction: Reduction;
  readonly ranks: number;
  readonly shards: number;
  readonly stepMs: number;
  /** Of the step. */
  readonly communicationShare: number;
  readonly captionsPerSecond: number;
  /** Of so many times the speed of one rank. */
  readonly efficiency: number;
  /** About the smallest minibatch that reaches the wanted efficiency; null where none does. */
  readonly leastBatch: number | null;
  /** Bytes a millisecond that reach it with the minibatch of the config; null where none do. */
  readonly leastBandwidth: number | null;
  /** Milliseconds that a step was measured to take; null where it was not. */
  readonly measuredMs: number | null;
}

export interface Prediction {
  readonly network: Network;
  readonly steps: readonly PredictedStep[];
  /** Numbers of ranks that cannot train with this config: too few shards, or too little memory for as many. */
  readonly impossible: readonly number[];
}

const mostRanks = 256;

/** Both reductions for 1, 2, 4, … 256 ranks, and for as many as were measured. */
export function predict(config: Config, measured: MeasuredCosts, network: Network): Prediction {
  const { costs, alone, together } = measured;
  const shards = shardCounts(config, alone);
  const { accumulate, clip } = config.train;
  const batchSize = Math.min(config.train.batchSize, alone.trainer.dataset.train.count);
  const job = { batchSize, accumulate, workers: alone.trainer.workers, clips: clip.norm !== null, shards };
  const counts = rankCounts(together?.trainer.ranks?.size ?? 1);
  const possible = counts.filter((ranks) => shards(ranks, batchSize) >= ranks);
  const stepOf = (reduction: Reduction, ranks: number): PredictedStep => {
    const some: Job = { ...job, reduction };
    const { total, communication } = stepTime(costs, some, network, ranks);
    const isOwn = ranks === together?.trainer.ranks?.size && reduction === config.train.reduction;
    const measuredMs = ranks === 1 ? alone.stepMs.median : isOwn ? together!.stepMs.median : null;
    return {
      reduction,
      ranks,
      shards: shards(ranks, batchSize),
      stepMs: total,
      communicationShare: communication / total,
      captionsPerSecond: (batchSize * accumulate * 1000) / total,
      efficiency: efficiency(costs, some, network, ranks),
      leastBatch: batchFor(wantedEfficiency, costs, some, network, ranks),
      leastBandwidth: bandwidthFor(wantedEfficiency, costs, some, network, ranks),
      measuredMs,
    };
  };
  const steps = (['ordered', 'fast'] as const).flatMap((reduction) =>
    possible.map((ranks) => stepOf(reduction, ranks)),
  );
  return { network, steps, impossible: counts.filter((ranks) => !possible.includes(ranks)) };
}

function rankCounts(own: number): number[] {
  const counts = new Set([own]);
  for (let ranks = 1; ranks <= mostRanks; ranks *= 2) counts.add(ranks);
  return [...counts].sort((a, b) => a - b);
}

/** As a run chooses them. A larger minibatch than the config's is taken to get no more than the memory lets that have. */
function shardCounts({ train }: Config, { trainer: { workers }, sharedBytes }: BenchmarkResult): Job['shards'] {
  const { shards } = train;
  if (shards !== 'auto') return () => shards;
  const room = roomForSharedMemory();
  const limits = new Map<number, number>();
  const limitOf = (ranks: number): number => {
    const wanted = shardsForRanks(ranks, ranks * workers, train.batchSize);
    const most = shardsWithin(room, wanted, (shards) => sharedBytes(shards, ranks));
    return most < wanted ? most : Number.POSITIVE_INFINITY;
  };
  return (ranks, batchSize) => {
    if (!limits.has(ranks)) limits.set(ranks, limitOf(ranks));
    return Math.min(limits.get(ranks)!, shardsForRanks(ranks, ranks * workers, batchSize));
  };
}
