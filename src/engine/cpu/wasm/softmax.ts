/** Softmax cross-entropy over rows, and the logarithm of the sum of each row's exponentials. */
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

/** Σ (score - largest). */
function sumBelow(row: usize, columns: u32, largest: f32): f64 {
  let total = f64x2.splat(0);
  const shift = f32x4.splat(largest);
  const whole = columns & ~3;
  for (let j: u32 = 0; j < whole; j += 4) {
    total = f64x2.add(total, widenedSum(f32x4.sub(v128.load(row + (j << 2)), shift)));
  }
  let sum = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
  for (let j = whole; j < columns; j++) sum += <f64>(load<f32>(row + (j << 2)) - largest);
  return sum;
}

/** Σ exp(score - largest). The exponentials take the scores' place where `keep` says so. */
// @ts-ignore: decorator
@inline
function sumOfExponentials(row: usize, columns: u32, largest: f32, keep: i32): f64 {
  let total = f64x2.splat(0);
  const shift = f32x4.splat(largest);
  const whole = columns & ~3;
  for (let j: u32 = 0; j < whole; j += 4) {
    const e = exp(f32x4.sub(v128.load(row + (j << 2)), shift));
    if (keep) v128.store(row + (j << 2), e);
    total = f64x2.add(total, widenedSum(e));
  }
  let sum = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
  if (whole < columns) {
    const at = row + (whole << 2);
    const rest = columns - whole;
    const e = exp(f32x4.sub(loadFirst(at, rest), shift));
    if (keep) storeFirst(at, e, rest);
    sum += <f64>f32x4.extract_lane(e, 0);
    if (rest > 1) sum += <f64>f32x4.extract_lane(e, 1);
    if (rest > 2) sum += <f64>f32x4.extract_lane(e, 2);
  }
  return sum;
}

export function softmaxLoss(
  scores: usize, targets: usize, weights: usize, rows: u32, V: u32, smoothing: f64, withGradient: i32,
): f64 {
  let loss: f64 = 0;
  const onTarget = 1 - smoothing;
  const onEach = smoothing / <f64>V;
  const whole = (V & ~3) << 2;
  const rest = V & 3;
  for (let row: u32 = 0; row < rows; row++) {
    const target = load<i32>(targets + (row << 2));
    if (target >= 0) {
      const weight: f32 = weights ? load<f32>(weights + (row << 2)) : 1;
      const largest = rowMaximum(scores, V);
      const targetScore = <f64>load<f32>(scores + ((<u32>target) << 2)) - <f64>largest;
      const others: f64 = smoothing > 0 ? onEach * sumBelow(scores, V, largest) : 0;
      const sum = sumOfExponentials(scores, V, largest, withGradient);
      loss += <f64>weight * (log(sum) - onTarget * targetScore - others);
      if (withGradient) {
        const scale = f32x4.splat(<f32>(<f64>weight / sum));
        const each = f32x4.splat(<f32>(<f64>weight * onEach));
        for (let at = scores; at < scores + whole; at += 16) {
          v128.store(at, f32x4.sub(f32x4.mul(v128.load(at), scale), each));
        }
        if (rest) {
          const at = scores + whole;
          storeFirst(at, f32x4.sub(f32x4.mul(loadFirst(at, rest), scale), each), rest);
        }
        const at = scores + ((<u32>target) << 2);
        store<f32>(at, load<f32>(at) - <f32>(<f64>weight * onTarget));
      }
    } else if (withGradient) {
      memory.fill(scores, 0, V << 2);
    }
    scores += V << 2;
  }
  return loss;
}

export function logSumExp(scores: usize, rows: u32, columns: u32, out: usize): void {
  for (let row: u32 = 0; row < rows; row++) {
    const largest = rowMaximum(scores, columns);
    const sum = sumOfExponentials(scores, columns, largest, 0);
    store<f32>(out + (row << 2), <f32>(<f64>largest + log(sum)));
    scores += columns << 2;
  }
}
