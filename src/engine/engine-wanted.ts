/** The engine that a config or a program asks for. */
import type { ElementType } from './cpu/suppliers/products.js';
import type { GpuMode } from './gpu/description.js';

export type BlasWanted = 'auto' | 'native' | 'none' | 'openblas' | 'onednn' | 'blis' | 'mkl' | 'accelerate';

export type EngineWanted =
  | { readonly name: 'auto' }
  | { readonly name: 'reference' }
  | { readonly name: 'gpu'; readonly mode: GpuMode | 'auto' }
  /**
   * `blas` is who computes matrix products: a library, `native` for the kernels that recap generates, `none` for the
   * built-in WebAssembly.
   */
  | { readonly name: 'cpu'; readonly blas: BlasWanted; readonly precision: ElementType };
