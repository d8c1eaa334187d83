/** Who supplies the matrix products of the cpu engine: plain data, recorded with a run and handed to its workers. */
import { UserError } from '../../../errors.js';
import type { EngineDescription, SharedMemory } from '../../engine.js';
import { type InstructionSet, type Kernels, loadKernels } from '../kernels.js';
import {
  libraryEnvironment,
  libraryProductSizes,
  libraryTitles,
  type NativeLibrary,
  type OpenLibrary,
  openLibrary,
} from './blas/library.js';
import { generatedCells } from './native/generated-cells.js';
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
}

/**
 * Which instructions generated kernels use is not recorded: those for float32 give the same bits with each, and for
 * bfloat16 there is one.
 */
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
  if (supplier.library === 'native') return generatedProductSizes(bestGeneratedSet(precision));
  return libraryProductSizes(supplier.library);
}

/** Held until the process ends: unloading a library under a thread that still runs in it would crash. */
const loaded = new Map<string, OpenLibrary>();

/**
 * The library, loaded into the process, so that all threads share it. To be called in the main thread first, because what
 * libraries read of the environment must be set there before.
 *
 * @throws Error when it cannot be loaded
 */
export function load({ library, path, kernels }: Pick<LibrarySupplier, 'library' | 'path' | 'kernels'>): OpenLibrary {
  let open = loaded.get(path);
  if (!open) {
    Object.assign(process.env, libraryEnvironment(library, kernels));
    open = openLibrary(library, path);
    loaded.set(path, open);
  }
  open.useOneThread();
  return open;
}

/**
 * Loads what the workers will share.
 *
 * @throws UserError when it is not there any more, or not what was chosen
 */
export function prepareSupplier({ supplier }: CpuChoice): void {
  if (supplier.library === 'wasm' || supplier.library === 'native') return;
  const title = `${libraryTitles[supplier.library]} in ${supplier.path}`;
  let open: OpenLibrary;
  try {
    open = load(supplier);
  } catch (error) {
    throw new UserError(`${title} cannot be loaded any more: ${(error as Error).message}.`);
  }
  if (!isSame(open, supplier)) {
    const [found, expected] = [open, supplier].map(({ version, kernels }) => `${version} (${kernels})`);
    throw new UserError(`${title} is ${found} now, and was ${expected}.`);
  }
}

/** Whether what is loaded is what was chosen; a library that does not tell its version cannot be told from another. */
export function isSame(open: OpenLibrary, { version, kernels }: LibrarySupplier): boolean {
  return version === '' || (open.version === version && open.kernels === kernels);
}

/** Time steps are generated where products are, if the other kernels fuse their multiply-adds too: the bits are the same. */
function hasGeneratedCells({ supplier, instructionSet }: CpuChoice): boolean {
  return supplier.library === 'native' && instructionSet === 'wasm relaxed simd';
}

/** The kernels of this thread. */
export function openKernels(choice: CpuChoice, { memory }: SharedMemory): Kernels {
  const kernels = loadKernels(memory);
  if (!hasGeneratedCells(choice)) return kernels;
  return { ...kernels, ...generatedCells(bestGeneratedSet('float32'), memory, kernels) };
}

export function openProducts({ precision, supplier }: CpuChoice, kernels: Kernels, shared: SharedMemory): Products {
  if (supplier.library === 'wasm') return wasmProducts(kernels);
  if (supplier.library === 'native') return generatedProducts(bestGeneratedSet(precision), shared.memory);
  return load(supplier).products(kernels, shared.memory);
}

export function describeCpu(choice: CpuChoice, notes: readonly string[]): EngineDescription {
  const { precision, supplier, instructionSet } = choice;
  const from = 'path' in supplier ? ` from ${supplier.path}` : '';
  const what = hasGeneratedCells(choice) ? 'products and cells' : 'products';
  return {
    engine: 'cpu',
    precision,
    supplier: supplier.library,
    detail: `${what} by ${supplierTitle(choice)}${from}, the rest in ${instructionSet} on Node ${process.versions.node}`,
    notes,
  };
}

/** "OpenBLAS 0.3.21 (SkylakeX)", "oneDNN 2.6.3 in bfloat16", "AVX2 kernels that recap generates", or "WebAssembly". */
export function supplierTitle({ precision, supplier }: Pick<CpuChoice, 'precision' | 'supplier'>): string {
  if (supplier.library === 'wasm') return 'WebAssembly';
  if (supplier.library === 'native')
    return `${generationSupport(precision).sets.at(-1) ?? 'native'} kernels that recap generates`;
  const { library, version, kernels } = supplier;
  const words = [libraryTitles[library], version, kernels && `(${kernels})`, precision === 'bf16' && 'in bfloat16'];
  return words.filter((word) => word).join(' ');
}
