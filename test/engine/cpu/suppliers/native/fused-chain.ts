/** What products promise: each element is one chain of fused multiply-adds in rising k, from C and the bias on. */
import type { ElementType } from '../../../../../src/engine/cpu/suppliers/products.js';

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

const leastNormal = 2 ** -126;

/** As `fusedMultiplyAdd`, numbers below the least normal one taken, and given, for 0. */
export function flushingMultiplyAdd(a: number, b: number, c: number): number {
  return flushed(fusedMultiplyAdd(flushed(a), flushed(b), flushed(c)));
}

function flushed(x: number): number {
  return x < leastNormal && x > -leastNormal ? x * 0 : x;
}

/** The upper halves of floats. */
export function upperHalves(values: Float32Array): Uint16Array {
  return new Uint16Array(new Uint32Array(values.buffer, values.byteOffset, values.length).map((word) => word >>> 16));
}

/** Floats whose upper halves are given and whose lower ones are zero: numbers of bfloat16. */
export function ofUpperHalves(halves: Uint16Array): Float32Array {
  return new Float32Array(new Uint32Array(halves).map((half) => half << 16).buffer);
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

/** Element (i,j) of op(A)·op(B), from `start` on. In bfloat16 subnormal numbers are 0, and a depth is made even by zeros. */
export function chainOf(
  { transposeA, transposeB, M, N, K }: ProductCase,
  a: Float32Array,
  b: Float32Array,
  i: number,
  j: number,
  start: number,
  operands: ElementType = 'float32',
): number {
  const multiplyAdd = operands === 'bf16' ? flushingMultiplyAdd : fusedMultiplyAdd;
  let sum = start;
  for (let k = 0; k < K; k++) {
    sum = multiplyAdd(a[transposeA ? k * M + i : i * K + k]!, b[transposeB ? j * K + k : k * N + j]!, sum);
  }
  return operands === 'bf16' && K % 2 === 1 ? sum + 0 : sum;
}
