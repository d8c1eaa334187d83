/** Adds up what one process has of a gradient sum, where the sums of several processes are added in MPI's order. */
import type { SharedMemory } from '../../engine/engine.js';
import { trainedView } from '../../engine/shared-memory.js';
import type { NumberArray } from '../../tensor/matrix.js';

interface Range {
  readonly from: number;
  readonly to: number;
}

export interface FoldedParts {
  /** Of the process. */
  readonly shards: Range;
  /** Elements whose accumulator, of earlier micro-steps, is the process's to add; null where there is none. */
  readonly accumulated: Range | null;
}

/** Elements [from, to) of `sum` become those of the accumulator and then of each slot. */
export function fold(
  memory: SharedMemory,
  sum: NumberArray,
  { shards, accumulated }: FoldedParts,
  from: number,
  to: number,
): void {
  sum.fill(0, from, to);
  if (accumulated) {
    const [first, last] = [Math.max(from, accumulated.from), Math.min(to, accumulated.to)];
    if (first < last) sum.set(trainedView(memory, memory.accumulator!).subarray(first, last), first);
  }
  for (const offset of memory.slots.slice(shards.from, shards.to)) {
    const slot = trainedView(memory, offset);
    for (let i = from; i < to; i++) sum[i]! += slot[i]!;
  }
}
