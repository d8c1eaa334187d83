/** Matrix products by a native library, in float32 or with operands rounded to bfloat16. */

import { aligned } from '../arena.js';
import type { Kernels } from '../kernels.js';
import type { ProductSizes, Products } from '../products.js';
import { type BlasLibrary, baseAddress } from './blas-library.js';

export const float32Sizes: ProductSizes = { scratchBytes: () => 0, preparedBytes: () => 0 };

/** @param memory kept alive by the caller for as long as the products are in use */
export function float32Products(blas: BlasLibrary, kernels: Kernels, memory: WebAssembly.Memory): Products {
  const base = baseAddress(memory);
  return {
    ...float32Sizes,
    multiply(transposeA, transposeB, M, N, K, a, b, c, bias) {
      if (bias) fillRows(kernels, bias, M, N, c);
      const lda = transposeA ? M : K;
      const ldb = transposeB ? K : N;
      blas.sgemm(transposeA, transposeB, M, N, K, base + a, lda, base + b, ldb, bias ? 1 : 0, base + c, N);
    },
    prepare: notPrepared,
    multiplyPrepared: notPrepared,
  };
}

export const bf16Sizes: ProductSizes = {
  scratchBytes: (M, N, K) => aligned(M * K * 2) + aligned(K * N * 2),
  preparedBytes: (_transposeB, N, K) => N * K * 2,
};

/** Operands are rounded to bfloat16; products are summed, and results kept, in float32. */
export function bf16Products(blas: BlasLibrary, kernels: Kernels, memory: WebAssembly.Memory): Products {
  const base = baseAddress(memory);
  const gemm = blas.bf16gemm;
  if (!gemm) throw new Error('the library has no bfloat16 products');
  const round = (from: number, to: number, size: number) => kernels.toBf16(from, size, to, size, 1, size);
  return {
    ...bf16Sizes,
    multiply(transposeA, transposeB, M, N, K, a, b, c, bias, scratch) {
      const roundedB = scratch + aligned(M * K * 2);
      round(a, scratch, M * K);
      round(b, roundedB, K * N);
      if (bias) fillRows(kernels, bias, M, N, c);
      const lda = transposeA ? M : K;
      const ldb = transposeB ? K : N;
      gemm(transposeA, transposeB, M, N, K, base + scratch, lda, base + roundedB, ldb, bias ? 1 : 0, base + c, N);
    },
    prepare(_transposeB, N, K, b, prepared) {
      round(b, prepared, N * K);
    },
    multiplyPrepared(transposeB, M, N, K, a, prepared, c, bias, scratch) {
      round(a, scratch, M * K);
      if (bias) fillRows(kernels, bias, M, N, c);
      gemm(
        false,
        transposeB,
        M,
        N,
        K,
        base + scratch,
        K,
        base + prepared,
        transposeB ? K : N,
        bias ? 1 : 0,
        base + c,
        N,
      );
    },
  };
}

/** Every row of c (M,N) becomes `row` (N), for a product that adds to it. */
function fillRows(kernels: Kernels, row: number, M: number, N: number, c: number): void {
  const width = N * 4;
  kernels.copy(row, c, width);
  for (let filled = 1; filled < M; filled *= 2) {
    kernels.copy(c, c + filled * width, Math.min(filled, M - filled) * width);
  }
}

function notPrepared(): never {
  throw new Error('weights of this supplier are used as they are');
}
