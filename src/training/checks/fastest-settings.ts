/** Searches for the workers, shards and minibatch by which a machine trains fastest. */
import { UserError } from '../../errors.js';
import { leastRows, shardsFor } from '../parallel/sharding.js';

export interface Settings {
  readonly workers: number;
  readonly shards: number;
  readonly batchSize: number;
}

export interface SearchLimits {
  /** Threads that can compute at the same time. */
  readonly threads: number;
  /** Of the minibatch to begin with, and the largest one that may be tried, known once one was measured. */
  readonly batchSize: { readonly first: number; readonly most: () => number };
}

/** What more workers or shards must gain to be worth it; less is within the noise of a measurement. */
const worthwhile = 1.02;
/** What twice the minibatch must gain: it trains otherwise, in half the steps an epoch. */
const worthADoubling = 1.05;

/**
 * First the workers, one shard each; then twice the shards, which even out unequal work; then twice the minibatch, as
 * long as that gains.
 *
 * @param measure captions a second; a UserError says that the machine has not the memory
 */
export async function fastestSettings(
  measure: (settings: Settings) => Promise<number>,
  { threads, batchSize: { first, most } }: SearchLimits,
): Promise<Settings> {
  let best: Settings = { workers: 1, shards: 1, batchSize: first };
  let speed = await measure(best);
  const takeIfFaster = async (settings: Settings, gain: number): Promise<boolean> => {
    const found = await measure(settings);
    if (found <= gain * speed) return false;
    best = settings;
    speed = found;
    return true;
  };
  for (const workers of workerCounts(threads)) {
    await takeIfFaster({ workers, shards: shardsFor(workers, first), batchSize: first }, worthwhile);
  }
  if (2 * best.shards * leastRows <= first && best.shards === best.workers) {
    await takeIfFaster({ ...best, shards: 2 * best.shards }, worthwhile);
  }
  const shardsAWorker = Math.max(1, best.shards / best.workers);
  for (let batchSize = 2 * first; batchSize <= most(); batchSize *= 2) {
    const shards = shardsFor(shardsAWorker * best.workers, batchSize);
    try {
      if (!(await takeIfFaster({ ...best, shards, batchSize }, worthADoubling))) break;
    } catch (error) {
      if (error instanceof UserError) break;
      throw error;
    }
  }
  return best;
}

/** 2, 4, 8, … and as many as there are. */
function workerCounts(threads: number): number[] {
  const counts: number[] = [];
  for (let count = 2; count < threads; count *= 2) counts.push(count);
  return threads > 1 ? [...counts, threads] : [];
}
