/**
 * exp, tanh and the logistic sigmoid on four lanes, each with a relative error below 3e-7 wherever the result is a
 * normal number. Coefficients of the exponential: Cephes, expf.c (S. L. Moshier). Generated code does the same, operation
 * by operation (suppliers/native/lanes/transcendental.ts).
 */
import { loadFirst, madd, nmadd, storeFirst } from './vector';

/** 1.5·2²³: adding it rounds a float to an integer that then stands in the low bits. */
const roundingShift: f32 = 12582912;
const roundingShiftBits: i32 = 0x4b400000;

// @ts-ignore: decorator
@inline
function shiftedExponent(x: v128): v128 {
  return madd(x, f32x4.splat(1.44269504088896341), f32x4.splat(roundingShift));
}

/** x - n·ln 2, with ln 2 in two parts of which the first times n is exact. */
// @ts-ignore: decorator
@inline
function remainder(x: v128, n: v128): v128 {
  return nmadd(n, f32x4.splat(-2.12194440e-4), nmadd(n, f32x4.splat(0.693359375), x));
}

/** e^r - 1 for |r| ≤ ln(2)/2. */
// @ts-ignore: decorator
@inline
function expm1Near0(r: v128): v128 {
  let q = madd(f32x4.splat(1.9875691500e-4), r, f32x4.splat(1.3981999507e-3));
  q = madd(q, r, f32x4.splat(8.3334519073e-3));
  q = madd(q, r, f32x4.splat(4.1665795894e-2));
  q = madd(q, r, f32x4.splat(1.6666665459e-1));
  q = madd(q, r, f32x4.splat(5.0000001201e-1));
  return madd(q, f32x4.mul(r, r), r);
}

/** 2ⁿ for integers n in the lanes. */
// @ts-ignore: decorator
@inline
function powerOf2(n: v128): v128 {
  return i32x4.add(i32x4.shl(n, 23), i32x4.splat(0x3f800000));
}

// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  // pmin and pmax with x first let NaN through.
  x = f32x4.pmax(f32x4.pmin(x, f32x4.splat(89)), f32x4.splat(-105));
  const shifted = shiftedExponent(x);
  const y = f32x4.add(expm1Near0(remainder(x, f32x4.sub(shifted, f32x4.splat(roundingShift)))), f32x4.splat(1));
  // 2ⁿ in two factors, since n may lie outside the exponents of normal floats.
  const n = i32x4.sub(shifted, i32x4.splat(roundingShiftBits));
  const half = i32x4.shr_s(n, 1);
  return f32x4.mul(f32x4.mul(y, powerOf2(half)), powerOf2(i32x4.sub(n, half)));
}

/** 1/(1 + e⁻ˣ), as e^x/(1 + e^x) for negative x. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  const e = exp(v128.or(x, i32x4.splat(0x80000000)));
  return f32x4.div(v128.bitselect(e, one, i32x4.shr_s(x, 31)), f32x4.add(e, one));
}

/** -t/(2 + t) with t = e^(-2|x|) - 1, which keeps its digits near 0; the sign of x is put back. */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const sign = v128.and(x, i32x4.splat(0x80000000));
  const magnitude = v128.xor(x, sign);
  const y = f32x4.pmax(f32x4.mul(magnitude, f32x4.splat(-2)), f32x4.splat(-20));
  const shifted = shiftedExponent(y);
  const p = expm1Near0(remainder(y, f32x4.sub(shifted, f32x4.splat(roundingShift))));
  const s = powerOf2(i32x4.sub(shifted, i32x4.splat(roundingShiftBits)));
  const t = madd(s, p, f32x4.sub(s, f32x4.splat(1)));
  return v128.or(f32x4.div(f32x4.abs(t), f32x4.add(t, f32x4.splat(2))), sign);
}

/** ln s of a normal positive number, or of infinity or NaN: fdlibm's e_log.c without its other special cases. */
export function log(s: f64): f64 {
  if (!(s < Infinity)) return s;
  const bits = reinterpret<u64>(s);
  let k = <i32>(bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    k++;
  }
  const f = m - 1;
  const u = f / (2 + f);
  const z = u * u;
  const w = z * z;
  const even = w * (3.999999999940941908e-1 + w * (2.222219843214978396e-1 + w * 1.531383769920937332e-1));
  const odd =
    z *
    (6.666666666666735130e-1 +
      w * (2.857142874366239149e-1 + w * (1.818357216161805012e-1 + w * 1.479819860511658591e-1)));
  const half = 0.5 * f * f;
  const n = <f64>k;
  return n * 6.93147180369123816490e-1 - (half - (u * (half + even + odd) + n * 1.90821492927058770002e-10) - f);
}

export function vexp(src: usize, dst: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(dst, exp(v128.load(src)));
    src += 16;
    dst += 16;
  }
  if (n) storeFirst(dst, exp(loadFirst(src, n)), n);
}

export function vtanh(src: usize, dst: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(dst, tanh(v128.load(src)));
    src += 16;
    dst += 16;
  }
  if (n) storeFirst(dst, tanh(loadFirst(src, n)), n);
}

export function vsigmoid(src: usize, dst: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(dst, sigmoid(v128.load(src)));
    src += 16;
    dst += 16;
  }
  if (n) storeFirst(dst, sigmoid(loadFirst(src, n)), n);
}
