/** One native library of matrix products, called through koffi on addresses of the shared memory. */
import type { ElementType } from '../products.js';
import { koffi, type LibraryHandle } from './koffi.js';
import { OneDnnMatmul } from './onednn-matmul.js';

export const nativeLibraries = ['onednn', 'openblas', 'mkl', 'blis', 'accelerate'] as const;
export type NativeLibrary = (typeof nativeLibraries)[number];

export const libraryTitles: Readonly<Record<NativeLibrary, string>> = {
  onednn: 'oneDNN',
  openblas: 'OpenBLAS',
  mkl: 'MKL',
  blis: 'BLIS',
  accelerate: 'Accelerate',
};

/** C (M,N) = op(A)·op(B) + beta·C, row-major, in native addresses. */
export type Gemm = (
  transposeA: boolean,
  transposeB: boolean,
  M: number,
  N: number,
  K: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  beta: 0 | 1,
  c: number,
  ldc: number,
) => void;

export interface BlasLibrary {
  readonly sgemm: Gemm;
  /** A and B in bfloat16, C in float32; null where the library or its build has none. */
  readonly bf16gemm: Gemm | null;
  /** Products with weights in a layout of the library's own. @throws Error where it has none */
  blockedMatmul(type: ElementType): OneDnnMatmul;
  /** "0.3.21", or "" where the library does not tell. */
  readonly version: string;
  /** What the library calls its kernels for this processor, a core type or an instruction set; "" if it does not tell. */
  readonly kernels: string;
  /** Makes products of the calling thread run in that thread alone. */
  useOneThread(): void;
}

/** Loads a library into this process. A process of its own should have tried that before: libraries can end it. */
export function openBlas(library: NativeLibrary, path: string): BlasLibrary {
  const handle = koffi().load(path);
  return library === 'onednn' ? openOneDnn(handle) : openCblas(handle);
}

/** The address of a byte of the shared memory is this plus its offset. */
export function baseAddress(memory: WebAssembly.Memory): number {
  return Number(koffi().address(new Uint8Array(memory.buffer)));
}

const rowMajor = 101;
const noTranspose = 111;
const transpose = 112;

function openCblas(handle: LibraryHandle): BlasLibrary {
  const sgemm = handle.func(
    'void cblas_sgemm(int order, int transa, int transb, int m, int n, int k, float alpha, uintptr_t a, int lda, ' +
      'uintptr_t b, int ldb, float beta, uintptr_t c, int ldc)',
  );
  return {
    sgemm: (transposeA, transposeB, M, N, K, a, lda, b, ldb, beta, c, ldc) => {
      const opA = transposeA ? transpose : noTranspose;
      const opB = transposeB ? transpose : noTranspose;
      sgemm(rowMajor, opA, opB, M, N, K, 1, a, lda, b, ldb, beta, c, ldc);
    },
    bf16gemm: null,
    blockedMatmul: () => {
      throw new Error('the library has no layout of its own for weights');
    },
    version: cblasVersion(handle),
    kernels: cblasKernels(handle),
    useOneThread: threadSetter(handle),
  };
}

const codeN = 'N'.charCodeAt(0);
const codeT = 'T'.charCodeAt(0);

function openOneDnn(handle: LibraryHandle): BlasLibrary {
  const types = 'int64_t m, int64_t n, int64_t k, float alpha, uintptr_t a, int64_t lda, uintptr_t b, int64_t ldb';
  const prototype = (name: string) =>
    `int ${name}(char transa, char transb, ${types}, float beta, uintptr_t c, int64_t ldc)`;
  const gemm = (name: string, call: (...values: number[]) => number): Gemm => {
    return (transposeA, transposeB, M, N, K, a, lda, b, ldb, beta, c, ldc) => {
      const status = call(
        transposeA ? codeT : codeN,
        transposeB ? codeT : codeN,
        M,
        N,
        K,
        1,
        a,
        lda,
        b,
        ldb,
        beta,
        c,
        ldc,
      );
      if (status !== 0) throw new Error(`${name} failed with status ${status} on (${M},${K})·(${K},${N})`);
    };
  };
  const bf16 = optional(handle, prototype('dnnl_gemm_bf16bf16f32'));
  return {
    sgemm: gemm('dnnl_sgemm', handle.func(prototype('dnnl_sgemm'))),
    blockedMatmul: (type) => new OneDnnMatmul(handle, type),
    bf16gemm: bf16 ? gemm('dnnl_gemm_bf16bf16f32', bf16) : null,
    version: oneDnnVersion(handle),
    kernels: oneDnnKernels(handle),
    useOneThread: threadSetter(handle),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what a foreign function takes and gives is in its prototype
function optional(handle: LibraryHandle, prototype: string): ((...values: any[]) => any) | null {
  try {
    return handle.func(prototype);
  } catch {
    return null;
  }
}

function threadSetter(handle: LibraryHandle): () => void {
  const setters = [
    optional(handle, 'void omp_set_num_threads(int n)'),
    optional(handle, 'int MKL_Set_Num_Threads_Local(int n)'),
    optional(handle, 'void bli_thread_set_num_threads(int64_t n)'),
  ];
  return () => {
    for (const set of setters) set?.(1);
  };
}

function cblasVersion(handle: LibraryHandle): string {
  const text: string =
    optional(handle, 'const char *openblas_get_config()')?.() ??
    optional(handle, 'const char *bli_info_get_version_str()')?.() ??
    '';
  return text.match(/\d+(\.\d+)+/)?.[0] ?? '';
}

function oneDnnVersion(handle: LibraryHandle): string {
  const pointer = optional(handle, 'const int *dnnl_version()')?.();
  if (!pointer) return '';
  return (koffi().decode(pointer, koffi().array('int', 3)) as number[]).join('.');
}

function cblasKernels(handle: LibraryHandle): string {
  const core: string | undefined = optional(handle, 'const char *openblas_get_corename()')?.();
  if (core !== undefined) return core;
  const blisArchitecture = optional(handle, 'int bli_arch_query_id()')?.();
  return optional(handle, 'const char *bli_arch_string(int id)')?.(blisArchitecture) ?? '';
}

/** By the values of the C enumeration dnnl_cpu_isa_t in versions 2 and 3. */
const instructionSets: Readonly<Record<number, string>> = {
  1: 'SSE4.1',
  3: 'AVX',
  7: 'AVX2',
  39: 'AVX512',
  103: 'AVX512-VNNI',
  231: 'AVX512-BF16',
  495: 'AVX512-FP16',
  999: 'AMX',
  1031: 'AVX2-VNNI',
  4079: 'AMX',
};

function oneDnnKernels(handle: LibraryHandle): string {
  return instructionSets[optional(handle, 'int dnnl_get_effective_cpu_isa()')?.()] ?? '';
}
