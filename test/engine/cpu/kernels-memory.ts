import {
  bestInstructionSet,
  type InstructionSet,
  instructionSets,
  loadKernels,
} from '../../../src/engine/cpu/kernels.js';

type Data = Float32Array | Int32Array | Uint32Array | Uint16Array;

/** What stands around every operand: NaN as a float, so that a stray read shows as well as a stray write. */
const guard = 0x7fc0dead;
const guardBytes = 256;

/** The builds that this runtime can run; each is tested. */
export const runnableSets = instructionSets.slice(0, instructionSets.indexOf(bestInstructionSet()) + 1);

/**
 * A memory in which every operand lies between guard bands.
 *
 * @param firstByte where the first operand goes, to try high addresses
 */
export function guardedMemory(instructionSet: InstructionSet, megabytes = 16, firstByte = 0) {
  const pages = megabytes * 16;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const kernels = loadKernels(memory, instructionSet);
  let placed: { at: number; bytes: number }[] = [];
  let next = firstByte;

  function take(bytes: number): number {
    const bands = new Uint32Array(memory.buffer, next, guardBytes / 2 + Math.ceil(bytes / 4));
    bands.fill(guard);
    const at = next + guardBytes;
    placed.push({ at, bytes });
    next = at + Math.ceil(bytes / 4) * 4 + guardBytes;
    return at;
  }

  return {
    memory,
    kernels,
    /** Copies `data` into the memory and returns its byte offset. */
    put(data: Data | readonly number[]): number {
      const values = ArrayBuffer.isView(data) ? data : Float32Array.from(data);
      const at = take(values.byteLength);
      new Uint8Array(memory.buffer, at, values.byteLength).set(
        new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      );
      return at;
    },
    take,
    floats: (at: number, count: number) => new Float32Array(new Float32Array(memory.buffer, at, count)),
    integers: (at: number, count: number) => new Int32Array(new Int32Array(memory.buffer, at, count)),
    halves: (at: number, count: number) => new Uint16Array(new Uint16Array(memory.buffer, at, count)),
    /** Throws if anything was written outside the operands since the last `clear`. */
    checkGuards(): void {
      for (const { at, bytes } of placed) {
        const padded = Math.ceil(bytes / 4) * 4;
        for (const from of [at - guardBytes, at + padded]) {
          if (new Uint32Array(memory.buffer, from, guardBytes / 4).some((word) => word !== guard)) {
            throw new Error(`a kernel wrote outside the operand at ${at}`);
          }
        }
      }
    },
    clear(): void {
      placed = [];
      next = firstByte;
    },
  };
}

/** Numbers in [-1, 1) that are the same in every run. */
export function uniform(count: number, seed = 1): Float32Array {
  let state = seed >>> 0;
  return new Float32Array(count).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}
