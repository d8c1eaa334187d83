/** Lays out and allocates the memory that all worker threads share; see `SharedMemory` in engine.ts. */
import { UserError } from '../errors.js';
import { usableMemory } from '../files/container-limits.js';
import type { Layout } from '../tensor/layout.js';
import type { NumberArray, Precision } from '../tensor/matrix.js';
import type { ChangedArrays, ParameterValues, SharedMemory } from './engine.js';

const pageBytes = 65536;
/** The address space of 32-bit WebAssembly. */
const largestBytes = 2 ** 32;

export function bytesOf(precision: Precision): number {
  return precision === 'float64' ? 8 : 4;
}

/** Elements of a chunk of an update; its parameters and optimiser state stay in the first-level cache. */
export const updateChunk = 1024;

export interface MemoryPlan {
  readonly layout: Layout;
  readonly precision: Precision;
  /** Names of the optimiser's arrays; none where nothing is trained. */
  readonly states?: readonly string[];
  /** Whether a moving average of the parameters is kept. */
  readonly averages?: boolean;
  /** Whether a step has several micro-steps. */
  readonly accumulates?: boolean;
  readonly shards: number;
  readonly arenaBytes: number;
  /** Shards [from, to) that this process computes, and needs arenas for; all of them by default. */
  readonly ownShards?: { readonly from: number; readonly to: number };
  /** Bytes at the start left free for an engine's own static data. */
  readonly firstByte?: number;
  /** Ranges of parameters that are updated at the same time. */
  readonly journals?: number;
}

/** Bytes that one run can address and that half of this machine's memory holds; the data takes room beside. */
export function roomForSharedMemory(): number {
  return Math.min(largestBytes, usableMemory() / 2);
}

/** Bytes of the whole. */
export function plannedBytes(plan: MemoryPlan): number {
  return placesIn(plan).end;
}

/** @throws UserError when the whole exceeds the 4 GiB that WebAssembly can address */
export function allocateSharedMemory(plan: MemoryPlan): SharedMemory {
  const { layout, precision, shards, arenaBytes } = plan;
  const { end, ...places } = placesIn(plan);
  if (end > largestBytes) {
    throw new UserError(
      `This model and minibatch need ${(end / 2 ** 30).toFixed(1)} GiB of shared memory, more than the 4 GiB that one ` +
        'run can address. Use a smaller train.batchSize, fewer train.shards or a smaller model.',
    );
  }
  const pages = Math.ceil(end / pageBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return { memory, precision, layout, shards, ...places, arenaBytes };
}

/** Byte offsets of each part, and where the last one ends. */
function placesIn(plan: MemoryPlan) {
  const { layout, precision, states = [], averages = false, accumulates = false } = plan;
  const { shards, arenaBytes, firstByte = 0, journals = 0, ownShards = { from: 0, to: shards } } = plan;
  let next = firstByte;
  const take = (bytes: number): number => {
    const at = Math.ceil(next / 64) * 64;
    next = at + bytes;
    return at;
  };
  const size = bytesOf(precision);
  const trained = layout.trainedLength * size;
  const changed = 1 + states.length + (averages ? 1 : 0);
  const parts = {
    parameters: take(layout.length * size),
    states: Object.fromEntries(states.map((name) => [name, take(trained)])),
    average: averages ? take(layout.length * size) : null,
    accumulator: accumulates ? take(trained) : null,
    slots: Array.from({ length: shards }, () => take(trained)),
  };
  const arenas = Array.from({ length: ownShards.to - ownShards.from }, () => take(arenaBytes));
  return {
    ...parts,
    // Nothing is computed in those of other processes' shards.
    arenas: Array.from({ length: shards }, (_, shard) => arenas[shard - ownShards.from] ?? arenas[0]!),
    journals: Array.from({ length: journals }, () => take(changed * updateChunk * size)),
    end: next,
  };
}

/** All parameters, trained or not. */
export function parametersOf(shared: SharedMemory, values: ParameterValues = 'live'): NumberArray {
  return numbersAt(shared, parametersAt(shared, values), shared.layout.length);
}

/** Byte offset of the parameters. */
export function parametersAt({ parameters, average }: SharedMemory, values: ParameterValues): number {
  if (values === 'live') return parameters;
  if (average === null) throw new Error('no average of the parameters is kept');
  return average;
}

/** The values of the parameters that are kept. */
export function keptParameters({ average }: SharedMemory): readonly ParameterValues[] {
  return average === null ? ['live'] : ['live', 'ema'];
}

/** Byte offsets of the arrays that a pass over the trained parameters changes, in the order in which they are journaled. */
export function changedArrays(shared: SharedMemory, arrays: ChangedArrays): readonly number[] {
  const { parameters, states, average, accumulator } = shared;
  if (arrays === 'parameters') return [parameters, ...Object.values(states), ...(average === null ? [] : [average])];
  return accumulator === null ? [] : [accumulator];
}

/** Elements of the trained parameters: a gradient slot, or any other array of them, that starts at byte `offset`. */
export function trainedView(shared: SharedMemory, offset: number): NumberArray {
  return numbersAt(shared, offset, shared.layout.trainedLength);
}

/** `length` numbers of the memory's precision from byte `offset` on. */
export function numbersAt(shared: SharedMemory, offset: number, length: number): NumberArray {
  const { buffer } = shared.memory;
  return shared.precision === 'float64'
    ? new Float64Array(buffer, offset, length)
    : new Float32Array(buffer, offset, length);
}
