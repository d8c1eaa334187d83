/** Additive attention, a time step backward; shapes in kernel-functions.ts, r in tanh-of-sums.ts. */
import { gateOf } from './attention';
import { complement, expTwice, isLarge } from './tanh-of-sums';
import { loadFirst, madd, nmadd, storeFirst, sumOfLanes } from './vector';

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
