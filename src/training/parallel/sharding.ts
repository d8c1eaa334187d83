/** How a minibatch is cut into shards, and an update into ranges. */
import { updateChunk } from '../../engine/shared-memory.js';

/**
 * Deals the captions of a minibatch to the shards, longest caption first, there and back again, so that all shards have
 * about the same work. Depends on the minibatch and the shard count alone, never on the number of workers.
 *
 * @param lengths (n) time steps of each caption
 * @returns one array of rows of the minibatch a shard; sizes differ by at most one, and a shard may be empty
 */
export function dealRows(lengths: Int32Array, shards: number): number[][] {
  const byLength = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const dealt: number[][] = Array.from({ length: shards }, () => []);
  byLength.forEach((row, i) => {
    const round = Math.floor(i / shards);
    const place = i % shards;
    dealt[round % 2 === 0 ? place : shards - 1 - place]!.push(row);
  });
  return dealt;
}

/** Captions of a shard below which its products are too small to be worth a thread. */
export const leastRows = 8;

/** Parts of a minibatch for so many workers: one a worker, but none of fewer than `leastRows` captions. */
export function shardsFor(workers: number, batchSize: number): number {
  return Math.max(1, Math.min(workers, Math.floor(batchSize / leastRows)));
}

/** Parts of a minibatch for so many processes and all their workers; each process gets one at least. */
export function shardsForRanks(ranks: number, workers: number, batchSize: number): number {
  return Math.max(ranks, shardsFor(workers, batchSize));
}

/** The most shards, up to `most`, that fit into so many bytes; at least one. */
export function shardsWithin(bytes: number, most: number, bytesOf: (shards: number) => number): number {
  let shards = most;
  while (shards > 1 && bytesOf(shards) > bytes) shards--;
  return shards;
}

/** Shards, or elements, from one on and up to another, which is not among them. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Cuts [0, length) into ranges of whole chunks, as equal as that allows. */
export function chunkRanges(length: number, parts: number): Range[] {
  const chunks = Math.ceil(length / updateChunk);
  const start = (part: number) => Math.min(length, Math.floor((chunks * part) / parts) * updateChunk);
  return Array.from({ length: parts }, (_, part) => ({ from: start(part), to: start(part + 1) }));
}
