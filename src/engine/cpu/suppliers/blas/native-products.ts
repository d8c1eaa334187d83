/** Matrix products by a native library, of float32 or bfloat16 operands, summed in float32. */
import type { Kernels } from '../../kernels.js';
import type { ElementType, ProductSizes, Products, WeightUse } from '../products.js';
import { type BlasLibrary, baseAddress } from './blas-library.js';

/**
 * Which weights are laid out once a run in a layout of the library's own, instead of in each call: none, all, or all but
 * those of the forward time steps, whose results then stay in the cache for the cell that follows.
 */
export type BlockedWeights = 'none' | 'most' | 'all';

/** Granularity, in rows and columns, of the layouts that oneDNN picks for weights. */
const largestBlock = 64;

export function nativeProductSizes(operands: ElementType, blocked: BlockedWeights): ProductSizes {
  // Libraries pack a transposed matrix more slowly, at every time step anew: the plain layout has it transposed once.
  const isTransposed = ({ transposeB, everyStep }: WeightUse) => blocked === 'none' && transposeB && everyStep;
  const isBlocked = ({ transposeB, everyStep, bias }: WeightUse) =>
    blocked === 'all' || (blocked === 'most' && ((transposeB && everyStep) || bias));
  return {
    operands,
    scratchBytes: () => 0,
    preparedBytes(use, N, K) {
      if (isBlocked(use)) return blockedBytesAtMost(operands, N, K);
      return operands === 'float32' && isTransposed(use) ? N * K * 4 : 0;
    },
  };
}

/** @param memory kept alive by the caller for as long as the products are in use */
export function nativeProducts(
  blas: BlasLibrary,
  operands: ElementType,
  blocked: BlockedWeights,
  kernels: Kernels,
  memory: WebAssembly.Memory,
): Products {
  const base = baseAddress(memory);
  const gemm = operands === 'bf16' ? blas.bf16gemm : blas.sgemm;
  if (!gemm) throw new Error('the library has no bfloat16 products');
  const matmul = blocked === 'none' ? null : blas.blockedMatmul(operands);
  return {
    ...nativeProductSizes(operands, blocked),
    multiply(transposeA, transposeB, M, N, K, a, b, c, bias) {
      if (bias) fillRows(kernels, bias, M, N, c);
      const lda = transposeA ? M : K;
      const ldb = transposeB ? K : N;
      gemm(transposeA, transposeB, M, N, K, base + a, lda, base + b, ldb, bias ? 1 : 0, base + c, N);
    },
    prepare(transposeB, N, K, b, prepared) {
      if (!matmul) {
        kernels.transpose(b, N, K, prepared);
        return;
      }
      const bytes = matmul.blockedBytes(transposeB, N, K);
      if (bytes > blockedBytesAtMost(operands, N, K)) throw new Error(`weights (${K},${N}) take ${bytes} bytes`);
      matmul.reorder(transposeB, N, K, base + b, base + prepared);
    },
    multiplyPrepared(transposeB, M, N, K, a, prepared, c, bias, scratch) {
      if (!matmul) this.multiply(false, false, M, N, K, a, prepared, c, bias, scratch);
      else matmul.multiply(transposeB, M, N, K, base + a, base + prepared, base + c, bias && base + bias);
    },
  };
}

function blockedBytesAtMost(type: ElementType, N: number, K: number): number {
  const rounded = (size: number) => Math.ceil(size / largestBlock) * largestBlock;
  return rounded(N) * rounded(K) * (type === 'bf16' ? 2 : 4);
}

/** Every row of c (M,N) becomes `row` (N), for a product that adds to it. */
function fillRows(kernels: Kernels, row: number, M: number, N: number, c: number): void {
  const width = N * 4;
  kernels.copy(row, c, width);
  for (let filled = 1; filled < M; filled *= 2) {
    kernels.copy(c, c + filled * width, Math.min(filled, M - filled) * width);
  }
}
