/** Who supplies the matrix products of the cpu engine: plain data, recorded with a run and handed to its workers. */
import type { EngineDescription, SharedMemory } from '../engine.js';
import { type BlasLibrary, libraryTitles, type NativeLibrary, openBlas } from './blas/blas-library.js';
import { type BlockedWeights, nativeProductSizes, nativeProducts } from './blas/native-products.js';
import type { InstructionSet, Kernels } from './kernels.js';
import type { ElementType, ProductSizes, Products } from './products.js';
import { wasmProductSizes, wasmProducts } from './wasm-products.js';

export interface NativeSupplier {
  readonly library: NativeLibrary;
  /** What the dynamic linker is given: a path, or a name that it looks up. */
  readonly path: string;
  readonly version: string;
  /** What the library calls its kernels for this processor; '' if it does not tell. */
  readonly kernels: string;
  readonly blockedWeights: BlockedWeights;
}

export type Supplier = { readonly library: 'wasm' } | NativeSupplier;

export interface CpuChoice {
  readonly name: 'cpu';
  readonly precision: ElementType;
  readonly supplier: Supplier;
  /** Of the WebAssembly kernels: their last digits depend on whether it has a fused multiply-add. */
  readonly instructionSet: InstructionSet;
}

export function productSizes({ precision, supplier }: CpuChoice): ProductSizes {
  if (supplier.library === 'wasm') return wasmProductSizes;
  return nativeProductSizes(precision, supplier.blockedWeights);
}

/** Held until the process ends: unloading a library under a thread that still runs in it would crash. */
const loaded = new Map<string, BlasLibrary>();

function load({ library, path }: NativeSupplier): BlasLibrary {
  let blas = loaded.get(path);
  if (!blas) {
    blas = openBlas(library, path);
    loaded.set(path, blas);
  }
  blas.useOneThread();
  return blas;
}

/**
 * Loads the library into the process, so that all threads share it. To be called in the main thread, because what
 * libraries read of the environment must be set there before.
 */
export function prepareSupplier({ supplier }: CpuChoice): void {
  if (supplier.library === 'wasm') return;
  Object.assign(process.env, libraryEnvironment(supplier.library, supplier.kernels));
  load(supplier);
}

/**
 * One thread a library, because the workers are the parallelism, and for OpenBLAS the core type whose kernels it shall
 * take, '' for its own choice.
 */
export function libraryEnvironment(library: Supplier['library'], coreType: string): Record<string, string> {
  const one = [
    'OMP_NUM_THREADS',
    'OPENBLAS_NUM_THREADS',
    'MKL_NUM_THREADS',
    'BLIS_NUM_THREADS',
    'VECLIB_MAXIMUM_THREADS',
  ];
  return {
    ...Object.fromEntries(one.map((name) => [name, '1'])),
    ...(library === 'openblas' && coreType !== '' ? { OPENBLAS_CORETYPE: coreType } : {}),
  };
}

export function openProducts({ precision, supplier }: CpuChoice, kernels: Kernels, shared: SharedMemory): Products {
  if (supplier.library === 'wasm') return wasmProducts(kernels);
  return nativeProducts(load(supplier), precision, supplier.blockedWeights, kernels, shared.memory);
}

export function describeCpu(choice: CpuChoice, notes: readonly string[]): EngineDescription {
  const { precision, supplier, instructionSet } = choice;
  const from = supplier.library === 'wasm' ? '' : ` from ${supplier.path}`;
  return {
    engine: 'cpu',
    precision,
    supplier: supplier.library,
    detail: `products by ${supplierTitle(choice)}${from}, the rest in ${instructionSet} on Node ${process.versions.node}`,
    notes,
  };
}

/** "OpenBLAS 0.3.21 (SkylakeX)", "oneDNN 2.6.3 in bfloat16", "WebAssembly". */
export function supplierTitle({ precision, supplier }: Pick<CpuChoice, 'precision' | 'supplier'>): string {
  if (supplier.library === 'wasm') return 'WebAssembly';
  const { library, version, kernels, blockedWeights } = supplier;
  const words = [
    libraryTitles[library],
    version,
    kernels && `(${kernels})`,
    precision === 'bf16' && 'in bfloat16',
    blockedWeights !== 'none' && `with ${blockedWeights} weights blocked`,
  ];
  return words.filter((word) => word).join(' ');
}
