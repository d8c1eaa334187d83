/**
 * Matrix products of the cpu engine, whoever supplies them. Operands are row-major without gaps, byte offsets into the
 * shared memory.
 */

/** What planning the working memory needs to know of a supplier. */
export interface ProductSizes {
  /** Bytes of working memory of one product. */
  scratchBytes(M: number, N: number, K: number): number;
  /** Bytes of the form in which B (K,N) is best read by many products of few rows, 0 where that is the plain matrix. */
  preparedBytes(transposeB: boolean, N: number, K: number): number;
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
  prepare(transposeB: boolean, N: number, K: number, b: number, prepared: number, scratch: number): void;
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
