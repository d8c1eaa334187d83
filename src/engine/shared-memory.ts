/** Lays out and allocates the memory that all worker threads share; see `SharedMemory` in engine.ts. */
import { UserError } from '../errors.js';
import type { ParameterLayout } from '../model/parameters.js';
import type { NumberArray, Precision, SharedMemory } from './engine.js';

const pageBytes = 65536;
/** The address space of 32-bit WebAssembly. */
const largestBytes = 2 ** 32;

export function bytesOf(precision: Precision): number {
  return precision === 'float64' ? 8 : 4;
}

/** Elements of a chunk of an update; its parameters and moments stay in the first-level cache. */
export const updateChunk = 1024;

/**
 * @param firstByte bytes at the start left free for an engine's own static data
 * @param journals ranges of parameters that are updated at the same time
 * @throws UserError when the whole exceeds the 4 GiB that WebAssembly can address
 */
export function allocateSharedMemory(
  parameterLayout: ParameterLayout,
  precision: Precision,
  shards: number,
  arenaBytes: number,
  firstByte = 0,
  journals = 0,
): SharedMemory {
  let next = firstByte;
  const take = (bytes: number): number => {
    const at = Math.ceil(next / 64) * 64;
    next = at + bytes;
    return at;
  };
  const flat = parameterLayout.length * bytesOf(precision);
  const parameters = take(flat);
  const m = take(flat);
  const v = take(flat);
  const slots = Array.from({ length: shards }, () => take(flat));
  const arenas = Array.from({ length: shards }, () => take(arenaBytes));
  const journalOffsets = Array.from({ length: journals }, () => take(3 * updateChunk * bytesOf(precision)));
  if (next > largestBytes) {
    throw new UserError(
      `This model and minibatch need ${(next / 2 ** 30).toFixed(1)} GiB of shared memory, more than the 4 GiB that one ` +
        'run can address. Use a smaller train.batchSize, fewer train.shards or a smaller model.',
    );
  }
  const pages = Math.ceil(next / pageBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return {
    memory,
    precision,
    parameterLayout,
    shards,
    parameters,
    m,
    v,
    slots,
    arenas,
    arenaBytes,
    journals: journalOffsets,
  };
}

/** The flat array of parameters, a moment or a gradient slot that starts at byte `offset`. */
export function flatView(shared: SharedMemory, offset: number): NumberArray {
  return numbersAt(shared, offset, shared.parameterLayout.length);
}

/** `length` numbers of the memory's precision from byte `offset` on. */
export function numbersAt(shared: SharedMemory, offset: number, length: number): NumberArray {
  const { buffer } = shared.memory;
  return shared.precision === 'float64'
    ? new Float64Array(buffer, offset, length)
    : new Float32Array(buffer, offset, length);
}
