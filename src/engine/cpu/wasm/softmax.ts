/** Softmax cross-entropy over rows, and the largest column of each row. */
import { exp, log } from './transcendental';
import { loadFirst, storeFirst } from './vector';

// @ts-ignore: decorator
@inline
function rowMaximum(row: usize, columns: u32): f32 {
  let largest = f32x4.splat(-Infinity);
  const whole = columns & ~3;
  for (let j: u32 = 0; j < whole; j += 4) largest = f32x4.pmax(largest, v128.load(row + (j << 2)));
  let m = max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
  for (let j = whole; j < columns; j++) {
    const x = load<f32>(row + (j << 2));
    if (x > m) m = x;
  }
  return m;
}

/** Lanes 0 + 2 and 1 + 3, in float64. */
// @ts-ignore: decorator
@inline
function widenedSum(x: v128): v128 {
  const high = v128.shuffle<f64>(x, x, 1, 1);
  return f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(high));
}

export function softmaxLoss(scores: usize, targets: usize, rows: u32, V: u32, withGradient: i32): f64 {
  let loss: f64 = 0;
  const whole = V & ~3;
  for (let row: u32 = 0; row < rows; row++) {
    const target = load<i32>(targets + (row << 2));
    if (target >= 0) {
      const largest = rowMaximum(scores, V);
      const shift = f32x4.splat(largest);
      const targetScore = <f64>load<f32>(scores + ((<u32>target) << 2)) - <f64>largest;
      let total = f64x2.splat(0);
      for (let j: u32 = 0; j < whole; j += 4) {
        const e = exp(f32x4.sub(v128.load(scores + (j << 2)), shift));
        if (withGradient) v128.store(scores + (j << 2), e);
        total = f64x2.add(total, widenedSum(e));
      }
      let sum = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
      if (whole < V) {
        const at = scores + (whole << 2);
        const rest = V - whole;
        const e = exp(f32x4.sub(loadFirst(at, rest), shift));
        if (withGradient) storeFirst(at, e, rest);
        sum += <f64>f32x4.extract_lane(e, 0);
        if (rest > 1) sum += <f64>f32x4.extract_lane(e, 1);
        if (rest > 2) sum += <f64>f32x4.extract_lane(e, 2);
      }
      loss += log(sum) - targetScore;
      if (withGradient) {
        const scale = f32x4.splat(<f32>(1 / sum));
        for (let j: u32 = 0; j < V; j += 4) {
          const at = scores + (j << 2);
          storeFirst(at, f32x4.mul(loadFirst(at, V - j), scale), V - j);
        }
        const at = scores + ((<u32>target) << 2);
        store<f32>(at, load<f32>(at) - 1);
      }
    } else if (withGradient) {
      memory.fill(scores, 0, V << 2);
    }
    scores += V << 2;
  }
  return loss;
}

export function argmaxRows(a: usize, rows: u32, columns: u32, out: usize): void {
  for (let row: u32 = 0; row < rows; row++) {
    const largest = rowMaximum(a, columns);
    let at: u32 = 0;
    while (at < columns && load<f32>(a + (at << 2)) != largest) at++;
    store<u32>(out + (row << 2), at < columns ? at : 0);
    a += columns << 2;
  }
}
