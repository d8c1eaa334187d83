/** On how many workers a run computes, and into how many shards it deals its minibatches. */
import type { Config } from '../../config/schema.js';
import { prepareProcess } from '../../engine/select.js';
import { plannedBytes, roomForSharedMemory } from '../../engine/shared-memory.js';
import { UserError } from '../../errors.js';
import { usableThreads } from '../../files/container-limits.js';
import type { CoordinatorOptions } from '../parallel/coordinator.js';
import { alone, shardsOf } from '../parallel/exchange.js';
import { memoryPlan } from '../parallel/memory-plan.js';
import type { Ranks } from '../parallel/ranks.js';
import { shardsForRanks, shardsWithin } from '../parallel/sharding.js';

/** Workers of each process. */
export function workersOf({ train }: Config, ranks: Ranks | undefined): readonly number[] {
  const { workers } = train;
  if (!ranks) return [workers === 'auto' ? usableThreads() : workers];
  return workers === 'auto' ? ranks.workers() : new Array<number>(ranks.size).fill(workers);
}

/**
 * As many as all workers, as far as each has captions enough and the shared memory has room.
 *
 * @param workers of all processes together
 * @param batchSize captions of a minibatch
 */
export function plannedShards(
  options: Omit<CoordinatorOptions, 'shards'>,
  ranks: Ranks | undefined,
  workers: number,
  batchSize: number,
): number {
  // Libraries say themselves what memory they need, and what they read of the environment must be set before.
  prepareProcess(options.engine);
  const bytesOf = (shards: number) => {
    const ownShards = shardsOf(ranks?.communicator ?? alone, shards);
    return plannedBytes(memoryPlan({ ...options, shards, ownShards }));
  };
  const room = roomForSharedMemory() / (ranks?.onThisMachine ?? 1);
  return shardsWithin(room, shardsForRanks(ranks?.size ?? 1, workers, batchSize), bytesOf);
}

/** @throws UserError where there are more processes than shards to deal to them */
export function refuseIdleRanks(ranks: Ranks | undefined, shards: number, batchSize: number): void {
  if (!ranks || shards >= ranks.size) return;
  throw new UserError(
    `train.shards is ${shards}, fewer than the ${ranks.size} ranks, some of which would have nothing to do. Start ` +
      `at most ${shards} ranks, or set train.shards to ${ranks.size} or more (a minibatch has ${batchSize} captions).`,
  );
}
