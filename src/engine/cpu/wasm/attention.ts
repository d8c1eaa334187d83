/**
 * Additive attention, a time step forward and backward; shapes in kernels.ts.
 *
 * What is worked with is r = 1/(1 + e^2p·e^2q) for p of the projected grid and q of the query, from exponentials that
 * are taken once a shard and once a row: tanh(p + q) = 1 - 2r and its slope is 4r(1 - r), for one division an element.
 * It holds while |q| is at most 30, whatever p: where e^2p overflows or vanishes, p + q is saturated too. Rows with a
 * larger q take the hyperbolic tangent itself.
 */
import { exp, sigmoid, tanh } from './transcendental';
import { loadFirst, madd, nmadd, storeFirst, sumOfLanes } from './vector';

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
function isLarge(q: usize, A: u32): bool {
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
function complement(e: usize, toProjected: usize, q: v128, n: u32, large: bool): v128 {
  const half = f32x4.splat(0.5);
  if (large) return nmadd(tanh(f32x4.add(loadFirst(e + toProjected, n), q)), half, half);
  const one = f32x4.splat(1);
  return f32x4.div(one, madd(loadFirst(e, n), q, one));
}

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
function gateOf(gate: usize): f32 {
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

/** out (L) = the products of x (C) with each vector of the grid. */
function dotProducts(grid: usize, x: usize, out: usize, L: u32, C: u32): void {
  const width = C << 2;
  const whole = width & ~15;
  const rest = C & 3;
  let l: u32 = 0;
  for (; l + 4 <= L; l += 4) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let k: u32 = 0; k < whole; k += 16) {
      const y = v128.load(x + k);
      s0 = madd(y, v128.load(grid + k), s0);
      s1 = madd(y, v128.load(grid + width + k), s1);
      s2 = madd(y, v128.load(grid + 2 * width + k), s2);
      s3 = madd(y, v128.load(grid + 3 * width + k), s3);
    }
    if (rest) {
      const y = loadFirst(x + whole, rest);
      s0 = madd(y, loadFirst(grid + whole, rest), s0);
      s1 = madd(y, loadFirst(grid + width + whole, rest), s1);
      s2 = madd(y, loadFirst(grid + 2 * width + whole, rest), s2);
      s3 = madd(y, loadFirst(grid + 3 * width + whole, rest), s3);
    }
    const at = out + (l << 2);
    store<f32>(at, sumOfLanes(s0));
    store<f32>(at + 4, sumOfLanes(s1));
    store<f32>(at + 8, sumOfLanes(s2));
    store<f32>(at + 12, sumOfLanes(s3));
    grid += 4 * width;
  }
  for (; l < L; l++) {
    store<f32>(out + (l << 2), dot(grid, x, C));
    grid += width;
  }
}

function dot(a: usize, b: usize, count: u32): f32 {
  let s = f32x4.splat(0);
  for (let j: u32 = 0; j < count; j += 4) {
    const at = j << 2;
    s = madd(loadFirst(a + at, count - j), loadFirst(b + at, count - j), s);
  }
  return sumOfLanes(s);
}

/** Gradients of the scores (L), in place of those of the weights before the gate; returns their sum, which rounding leaves. */
function scoreGradients(weights: usize, dweights: usize, beta: f32, d: usize, L: u32): f32 {
  let mean: f32 = 0;
  for (let l: u32 = 0; l < L; l++) {
    const at = l << 2;
    const own = beta * load<f32>(d + at) + (dweights ? load<f32>(dweights + at) : 0);
    store<f32>(d + at, own);
    mean += own * load<f32>(weights + at);
  }
  let sum: f32 = 0;
  for (let l: u32 = 0; l < L; l++) {
    const at = l << 2;
    const own = load<f32>(weights + at) * (load<f32>(d + at) - mean);
    store<f32>(d + at, own);
    sum += own;
  }
  return sum;
}

/** One vector of lanes of one position: adds to the gradients of the projection, of the query and of the scorer. */
// @ts-ignore: decorator
@inline
function positionLanes(
  r: v128, d: v128, w4: v128, dprojected: usize, dquery: v128, n: u32,
): v128 {
  const t = f32x4.mul(d, nmadd(r, r, r));
  storeFirst(dprojected, madd(t, w4, loadFirst(dprojected, n)), n);
  return f32x4.add(dquery, t);
}

/** Two positions of neighbouring rows, n lanes. */
// @ts-ignore: decorator
@inline
function twoPositions(
  e: usize, toProjected: usize, q: usize, w4: usize, d0: v128, d1: v128,
  dprojected: usize, width: u32, dquery: usize, dscorer: usize, n: u32, large: bool,
): void {
  const x = loadFirst(q, n);
  const w = loadFirst(w4, n);
  const r0 = complement(e, toProjected, x, n, large);
  const r1 = complement(e + width, toProjected, x, n, large);
  let sum = positionLanes(r0, d0, w, dprojected, loadFirst(dquery, n), n);
  sum = positionLanes(r1, d1, w, dprojected + width, sum, n);
  storeFirst(dquery, sum, n);
  storeFirst(dscorer, madd(d1, r1, madd(d0, r0, loadFirst(dscorer, n))), n);
}

/**
 * dprojected (L,A) += d·4w·r(1 - r), dquery (A) = Σ d·r(1 - r) and dscorer (A) = Σ d·r over the positions. Two of them at
 * once, so that the sums are loaded and stored half as often.
 */
// @ts-ignore: decorator
@inline
function projectionGradients(
  e: usize, toProjected: usize, q: usize, w4: usize, d: usize,
  dprojected: usize, dquery: usize, dscorer: usize, L: u32, A: u32, large: bool,
): void {
  const width = A << 2;
  const whole = width & ~15;
  const rest = A & 3;
  memory.fill(dquery, 0, width);
  memory.fill(dscorer, 0, width);
  let l: u32 = 0;
  for (; l + 2 <= L; l += 2) {
    const d0 = v128.load32_splat(d + (l << 2));
    const d1 = v128.load32_splat(d + (l << 2) + 4);
    for (let at: u32 = 0; at < whole; at += 16) {
      twoPositions(e + at, toProjected, q + at, w4 + at, d0, d1, dprojected + at, width, dquery + at, dscorer + at, 4, large);
    }
    if (rest) {
      const at = whole;
      twoPositions(e + at, toProjected, q + at, w4 + at, d0, d1, dprojected + at, width, dquery + at, dscorer + at, rest, large);
    }
    e += 2 * width;
    dprojected += 2 * width;
  }
  if (l == L) return;
  const d0 = v128.load32_splat(d + (l << 2));
  for (let j: u32 = 0; j < A; j += 4) {
    const at = j << 2;
    const n = A - j;
    const r = complement(e + at, toProjected, loadFirst(q + at, n), n, large);
    const sum = positionLanes(r, d0, loadFirst(w4 + at, n), dprojected + at, loadFirst(dquery + at, n), n);
    storeFirst(dquery + at, sum, n);
    storeFirst(dscorer + at, madd(d0, r, loadFirst(dscorer + at, n)), n);
  }
}

export function attendBackward(
  projected: usize, exponentials: usize, grid: usize, scorer: usize, query: usize, gate: usize,
  weights: usize, context: usize, dcontext: usize, dweights: usize,
  dquery: usize, dgate: usize, dscorer: usize, dprojected: usize, nextRows: u32,
  rows: u32, L: u32, A: u32, C: u32, scratch: usize,
): void {
  const toProjected = projected - exponentials;
  const width = A << 2;
  const w4 = scratch;
  const q = scratch + ((width + 15) & ~15);
  const d = q + ((width + 15) & ~15);
  for (let j: u32 = 0; j < A; j += 4) {
    const at = j << 2;
    storeFirst(w4 + at, f32x4.mul(loadFirst(scorer + at, A - j), f32x4.splat(4)), A - j);
  }
  for (let row: u32 = 0; row < rows; row++) {
    const beta = gateOf(gate);
    dotProducts(grid, dcontext, d, L, C);
    store<f32>(dgate, (1 - beta) * dot(dcontext, context, C));
    const sum = scoreGradients(weights, dweights, beta, d, L);
    if (row >= nextRows) memory.fill(dprojected, 0, L * width);
    if (isLarge(query, A)) {
      projectionGradients(exponentials, toProjected, query, w4, d, dprojected, dquery, dscorer, L, A, true);
    } else {
      expTwice(query, q, A);
      projectionGradients(exponentials, toProjected, q, w4, d, dprojected, dquery, dscorer, L, A, false);
    }
    for (let j: u32 = 0; j < A; j += 4) {
      const at = j << 2;
      const n = A - j;
      storeFirst(dquery + at, f32x4.mul(loadFirst(w4 + at, n), loadFirst(dquery + at, n)), n);
      storeFirst(dscorer + at, madd(loadFirst(dscorer + at, n), f32x4.splat(-2), f32x4.splat(sum)), n);
    }
    exponentials += L * width;
    grid += (L * C) << 2;
    query += width;
    gate += 4;
    weights += L << 2;
    context += C << 2;
    dcontext += C << 2;
    if (dweights) dweights += L << 2;
    dquery += width;
    dgate += 4;
    dscorer += width;
    dprojected += L * width;
  }
}

/**
 * Of sums (rows,L) of the weights of each caption over its time steps: the loss factor·Σ (1 - sum)², each row times its
 * weight; the sums become its gradient by each weight in them.
 */
export function coverageLoss(sums: usize, captionWeights: usize, factor: f64, rows: u32, L: u32): f64 {
  let loss: f64 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const scale = factor * (captionWeights ? <f64>load<f32>(captionWeights + (row << 2)) : 1);
    for (let l: u32 = 0; l < L; l++) {
      const missing = 1 - <f64>load<f32>(sums);
      loss += scale * missing * missing;
      store<f32>(sums, <f32>(-2 * scale * missing));
      sums += 4;
    }
  }
  return loss;
}
