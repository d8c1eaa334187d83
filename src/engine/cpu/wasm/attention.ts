/** Additive attention, a time step forward; shapes in kernel-functions.ts, r in tanh-of-sums.ts. */
import { complement, expTwice, isLarge } from './tanh-of-sums';
import { exp, sigmoid } from './transcendental';
import { loadFirst, madd, storeFirst, sumOfLanes } from './vector';

/** scores (L) = -2·Σ w·r, which is w·tanh(p + q) less the sum of w, the same for all positions. */
// @ts-ignore: decorator
@inline
function scorePositions(
  e: usize, toProjected: usize, q: usize, w: usize, scores: usize, L: u32, A: u32, large: bool,
): void {
  const width = A << 2;
  const whole = width & ~15;
  const rest = A & 3;
  let l: u32 = 0;
  for (; l + 4 <= L; l += 4) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let at: u32 = 0; at < whole; at += 16) {
      const x = v128.load(q + at);
      const y = v128.load(w + at);
      s0 = madd(y, complement(e + at, toProjected, x, 4, large), s0);
      s1 = madd(y, complement(e + width + at, toProjected, x, 4, large), s1);
      s2 = madd(y, complement(e + 2 * width + at, toProjected, x, 4, large), s2);
      s3 = madd(y, complement(e + 3 * width + at, toProjected, x, 4, large), s3);
    }
    if (rest) {
      const x = loadFirst(q + whole, rest);
      const y = loadFirst(w + whole, rest);
      s0 = madd(y, complement(e + whole, toProjected, x, rest, large), s0);
      s1 = madd(y, complement(e + width + whole, toProjected, x, rest, large), s1);
      s2 = madd(y, complement(e + 2 * width + whole, toProjected, x, rest, large), s2);
      s3 = madd(y, complement(e + 3 * width + whole, toProjected, x, rest, large), s3);
    }
    const at = scores + (l << 2);
    store<f32>(at, -2 * sumOfLanes(s0));
    store<f32>(at + 4, -2 * sumOfLanes(s1));
    store<f32>(at + 8, -2 * sumOfLanes(s2));
    store<f32>(at + 12, -2 * sumOfLanes(s3));
    e += 4 * width;
  }
  for (; l < L; l++) {
    let s = f32x4.splat(0);
    for (let j: u32 = 0; j < A; j += 4) {
      const at = j << 2;
      const n = A - j;
      s = madd(loadFirst(w + at, n), complement(e + at, toProjected, loadFirst(q + at, n), n, large), s);
    }
    store<f32>(scores + (l << 2), -2 * sumOfLanes(s));
    e += width;
  }
}

/** Softmax in place. */
function softmax(scores: usize, L: u32): void {
  let largest = load<f32>(scores);
  for (let l: u32 = 1; l < L; l++) {
    const score = load<f32>(scores + (l << 2));
    if (score > largest) largest = score;
  }
  let sum: f32 = 0;
  for (let l: u32 = 0; l < L; l += 4) {
    const at = scores + (l << 2);
    const e = exp(f32x4.sub(loadFirst(at, L - l), f32x4.splat(largest)));
    storeFirst(at, e, L - l);
    for (let lane = l; lane < min(l + 4, L); lane++) sum += load<f32>(scores + (lane << 2));
  }
  const scale = f32x4.splat(1 / sum);
  for (let l: u32 = 0; l < L; l += 4) {
    const at = scores + (l << 2);
    storeFirst(at, f32x4.mul(loadFirst(at, L - l), scale), L - l);
  }
}

/** context (C) += Σ a_l·grid_l of four positions, n lanes. */
// @ts-ignore: decorator
@inline
function addFour(a0: v128, a1: v128, a2: v128, a3: v128, grid: usize, width: u32, context: usize, n: u32): void {
  let z = loadFirst(context, n);
  z = madd(a0, loadFirst(grid, n), z);
  z = madd(a1, loadFirst(grid + width, n), z);
  z = madd(a2, loadFirst(grid + 2 * width, n), z);
  z = madd(a3, loadFirst(grid + 3 * width, n), z);
  storeFirst(context, z, n);
}

/** context (C) = beta·Σ weights_l·grid_l. */
function weightedSum(grid: usize, weights: usize, beta: f32, context: usize, L: u32, C: u32): void {
  const width = C << 2;
  const whole = width & ~15;
  const rest = C & 3;
  memory.fill(context, 0, width);
  let l: u32 = 0;
  for (; l + 4 <= L; l += 4) {
    const at = weights + (l << 2);
    const a0 = f32x4.splat(beta * load<f32>(at));
    const a1 = f32x4.splat(beta * load<f32>(at + 4));
    const a2 = f32x4.splat(beta * load<f32>(at + 8));
    const a3 = f32x4.splat(beta * load<f32>(at + 12));
    for (let k: u32 = 0; k < whole; k += 16) addFour(a0, a1, a2, a3, grid + k, width, context + k, 4);
    if (rest) addFour(a0, a1, a2, a3, grid + whole, width, context + whole, rest);
    grid += 4 * width;
  }
  for (; l < L; l++) {
    const a = f32x4.splat(beta * load<f32>(weights + (l << 2)));
    for (let k: u32 = 0; k < whole; k += 16) {
      v128.store(context + k, madd(a, v128.load(grid + k), v128.load(context + k)));
    }
    if (rest) storeFirst(context + whole, madd(a, loadFirst(grid + whole, rest), loadFirst(context + whole, rest)), rest);
    grid += width;
  }
}

/** The logistic sigmoid of one number. */
// @ts-ignore: decorator
@inline
export function gateOf(gate: usize): f32 {
  return f32x4.extract_lane(sigmoid(f32x4.splat(load<f32>(gate))), 0);
}

export function attend(
  projected: usize, exponentials: usize, grid: usize, scorer: usize, query: usize, gate: usize,
  weights: usize, context: usize, rows: u32, L: u32, A: u32, C: u32, scratch: usize,
): void {
  const toProjected = projected - exponentials;
  for (let row: u32 = 0; row < rows; row++) {
    if (isLarge(query, A)) {
      scorePositions(exponentials, toProjected, query, scorer, weights, L, A, true);
    } else {
      expTwice(query, scratch, A);
      scorePositions(exponentials, toProjected, scratch, scorer, weights, L, A, false);
    }
    softmax(weights, L);
    weightedSum(grid, weights, gateOf(gate), context, L, C);
    exponentials += (L * A) << 2;
    grid += (L * C) << 2;
    query += A << 2;
    gate += 4;
    weights += L << 2;
    context += C << 2;
  }
}
