/** The update rules over the summed gradient slots; formulas in tensor/update-rules.ts. */
import { loadFirst, madd, nmadd, storeFirst } from './vector';

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

/** The sum of the slots, in order, of n lanes at byte `at` of each. */
// @ts-ignore: decorator
@inline
function sumOfSlots(slots: usize, slotCount: u32, at: usize, n: u32): v128 {
  let sum = loadFirst(load<u32>(slots) + at, n);
  for (let s: u32 = 1; s < slotCount; s++) sum = f32x4.add(sum, loadFirst(load<u32>(slots + (s << 2)) + at, n));
  return sum;
}

/** The mean gradient, cut to the limit, plus decay·w. Without either it is left alone, the sign of a zero included. */
// @ts-ignore: decorator
@inline
function gradientOf(sum: v128, inverse: v128, w: v128, limit: f32, decay: f32): v128 {
  let g = f32x4.mul(sum, inverse);
  if (limit < Infinity) g = f32x4.pmax(f32x4.pmin(g, f32x4.splat(limit)), f32x4.splat(-limit));
  if (decay != 0) g = madd(f32x4.splat(decay), w, g);
  return g;
}

/** One update of n lanes; the vectors after `sum` hold a constant in all lanes. */
// @ts-ignore: decorator
@inline
function adamLanes(
  parameters: usize, m: usize, v: usize, sum: v128, inverse: v128, beta1: v128, rest1: v128, beta2: v128, rest2: v128,
  step: v128, epsilon: v128, keep: v128, limit: f32, decay: f32, n: u32,
): void {
  const w = loadFirst(parameters, n);
  const g = gradientOf(sum, inverse, w, limit, decay);
  const mNew = withoutSubnormals(madd(beta1, loadFirst(m, n), f32x4.mul(rest1, g)));
  const vNew = withoutSubnormals(madd(beta2, loadFirst(v, n), f32x4.mul(rest2, f32x4.mul(g, g))));
  storeFirst(m, mNew, n);
  storeFirst(v, vNew, n);
  const change = f32x4.div(f32x4.mul(step, mNew), f32x4.add(f32x4.sqrt(vNew), epsilon));
  storeFirst(parameters, f32x4.sub(f32x4.mul(w, keep), change), n);
}

export function adam(
  parameters: usize, m: usize, v: usize, slots: usize, slotCount: u32, from: u32, to: u32,
  divisor: f64, limit: f32, decay: f32, keep: f32, stepSize: f64, beta1: f64, beta2: f64, epsilon: f64,
): void {
  const b1 = f32x4.splat(<f32>beta1);
  const b2 = f32x4.splat(<f32>beta2);
  const r1 = f32x4.splat(<f32>(1 - beta1));
  const r2 = f32x4.splat(<f32>(1 - beta2));
  const step = f32x4.splat(<f32>stepSize);
  const eps = f32x4.splat(<f32>epsilon);
  const inverse = f32x4.splat(<f32>(1 / divisor));
  const kept = f32x4.splat(keep);
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
    adamLanes(w, mAt, vAt, g0, inverse, b1, r1, b2, r2, step, eps, kept, limit, decay, 4);
    adamLanes(w + 16, mAt + 16, vAt + 16, g1, inverse, b1, r1, b2, r2, step, eps, kept, limit, decay, 4);
    adamLanes(w + 32, mAt + 32, vAt + 32, g2, inverse, b1, r1, b2, r2, step, eps, kept, limit, decay, 4);
    adamLanes(w + 48, mAt + 48, vAt + 48, g3, inverse, b1, r1, b2, r2, step, eps, kept, limit, decay, 4);
  }
  for (; i < to; i += 4) {
    const n = min(to - i, 4);
    const at = i << 2;
    const sum = sumOfSlots(slots, slotCount, at, n);
    adamLanes(parameters + at, m + at, v + at, sum, inverse, b1, r1, b2, r2, step, eps, kept, limit, decay, n);
  }
}

export function momentum(
  parameters: usize, velocity: usize, slots: usize, slotCount: u32, from: u32, to: u32,
  divisor: f64, limit: f32, decay: f32, stepSize: f64, momentum: f64, nesterov: u32,
): void {
  const keep = f32x4.splat(<f32>momentum);
  const step = f32x4.splat(<f32>stepSize);
  const inverse = f32x4.splat(<f32>(1 / divisor));
  for (let i = from; i < to; i += 4) {
    const n = min(to - i, 4);
    const at = i << 2;
    const w = loadFirst(parameters + at, n);
    const g = gradientOf(sumOfSlots(slots, slotCount, at, n), inverse, w, limit, decay);
    const next = withoutSubnormals(nmadd(step, g, f32x4.mul(keep, loadFirst(velocity + at, n))));
    storeFirst(velocity + at, next, n);
    const change = nesterov ? nmadd(step, g, f32x4.mul(keep, next)) : next;
    storeFirst(parameters + at, f32x4.add(w, change), n);
  }
}

/** RMSProp and AdaGrad: square = kept·square + added·g², w -= stepSize·g / (√square + ε). */
export function rootOfSquares(
  parameters: usize, square: usize, slots: usize, slotCount: u32, from: u32, to: u32,
  divisor: f64, limit: f32, decay: f32, stepSize: f64, kept: f64, added: f64, epsilon: f64,
): void {
  const keep = f32x4.splat(<f32>kept);
  const add = f32x4.splat(<f32>added);
  const step = f32x4.splat(<f32>stepSize);
  const eps = f32x4.splat(<f32>epsilon);
  const inverse = f32x4.splat(<f32>(1 / divisor));
  for (let i = from; i < to; i += 4) {
    const n = min(to - i, 4);
    const at = i << 2;
    const w = loadFirst(parameters + at, n);
    const g = gradientOf(sumOfSlots(slots, slotCount, at, n), inverse, w, limit, decay);
    const squares = madd(keep, loadFirst(square + at, n), f32x4.mul(add, f32x4.mul(g, g)));
    const next = withoutSubnormals(squares);
    storeFirst(square + at, next, n);
    const change = f32x4.div(f32x4.mul(step, g), f32x4.add(f32x4.sqrt(next), eps));
    storeFirst(parameters + at, f32x4.sub(w, change), n);
  }
}

/** out = the sum of the slots, in order; `out` may be one of them. */
export function addSlots(out: usize, slots: usize, slotCount: u32, from: u32, to: u32): void {
  for (let i = from; i < to; i += 4) {
    const n = min(to - i, 4);
    const at = i << 2;
    storeFirst(out + at, sumOfSlots(slots, slotCount, at, n), n);
  }
}

/** average = keep·average + (1 - keep)·parameters */
export function moveAverage(average: usize, parameters: usize, from: u32, to: u32, keep: f64): void {
  const kept = f32x4.splat(<f32>keep);
  const rest = f32x4.splat(<f32>(1 - keep));
  for (let i = from; i < to; i += 4) {
    const n = min(to - i, 4);
    const at = i << 2;
    const w = f32x4.mul(rest, loadFirst(parameters + at, n));
    storeFirst(average + at, withoutSubnormals(madd(kept, loadFirst(average + at, n), w)), n);
  }
}

/** The sum, in float64, of the squares of the slots' sums; in eight sums, since an addition waits for the one before. */
export function sumOfSquares(slots: usize, slotCount: u32, from: u32, to: u32): f64 {
  let a = f64x2.splat(0);
  let b = f64x2.splat(0);
  let c = f64x2.splat(0);
  let d = f64x2.splat(0);
  let i = from;
  for (; i + 8 <= to; i += 8) {
    const x = sumOfSlots(slots, slotCount, i << 2, 4);
    const y = sumOfSlots(slots, slotCount, (i << 2) + 16, 4);
    a = f64x2.add(a, squaresOfLow(x));
    b = f64x2.add(b, squaresOfHigh(x));
    c = f64x2.add(c, squaresOfLow(y));
    d = f64x2.add(d, squaresOfHigh(y));
  }
  for (; i < to; i += 4) {
    const x = sumOfSlots(slots, slotCount, i << 2, min(to - i, 4));
    a = f64x2.add(a, squaresOfLow(x));
    b = f64x2.add(b, squaresOfHigh(x));
  }
  const sum = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

// @ts-ignore: decorator
@inline
function squaresOfLow(x: v128): v128 {
  const low = f64x2.promote_low_f32x4(x);
  return f64x2.mul(low, low);
}

// @ts-ignore: decorator
@inline
function squaresOfHigh(x: v128): v128 {
  return squaresOfLow(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
}

/**
 * Copies elements [from, to), whole cache lines, of each array to `out`, one behind the other. The slots' lines are read
 * along with them, so that all that the update needs next comes into the cache at once; the result stands for them.
 */
export function saveState(
  arrays: usize, arrayCount: u32, slots: usize, slotCount: u32, from: u32, to: u32, out: usize,
): i32 {
  const width = (to - from) << 2;
  let touched = i32x4.splat(0);
  for (let i = from; i < to; i += 16) {
    const at = i << 2;
    for (let s: u32 = 0; s < slotCount; s++) {
      touched = v128.or(touched, v128.load(load<u32>(slots + (s << 2)) + at));
    }
    let copy = out;
    for (let a: u32 = 0; a < arrayCount; a++) {
      copyLine(load<u32>(arrays + (a << 2)) + at, copy);
      copy += width;
    }
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
