import { createRequire } from 'node:module';
import type Koffi from 'koffi';

export type LibraryHandle = ReturnType<typeof Koffi.load>;

/** Loaded when a library is opened, because koffi has no binary for some platforms and all else works without it. */
export function koffi(): typeof Koffi {
  return createRequire(import.meta.url)('koffi') as typeof Koffi;
}

/** The function of that prototype, or null where the library has none. */
// biome-ignore lint/suspicious/noExplicitAny: what a foreign function takes and gives is in its prototype
export function optional(handle: LibraryHandle, prototype: string): ((...values: any[]) => any) | null {
  try {
    return handle.func(prototype);
  } catch {
    return null;
  }
}

/** The byte address of an array's first element, which holds while the array is in use. */
export function addressOf(array: NodeJS.TypedArray): number {
  return Number(koffi().address(array));
}

/** The address of a byte of the shared memory is this plus its offset. */
export function baseAddress(memory: WebAssembly.Memory): number {
  return addressOf(new Uint8Array(memory.buffer));
}
