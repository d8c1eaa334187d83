/** Which parameters a gradient that is not finite belongs to. */
import type { SharedMemory } from '../../engine/engine.js';
import { trainedView } from '../../engine/shared-memory.js';
import { namedViews } from '../../tensor/layout.js';
import type { Range } from './sharding.js';

/** Names of parameters in whose gradient, of these shards, something is not finite or would not be once it is squared. */
export function nonFiniteParameters(memory: SharedMemory, { from, to }: Range): string[] {
  const round = roundingOf(memory);
  const slots = memory.slots.slice(from, to).map((offset) => namedViews(trainedView(memory, offset), memory.layout));
  return Object.keys(slots[0] ?? {}).filter((name) =>
    slots.some((views) => !views[name]!.every((value) => Number.isFinite(round(value * value)))),
  );
}

/** To what the engine's numbers can hold. */
export function roundingOf({ precision }: Pick<SharedMemory, 'precision'>): (value: number) => number {
  return precision === 'float32' ? Math.fround : (value) => value;
}
