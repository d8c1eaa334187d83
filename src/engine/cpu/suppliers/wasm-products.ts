/** Matrix products by the built-in WebAssembly kernels. */
import { type Kernels, packedBytes, sgemmScratchBytes } from '../kernels.js';
import type { ProductSizes, Products } from './products.js';

export const wasmProductSizes: ProductSizes = {
  operands: 'float32',
  scratchBytes: () => sgemmScratchBytes,
  preparedBytes: (_use, N, K) => packedBytes(N, K),
};

export function wasmProducts(kernels: Kernels): Products {
  return {
    ...wasmProductSizes,
    multiply(transposeA, transposeB, M, N, K, a, b, c, bias, scratch) {
      const lda = transposeA ? M : K;
      const ldb = transposeB ? K : N;
      kernels.sgemm(transposeA ? 1 : 0, transposeB ? 1 : 0, M, N, K, a, lda, b, ldb, 0, c, N, bias, scratch);
    },
    prepare(transposeB, N, K, b, prepared) {
      kernels.packB(transposeB ? 1 : 0, N, K, b, transposeB ? K : N, prepared);
    },
    multiplyPrepared(_transposeB, M, N, K, a, prepared, c, bias, scratch) {
      kernels.sgemmPacked(0, M, N, K, a, K, prepared, 0, c, N, bias, scratch);
    },
  };
}
