/** Native libraries of matrix products, for machines on which recap generates no kernels of the precision wanted. */

import { koffi } from '../../../../foreign/koffi.js';
import type { Kernels } from '../../kernels.js';
import type { ElementType, ProductSizes, Products } from '../products.js';
import { cblasProductSizes, openCblas } from './cblas.js';
import { oneDnnProductSizes, openOneDnn } from './onednn.js';

/** In order of preference among those of one precision. */
export const nativeLibraries = ['accelerate', 'openblas', 'onednn'] as const;
export type NativeLibrary = (typeof nativeLibraries)[number];

export const libraryTitles: Readonly<Record<NativeLibrary, string>> = {
  accelerate: 'Accelerate',
  openblas: 'OpenBLAS',
  onednn: 'oneDNN',
};

/** What the operands of its products are. */
export const libraryPrecision: Readonly<Record<NativeLibrary, ElementType>> = {
  accelerate: 'float32',
  openblas: 'float32',
  onednn: 'bf16',
};

export interface OpenLibrary {
  /** "0.3.21", or "" where the library does not tell. */
  readonly version: string;
  /** What the library calls its kernels for this processor, a core type or an instruction set; "" if it does not tell. */
  readonly kernels: string;
  /** Makes products of the calling thread run in that thread alone. */
  useOneThread(): void;
  /** @param memory kept alive by the caller for as long as the products are in use */
  products(kernels: Kernels, memory: WebAssembly.Memory): Products;
}

/**
 * Loads a library into this process.
 *
 * @throws Error when it cannot be loaded or lacks a function
 */
export function openLibrary(library: NativeLibrary, path: string): OpenLibrary {
  const handle = koffi().load(path);
  return library === 'onednn' ? openOneDnn(handle) : openCblas(handle);
}

export function libraryProductSizes(library: NativeLibrary): ProductSizes {
  return library === 'onednn' ? oneDnnProductSizes : cblasProductSizes;
}

/**
 * What must be in the environment before the library is loaded: one thread, because the workers are the parallelism, and
 * for OpenBLAS the core type whose kernels it shall take, '' for its own choice.
 */
export function libraryEnvironment(library: NativeLibrary, coreType: string): Record<string, string> {
  const one = ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'VECLIB_MAXIMUM_THREADS'];
  return {
    ...Object.fromEntries(one.map((name) => [name, '1'])),
    ...(library === 'openblas' && coreType !== '' ? { OPENBLAS_CORETYPE: coreType } : {}),
  };
}
