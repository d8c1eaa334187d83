/** Matrix products by generated kernels. */
import { baseAddress } from '../../../../foreign/koffi.js';
import type { ProductSizes, Products } from '../products.js';
import { blockBytes, blocksOf, panelBytes } from './blocking.js';
import { type GeneratedSet, loadGeneratedKernels, operandsOf, tileOf } from './generated-kernels.js';
import { productFlags } from './product-code.js';

export function generatedProductSizes(set: GeneratedSet): ProductSizes {
  const tile = tileOf(set);
  return {
    operands: operandsOf(set),
    scratchBytes: (M, _N, K) => blockBytes(tile, M, K),
    preparedBytes: (_use, N, K) => panelBytes(tile, N, K),
  };
}

/**
 * Each element of a product is one chain of fused multiply-adds in rising k, from what C holds and the bias on, rounded once
 * each: the same bits with every set for float32. Those for bfloat16 take subnormal numbers for 0.
 *
 * @param memory kept alive by the caller for as long as the products are in use
 */
export function generatedProducts(set: GeneratedSet, memory: WebAssembly.Memory): Products {
  const { tile, multiply, prepare } = loadGeneratedKernels(set);
  const base = baseAddress(memory);
  const call = (
    flags: number,
    M: number,
    N: number,
    K: number,
    a: number,
    b: number,
    c: number,
    bias: number,
    scratch: number,
  ) => {
    const { rows, columns, depth } = blocksOf(tile, M, K);
    const width = flags & productFlags.prepared ? Math.max(N, 1) : columns;
    multiply(base + a, base + b, base + c, bias && base + bias, base + scratch, M, N, K, rows, width, depth, flags);
  };
  return {
    ...generatedProductSizes(set),
    multiply(transposeA, transposeB, M, N, K, a, b, c, bias, scratch) {
      const flags = (transposeA ? productFlags.transposeA : 0) | (transposeB ? productFlags.transposeB : 0);
      call(flags, M, N, K, a, b, c, bias, scratch);
    },
    prepare(transposeB, N, K, b, prepared) {
      prepare(base + b, base + prepared, N, K, transposeB ? 1 : 0);
    },
    multiplyPrepared(_transposeB, M, N, K, a, prepared, c, bias, scratch) {
      call(productFlags.prepared, M, N, K, a, prepared, c, bias, scratch);
    },
  };
}
