/** Products of float32 operands by a library with the interface of CBLAS. */

import { baseAddress, type LibraryHandle, optional } from '../../../../foreign/koffi.js';
import type { Kernels } from '../../kernels.js';
import type { ProductSizes, Products } from '../products.js';
import type { OpenLibrary } from './library.js';

// Values of the C enumerations.
const rowMajor = 101;
const noTranspose = 111;
const transpose = 112;

export const cblasProductSizes: ProductSizes = {
  operands: 'float32',
  scratchBytes: () => 0,
  // A transposed matrix is packed more slowly, at every time step anew: it is transposed once instead.
  preparedBytes: ({ transposeB, everyStep }, N, K) => (transposeB && everyStep ? N * K * 4 : 0),
};

export function openCblas(handle: LibraryHandle): OpenLibrary {
  const sgemm = handle.func(
    'void cblas_sgemm(int order, int transa, int transb, int m, int n, int k, float alpha, uintptr_t a, int lda, ' +
      'uintptr_t b, int ldb, float beta, uintptr_t c, int ldc)',
  );
  const setThreads = optional(handle, 'void omp_set_num_threads(int n)');
  const config: string = optional(handle, 'const char *openblas_get_config()')?.() ?? '';
  return {
    version: config.match(/\d+(\.\d+)+/)?.[0] ?? '',
    kernels: optional(handle, 'const char *openblas_get_corename()')?.() ?? '',
    useOneThread: () => setThreads?.(1),
    products(kernels, memory): Products {
      const base = baseAddress(memory);
      return {
        ...cblasProductSizes,
        multiply(transposeA, transposeB, M, N, K, a, b, c, bias) {
          if (bias) fillRows(kernels, bias, M, N, c);
          const [opA, opB] = [transposeA, transposeB].map((transposed) => (transposed ? transpose : noTranspose));
          const [lda, ldb] = [transposeA ? M : K, transposeB ? K : N];
          sgemm(rowMajor, opA, opB, M, N, K, 1, base + a, lda, base + b, ldb, bias ? 1 : 0, base + c, N);
        },
        prepare: (_transposeB, N, K, b, prepared) => kernels.transpose(b, N, K, prepared),
        multiplyPrepared(_transposeB, M, N, K, a, prepared, c, bias, scratch) {
          this.multiply(false, false, M, N, K, a, prepared, c, bias, scratch);
        },
      };
    },
  };
}

/** Every row of c (M,N) becomes `row` (N), for a product that adds to it. */
export function fillRows(kernels: Kernels, row: number, M: number, N: number, c: number): void {
  const width = N * 4;
  kernels.copy(row, c, width);
  for (let filled = 1; filled < M; filled *= 2) {
    kernels.copy(c, c + filled * width, Math.min(filled, M - filled) * width);
  }
}
