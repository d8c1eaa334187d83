/** What products promise: each element is one chain of fused multiply-adds in rising k, from C and the bias on. */

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** a·b + c of float32 numbers, rounded once. */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const rest = sum - product;
  const error = product - (sum - rest) + (c - rest);
  if (error === 0 || !Number.isFinite(sum)) return Math.fround(sum);
  // The sum in float64 is rounded itself: made odd where it is inexact, rounding it again does no harm.
  double[0] = sum;
  const [low, high] = [words[0]!, words[1]!];
  if ((low & 1) === 0) {
    if (error > 0 === sum > 0) words[0] = low + 1;
    else {
      words[0] = low - 1;
      if (low === 0) words[1] = high - 1;
    }
  }
  return Math.fround(double[0]);
}

export interface ProductCase {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What a chain begins with: 0, what C holds, the bias, or their sum. */
export function startOf(held: number | null, bias: number | null): number {
  return held !== null && bias !== null ? Math.fround(held + bias) : (held ?? bias ?? 0);
}

/** Element (i,j) of op(A)·op(B), from `start` on. */
export function chainOf(
  { transposeA, transposeB, M, N, K }: ProductCase,
  a: Float32Array,
  b: Float32Array,
  i: number,
  j: number,
  start: number,
): number {
  let sum = start;
  for (let k = 0; k < K; k++) {
    sum = fusedMultiplyAdd(a[transposeA ? k * M + i : i * K + k]!, b[transposeB ? j * K + k : k * N + j]!, sum);
  }
  return sum;
}
