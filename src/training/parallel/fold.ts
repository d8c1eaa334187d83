/**
 * A gradient sum of several processes, each of which adds up its own shards first. Both steps read what they do not write,
 * so that a worker that dies in one of them loses nothing.
 */
import type { SharedMemory } from '../../engine/engine.js';
import { trainedView } from '../../engine/shared-memory.js';
import type { NumberArray } from '../../tensor/matrix.js';
import type { Range } from './sharding.js';

/** The sums of the processes, in memory that the workers share. */
export interface FoldedSums {
  /** (trained parameters) of this process. */
  readonly own: NumberArray;
  /** (processes, parameters of `range`) those of the others for this one's range; its own row is not used. */
  readonly received: NumberArray;
  /** Parameters of which this process has the sum of all. */
  readonly range: Range;
  readonly rank: number;
  readonly size: number;
}

export interface FoldedParts {
  /** Of the process. */
  readonly shards: Range;
  /** Whether the accumulator, of earlier micro-steps, belongs to the sum; the process has that of its range. */
  readonly accumulated: boolean;
}

/** Elements [from, to) of the process's own sum become those of the accumulator and then of each of its slots. */
export function fold(
  memory: SharedMemory,
  { own, range }: FoldedSums,
  { shards, accumulated }: FoldedParts,
  from: number,
  to: number,
): void {
  own.fill(0, from, to);
  const [first, last] = [Math.max(from, range.from), Math.min(to, range.to)];
  if (accumulated && first < last) {
    own.set(trainedView(memory, memory.accumulator!).subarray(first, last), first);
  }
  for (const offset of memory.slots.slice(shards.from, shards.to)) {
    const slot = trainedView(memory, offset);
    for (let i = from; i < to; i++) own[i]! += slot[i]!;
  }
}

/** Elements [from, to) of the accumulator, which are of the process's range, become the sums of all in their order. */
export function addFolded(
  memory: SharedMemory,
  { own, received, range, rank, size }: FoldedSums,
  from: number,
  to: number,
): void {
  const accumulator = trainedView(memory, memory.accumulator!);
  accumulator.fill(0, from, to);
  const length = range.to - range.from;
  for (let each = 0; each < size; each++) {
    const [sums, place] = each === rank ? [own, 0] : [received, each * length - range.from];
    for (let i = from; i < to; i++) accumulator[i]! += sums[place + i]!;
  }
}
