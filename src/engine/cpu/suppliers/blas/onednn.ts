/** Products of bfloat16 operands by oneDNN, weights in the layout that it picks for them. */

import { baseAddress, koffi, type LibraryHandle, optional } from '../../../../foreign/koffi.js';
import type { ProductSizes, Products } from '../products.js';
import { fillRows } from './cblas.js';
import type { OpenLibrary } from './library.js';
import { OneDnnMatmul } from './onednn-matmul.js';

/** Granularity, in rows and columns, of the layouts that oneDNN picks for weights. */
const largestBlock = 64;

const codeN = 'N'.charCodeAt(0);
const codeT = 'T'.charCodeAt(0);

export const oneDnnProductSizes: ProductSizes = {
  operands: 'bf16',
  scratchBytes: () => 0,
  preparedBytes: (_use, N, K) => blockedBytesAtMost(N, K),
};

function blockedBytesAtMost(N: number, K: number): number {
  const rounded = (size: number) => Math.ceil(size / largestBlock) * largestBlock;
  return rounded(N) * rounded(K) * 2;
}

export function openOneDnn(handle: LibraryHandle): OpenLibrary {
  const gemm = handle.func(
    'int dnnl_gemm_bf16bf16f32(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, uintptr_t a, ' +
      'int64_t lda, uintptr_t b, int64_t ldb, float beta, uintptr_t c, int64_t ldc)',
  );
  const setThreads = optional(handle, 'void omp_set_num_threads(int n)');
  return {
    version: versionOf(handle),
    kernels: instructionSets[optional(handle, 'int dnnl_get_effective_cpu_isa()')?.()] ?? '',
    useOneThread: () => setThreads?.(1),
    products(kernels, memory): Products {
      const base = baseAddress(memory);
      const matmul = new OneDnnMatmul(handle);
      return {
        ...oneDnnProductSizes,
        multiply(transposeA, transposeB, M, N, K, a, b, c, bias) {
          if (bias) fillRows(kernels, bias, M, N, c);
          const [opA, opB] = [transposeA, transposeB].map((transposed) => (transposed ? codeT : codeN));
          const [lda, ldb] = [transposeA ? M : K, transposeB ? K : N];
          const status: number = gemm(opA, opB, M, N, K, 1, base + a, lda, base + b, ldb, bias ? 1 : 0, base + c, N);
          if (status !== 0) throw new Error(`oneDNN failed with status ${status} on (${M},${K})·(${K},${N})`);
        },
        prepare(transposeB, N, K, b, prepared) {
          const bytes = matmul.blockedBytes(transposeB, N, K);
          if (bytes > blockedBytesAtMost(N, K)) throw new Error(`weights (${K},${N}) take ${bytes} bytes`);
          matmul.reorder(transposeB, N, K, base + b, base + prepared);
        },
        multiplyPrepared(transposeB, M, N, K, a, prepared, c, bias) {
          matmul.multiply(transposeB, M, N, K, base + a, base + prepared, base + c, bias && base + bias);
        },
      };
    },
  };
}

function versionOf(handle: LibraryHandle): string {
  const pointer = optional(handle, 'const int *dnnl_version()')?.();
  if (!pointer) return '';
  return (koffi().decode(pointer, koffi().array('int', 3)) as number[]).join('.');
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
