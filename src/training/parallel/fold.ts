/** Adds up the gradients of one process's shards, where they are added in MPI's order afterwards. */
import type { SharedMemory } from '../../engine/engine.js';
import { trainedView } from '../../engine/shared-memory.js';

/** In elements [from, to), the first of the shards' slots becomes the sum of them all, and the others zero. */
export function foldSlots(
  memory: SharedMemory,
  shards: { readonly from: number; readonly to: number },
  from: number,
  to: number,
): void {
  const [sum, ...others] = memory.slots
    .slice(shards.from, shards.to)
    .map((offset) => trainedView(memory, offset).subarray(from, to));
  for (const other of others) {
    for (let i = 0; i < other.length; i++) sum![i]! += other[i]!;
    other.fill(0);
  }
}
