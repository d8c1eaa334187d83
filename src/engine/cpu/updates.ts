/**
 * The part of a training step that touches parameters instead of captions, on the WebAssembly kernels: Adam over the
 * summed gradient slots, and the watch for gradients that are not finite.
 */
import type { AdamStep, SharedMemory } from '../engine.js';
import type { Kernels } from './kernels.js';

/**
 * Bytes at the start of every arena that hold the table of slot offsets which the Adam kernel reads. Every thread
 * writes the same values there when it makes its engine, so their order does not matter.
 */
export const slotTableBytes = 4096;

export interface Updates {
  /** As `Engine.adam`. */
  adam(step: AdamStep, from: number, to: number): void;
  /** As `Engine.saveState`. */
  saveState(from: number, to: number, at: number): void;
  /** As `Engine.largestGradient`. */
  largestGradient(shard: number, from: number, to: number): number;
}

export function createUpdates(shared: SharedMemory, kernels: Kernels): Updates {
  const { parameters, m, v, slots } = shared;
  if (slots.length * 4 > slotTableBytes)
    throw new Error(`${slots.length} shards, at most ${slotTableBytes / 4} expected`);
  const table = shared.arenas[0]!;
  new Uint32Array(shared.memory.buffer, table, slots.length).set(slots);
  return {
    adam({ stepSize, beta1, beta2, epsilon, divisor }, from, to) {
      kernels.adam(parameters, m, v, table, slots.length, from, to, stepSize, beta1, beta2, epsilon, divisor);
    },
    saveState(from, to, at) {
      kernels.saveState(parameters, m, v, table, slots.length, from, to, at);
    },
    largestGradient: (shard, from, to) => kernels.largestMagnitude(slots[shard]! + from * 4, to - from),
  };
}
