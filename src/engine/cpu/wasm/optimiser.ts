/** Adam over the summed gradient slots, and the check for values that are not finite. */
import { loadFirst, madd, storeFirst } from './vector';

/**
 * Magnitudes below float32's smallest normal number become 0. A moment whose gradient stays 0, as that of a word which
 * does not occur, fades into that range and then never leaves it, and arithmetic there is some thirty times slower.
 */
// @ts-ignore: decorator
@inline
function withoutSubnormals(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  return v128.andnot(x, i32x4.lt_s(magnitude, i32x4.splat(0x00800000)));
}

/** One update of n lanes; `g` is the mean gradient, the other vectors hold a constant in all lanes. */
// @ts-ignore: decorator
@inline
function adamLanes(
  parameters: usize, m: usize, v: usize, g: v128, beta1: v128, rest1: v128, beta2: v128, rest2: v128, step: v128,
  epsilon: v128, n: u32,
): void {
  const mNew = withoutSubnormals(madd(beta1, loadFirst(m, n), f32x4.mul(rest1, g)));
  const vNew = withoutSubnormals(madd(beta2, loadFirst(v, n), f32x4.mul(rest2, f32x4.mul(g, g))));
  storeFirst(m, mNew, n);
  storeFirst(v, vNew, n);
  const change = f32x4.div(f32x4.mul(step, mNew), f32x4.add(f32x4.sqrt(vNew), epsilon));
  storeFirst(parameters, f32x4.sub(loadFirst(parameters, n), change), n);
}

export function adam(
  parameters: usize, m: usize, v: usize, slots: usize, slotCount: u32, from: u32, to: u32,
  stepSize: f64, beta1: f64, beta2: f64, epsilon: f64, divisor: f64,
): void {
  const b1 = f32x4.splat(<f32>beta1);
  const b2 = f32x4.splat(<f32>beta2);
  const r1 = f32x4.splat(<f32>(1 - beta1));
  const r2 = f32x4.splat(<f32>(1 - beta2));
  const step = f32x4.splat(<f32>stepSize);
  const eps = f32x4.splat(<f32>epsilon);
  const inverse = f32x4.splat(<f32>(1 / divisor));
  let i = from;
  // A cache line at a time, so that the table of slots is read once for 16 elements.
  for (; i + 16 <= to; i += 16) {
    const at = i << 2;
    const first = load<u32>(slots) + at;
    let g0 = v128.load(first);
    let g1 = v128.load(first, 16);
    let g2 = v128.load(first, 32);
    let g3 = v128.load(first, 48);
    for (let s: u32 = 1; s < slotCount; s++) {
      const slot = load<u32>(slots + (s << 2)) + at;
      g0 = f32x4.add(g0, v128.load(slot));
      g1 = f32x4.add(g1, v128.load(slot, 16));
      g2 = f32x4.add(g2, v128.load(slot, 32));
      g3 = f32x4.add(g3, v128.load(slot, 48));
    }
    const w = parameters + at;
    const mAt = m + at;
    const vAt = v + at;
    adamLanes(w, mAt, vAt, f32x4.mul(g0, inverse), b1, r1, b2, r2, step, eps, 4);
    adamLanes(w + 16, mAt + 16, vAt + 16, f32x4.mul(g1, inverse), b1, r1, b2, r2, step, eps, 4);
    adamLanes(w + 32, mAt + 32, vAt + 32, f32x4.mul(g2, inverse), b1, r1, b2, r2, step, eps, 4);
    adamLanes(w + 48, mAt + 48, vAt + 48, f32x4.mul(g3, inverse), b1, r1, b2, r2, step, eps, 4);
  }
  for (; i < to; i += 4) {
    const n = min(to - i, 4);
    const at = i << 2;
    let g = loadFirst(load<u32>(slots) + at, n);
    for (let s: u32 = 1; s < slotCount; s++) g = f32x4.add(g, loadFirst(load<u32>(slots + (s << 2)) + at, n));
    adamLanes(parameters + at, m + at, v + at, f32x4.mul(g, inverse), b1, r1, b2, r2, step, eps, n);
  }
}

/**
 * Copies elements [from, to), whole cache lines, of parameters, m and v to `out`, one behind the other. The slots' lines
 * are read along with them, so that all that Adam needs next comes into the cache at once; the result stands for them.
 */
export function saveState(
  parameters: usize, m: usize, v: usize, slots: usize, slotCount: u32, from: u32, to: u32, out: usize,
): i32 {
  const width = (to - from) << 2;
  let touched = i32x4.splat(0);
  for (let i = from; i < to; i += 16) {
    const at = i << 2;
    for (let s: u32 = 0; s < slotCount; s++) {
      touched = v128.or(touched, v128.load(load<u32>(slots + (s << 2)) + at));
    }
    copyLine(parameters + at, out);
    copyLine(m + at, out + width);
    copyLine(v + at, out + 2 * width);
    out += 64;
  }
  return i32x4.extract_lane(touched, 0);
}

// @ts-ignore: decorator
@inline
function copyLine(from: usize, to: usize): void {
  v128.store(to, v128.load(from));
  v128.store(to, v128.load(from, 16), 16);
  v128.store(to, v128.load(from, 32), 32);
  v128.store(to, v128.load(from, 48), 48);
}

/** Magnitudes compare like their bits, and NaN's bits are above infinity's. */
export function largestMagnitude(at: usize, count: u32): f32 {
  let largest = i32x4.splat(0);
  const mask = i32x4.splat(0x7fffffff);
  for (let i: u32 = 0; i < count; i += 4) {
    largest = i32x4.max_u(largest, v128.and(loadFirst(at + (i << 2), count - i), mask));
  }
  const a = max(<u32>i32x4.extract_lane(largest, 0), <u32>i32x4.extract_lane(largest, 1));
  const b = max(<u32>i32x4.extract_lane(largest, 2), <u32>i32x4.extract_lane(largest, 3));
  return reinterpret<f32>(max(a, b));
}
