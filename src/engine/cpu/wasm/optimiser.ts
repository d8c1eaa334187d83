/** Adam over the summed gradient slots, and the check for values that are not finite. */
import { loadFirst, storeFirst } from './vector';

export function adam(
  parameters: usize, m: usize, v: usize, slots: usize, slotCount: u32, from: u32, to: u32,
  stepSize: f64, beta1: f64, beta2: f64, epsilon: f64, divisor: f64,
): void {
  const step = f32x4.splat(<f32>stepSize);
  const b1 = f32x4.splat(<f32>beta1);
  const b2 = f32x4.splat(<f32>beta2);
  const rest1 = f32x4.splat(<f32>(1 - beta1));
  const rest2 = f32x4.splat(<f32>(1 - beta2));
  const eps = f32x4.splat(<f32>epsilon);
  const inverse = f32x4.splat(<f32>(1 / divisor));
  for (let i = from; i < to; i += 4) {
    const n = to - i;
    const at = i << 2;
    let g = loadFirst(load<u32>(slots) + at, n);
    for (let s: u32 = 1; s < slotCount; s++) g = f32x4.add(g, loadFirst(load<u32>(slots + (s << 2)) + at, n));
    g = f32x4.mul(g, inverse);
    const mNew = f32x4.add(f32x4.mul(b1, loadFirst(m + at, n)), f32x4.mul(rest1, g));
    const vNew = f32x4.add(f32x4.mul(b2, loadFirst(v + at, n)), f32x4.mul(rest2, f32x4.mul(g, g)));
    storeFirst(m + at, mNew, n);
    storeFirst(v + at, vNew, n);
    const change = f32x4.div(f32x4.mul(step, mNew), f32x4.add(f32x4.sqrt(vNew), eps));
    storeFirst(parameters + at, f32x4.sub(loadFirst(parameters + at, n), change), n);
  }
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
