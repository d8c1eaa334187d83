/** What code that multiplies matrices offers, whatever architecture it is generated for. */
import type { CodeEntry } from './executable-memory.js';

/** Bits of the last parameter of `multiply`. */
export const productFlags = {
  /** A is stored (K,M). */
  transposeA: 1,
  /** B is stored (N,K). */
  transposeB: 2,
  /** B is what `prepare` wrote. */
  prepared: 4,
  /** The product is added to C: its sums start from C instead of 0. */
  accumulate: 8,
} as const;

/** Of `multiply`: all are addresses, whole numbers and, the last, flags. Blocks are in whole tiles. */
export const multiplyParameters = [
  ...(['a', 'b', 'c', 'bias', 'scratch', 'M', 'N', 'K'] as const),
  ...(['blockRows', 'blockColumns', 'blockDepth', 'flags'] as const),
] as const;

/** Of `prepare`; the last is whether B is stored (N,K). */
export const prepareParameters = ['b', 'prepared', 'N', 'K', 'transposeB'] as const;

export interface ProductCode {
  readonly code: Uint8Array;
  readonly entries: {
    /** C (M,N) = op(A)·op(B), plus bias (N) unless its address is 0. */
    readonly multiply: CodeEntry;
    /** B (K,N) in panels of a tile's columns. */
    readonly prepare: CodeEntry;
  };
}
