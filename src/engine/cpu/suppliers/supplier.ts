/** Who supplies the matrix products of the cpu engine: plain data, recorded with a run and handed to its workers. */
import { UserError } from '../../../errors.js';
import type { EngineDescription, SharedMemory } from '../../engine.js';
import type { InstructionSet, Kernels } from '../kernels.js';
import { type BlasLibrary, libraryTitles, type NativeLibrary, openBlas } from './blas/blas-library.js';
import { type BlockedWeights, nativeProductSizes, nativeProducts } from './blas/native-products.js';
import { bestGeneratedSet, generationSupport } from './native/generated-kernels.js';
import { generatedProductSizes, generatedProducts } from './native/generated-products.js';
import type { ElementType, ProductSizes, Products } from './products.js';
import { wasmProductSizes, wasmProducts } from './wasm-products.js';

export interface LibrarySupplier {
  readonly library: NativeLibrary;
  /** What the dynamic linker is given: a path, or a name that it looks up. */
  readonly path: string;
  readonly version: string;
  /** What the library calls its kernels for this processor; '' if it does not tell. */
  readonly kernels: string;
  readonly blockedWeights: BlockedWeights;
}

/** Generated kernels give the same bits with every instruction set, so which they use is not recorded. */
export type Supplier = { readonly library: 'wasm' } | { readonly library: 'native' } | LibrarySupplier;

export interface CpuChoice {
  readonly name: 'cpu';
  readonly precision: ElementType;
  readonly supplier: Supplier;
  /** Of the WebAssembly kernels: their last digits depend on whether it has a fused multiply-add. */
  readonly instructionSet: InstructionSet;
}

/**
 * Whether products and all else that is computed by it round as one chain of fused multiply-adds, which has the same bits
 * by generated kernels and by WebAssembly, on every processor with such an instruction.
 */
export function isFusedChain({ precision, supplier, instructionSet }: CpuChoice): boolean {
  const chains = supplier.library === 'wasm' || supplier.library === 'native';
  return chains && precision === 'float32' && instructionSet === 'wasm relaxed simd';
}

export function productSizes({ precision, supplier }: CpuChoice): ProductSizes {
  if (supplier.library === 'wasm') return wasmProductSizes;
  if (supplier.library === 'native') return generatedProductSizes(bestGeneratedSet());
  return nativeProductSizes(precision, supplier.blockedWeights);
}

/** Held until the process ends: unloading a library under a thread that still runs in it would crash. */
const loaded = new Map<string, BlasLibrary>();

function load({ library, path }: LibrarySupplier): BlasLibrary {
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
 *
 * @throws UserError when it is not there any more, or not what was measured
 */
export function prepareSupplier({ supplier }: CpuChoice): void {
  if (supplier.library === 'wasm' || supplier.library === 'native') return;
  Object.assign(process.env, libraryEnvironment(supplier.library, supplier.kernels));
  const { library, path } = supplier;
  const title = `${libraryTitles[library]} in ${path}`;
  let blas: BlasLibrary;
  try {
    blas = load(supplier);
  } catch (error) {
    throw new UserError(`${title} cannot be loaded any more: ${(error as Error).message}. ${measureAnew}`);
  }
  const [found, expected] = [blas, supplier].map(({ version, kernels }) => `${version} (${kernels})`);
  // A library that does not tell its version cannot be told from another.
  if (supplier.version !== '' && found !== expected)
    throw new UserError(`${title} is ${found} now, and was ${expected}. ${measureAnew}`);
}

const measureAnew = 'Measure what works here anew: recap info --measure';

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
  if (supplier.library === 'native') return generatedProducts(bestGeneratedSet(), shared.memory);
  return nativeProducts(load(supplier), precision, supplier.blockedWeights, kernels, shared.memory);
}

export function describeCpu(choice: CpuChoice, notes: readonly string[]): EngineDescription {
  const { precision, supplier, instructionSet } = choice;
  const from = 'path' in supplier ? ` from ${supplier.path}` : '';
  return {
    engine: 'cpu',
    precision,
    supplier: supplier.library,
    detail: `products by ${supplierTitle(choice)}${from}, the rest in ${instructionSet} on Node ${process.versions.node}`,
    notes,
  };
}

/** "OpenBLAS 0.3.21 (SkylakeX)", "oneDNN 2.6.3 in bfloat16", "AVX2 kernels that recap generates", "WebAssembly". */
export function supplierTitle({ precision, supplier }: Pick<CpuChoice, 'precision' | 'supplier'>): string {
  if (supplier.library === 'wasm') return 'WebAssembly';
  if (supplier.library === 'native')
    return `${generationSupport().sets.at(-1) ?? 'native'} kernels that recap generates`;
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
