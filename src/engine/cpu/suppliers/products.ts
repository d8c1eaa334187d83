/**
 * Matrix products of the cpu engine, whoever supplies them. Matrices are row-major without gaps, byte offsets into the
 * shared memory. A and B are of the supplier's operand type; C and the bias are float32.
 */

export type ElementType = 'float32' | 'bf16';

/** What a matrix of weights is about to be used for. */
export interface WeightUse {
  readonly transposeB: boolean;
  /** Whether each time step does this product, on its few rows. */
  readonly everyStep: boolean;
}

/** What planning the working memory needs to know of a supplier. */
export interface ProductSizes {
  readonly operands: ElementType;
  /** Bytes of working memory of one product. */
  scratchBytes(M: number, N: number, K: number): number;
  /** Bytes of the form in which weights B (K,N) are best read in this use, 0 where that is the plain matrix. */
  preparedBytes(use: WeightUse, N: number, K: number): number;
}

export interface Products extends ProductSizes {
  /**
   * C (M,N) = op(A)·op(B), plus bias (N) in every row unless it is 0.
   *
   * @param transposeA A is stored (K,M)
   * @param transposeB B is stored (N,K)
   */
  multiply(
    transposeA: boolean,
    transposeB: boolean,
    M: number,
    N: number,
    K: number,
    a: number,
    b: number,
    c: number,
    bias: number,
    scratch: number,
  ): void;
  prepare(transposeB: boolean, N: number, K: number, b: number, prepared: number): void;
  /** As `multiply`, with B prepared beforehand and A as it is stored. */
  multiplyPrepared(
    transposeB: boolean,
    M: number,
    N: number,
    K: number,
    a: number,
    prepared: number,
    c: number,
    bias: number,
    scratch: number,
  ): void;
}
