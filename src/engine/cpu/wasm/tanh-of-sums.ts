/**
 * The hyperbolic tangent of sums p + q that attention scores by, for p of the projected grid and q of the query, from
 * exponentials that are taken once a shard and once a row.
 *
 * What is worked with is r = 1/(1 + e^2p·e^2q): tanh(p + q) = 1 - 2r and its slope is 4r(1 - r), for one division an
 * element. It holds while |q| is at most 30, whatever p: where e^2p overflows or vanishes, p + q is saturated too. Rows
 * with a larger q take the hyperbolic tangent itself.
 */
import { exp, tanh } from './transcendental';
import { loadFirst, madd, nmadd, storeFirst } from './vector';

const largestQuery: f32 = 30;

/** dst = e^(2·src). */
export function expTwice(src: usize, dst: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(dst, exp(f32x4.mul(v128.load(src), f32x4.splat(2))));
    src += 16;
    dst += 16;
  }
  if (n) storeFirst(dst, exp(f32x4.mul(loadFirst(src, n), f32x4.splat(2))), n);
}

/** Whether a row of the query is too large for its exponential; NaN is not. */
export function isLarge(q: usize, A: u32): bool {
  let largest = f32x4.splat(0);
  for (let j: u32 = 0; j < A; j += 4) {
    const at = j << 2;
    largest = f32x4.pmax(largest, f32x4.abs(loadFirst(q + at, A - j)));
  }
  return v128.any_true(f32x4.gt(largest, f32x4.splat(largestQuery)));
}

/**
 * r of n lanes. `e` and `q` hold the exponentials; of a large row q holds the query, and the projection lies
 * `toProjected` bytes behind `e`.
 */
// @ts-ignore: decorator
@inline
export function complement(e: usize, toProjected: usize, q: v128, n: u32, large: bool): v128 {
  const half = f32x4.splat(0.5);
  if (large) return nmadd(tanh(f32x4.add(loadFirst(e + toProjected, n), q)), half, half);
  const one = f32x4.splat(1);
  return f32x4.div(one, madd(loadFirst(e, n), q, one));
}
