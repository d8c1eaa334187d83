/** Lays out blocks of A and B in the order in which tiles read them. */
import { tileColumns } from './tile';

/** Writes columns 4q..4q+3 of four rows as four vectors, `stride` bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(r0: usize, r1: usize, r2: usize, r3: usize, to: usize, stride: u32): void {
  const x0 = v128.load(r0);
  const x1 = v128.load(r1);
  const x2 = v128.load(r2);
  const x3 = v128.load(r3);
  const low01 = v128.shuffle<f32>(x0, x1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(x0, x1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(x2, x3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
  v128.store(to + stride, v128.shuffle<f64>(low01, low23, 1, 3));
  v128.store(to + 2 * stride, v128.shuffle<f64>(high01, high23, 0, 2));
  v128.store(to + 3 * stride, v128.shuffle<f64>(high01, high23, 1, 3));
}

/** Interleaves `count` strided rows of K elements: to[k·width + r] = from[r·strideBytes + k]. */
function interleaveRows(from: usize, strideBytes: u32, count: u32, K: u32, to: usize, width: u32): void {
  const step = width << 2;
  const wholeK = K & ~3;
  let r: u32 = 0;
  for (; r + 4 <= count; r += 4) {
    const r0 = from + r * strideBytes;
    const target = to + (r << 2);
    for (let k: u32 = 0; k < wholeK; k += 4) {
      const at = r0 + (k << 2);
      transpose4(at, at + strideBytes, at + 2 * strideBytes, at + 3 * strideBytes, target + k * step, step);
    }
    for (let k = wholeK; k < K; k++) {
      const at = r0 + (k << 2);
      store<f32>(target + k * step, load<f32>(at));
      store<f32>(target + k * step, load<f32>(at + strideBytes), 4);
      store<f32>(target + k * step, load<f32>(at + 2 * strideBytes), 8);
      store<f32>(target + k * step, load<f32>(at + 3 * strideBytes), 12);
    }
  }
  for (; r < count; r++) {
    const row = from + r * strideBytes;
    const target = to + (r << 2);
    for (let k: u32 = 0; k < K; k++) store<f32>(target + k * step, load<f32>(row + (k << 2)));
  }
}

/** Copies `count` adjacent elements of each of K rows: to[k·width + r] = from[k·strideBytes + r]. */
function copyRows(from: usize, strideBytes: u32, count: u32, K: u32, to: usize, width: u32): void {
  const step = width << 2;
  if (count == 8) {
    for (let k = K; k > 0; k--) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      from += strideBytes;
      to += step;
    }
  } else if (count == 6) {
    for (let k = K; k > 0; k--) {
      v128.store(to, v128.load(from));
      store<u64>(to, load<u64>(from, 16), 16);
      from += strideBytes;
      to += step;
    }
  } else {
    for (let k = K; k > 0; k--) {
      for (let r: u32 = 0; r < count; r++) store<f32>(to + (r << 2), load<f32>(from + (r << 2)));
      from += strideBytes;
      to += step;
    }
  }
}

/** A panel of `rows` rows of A, K elements each, from its first element. */
export function packPanelOfA(transA: i32, a: usize, lda: u32, rows: u32, K: u32, to: usize): void {
  if (transA) copyRows(a, lda << 2, rows, K, to, rows);
  else interleaveRows(a, lda << 2, rows, K, to, rows);
}

/** A panel of up to 8 columns of B, K elements each, from its first element; absent columns are zero. */
function packPanelOfB(transB: i32, b: usize, ldb: u32, columns: u32, K: u32, to: usize): void {
  if (columns < tileColumns) memory.fill(to, 0, (K * tileColumns) << 2);
  if (transB) interleaveRows(b, ldb << 2, columns, K, to, tileColumns);
  else copyRows(b, ldb << 2, columns, K, to, tileColumns);
}

/** Four whole panels of B side by side, so that each visit to a row reads two cache lines. */
function copyFourPanels(from: usize, strideBytes: u32, K: u32, to: usize): void {
  const panel = (K * tileColumns) << 2;
  for (let k = K; k > 0; k--) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    v128.store(to + panel, v128.load(from, 32));
    v128.store(to + panel, v128.load(from, 48), 16);
    v128.store(to + 2 * panel, v128.load(from, 64));
    v128.store(to + 2 * panel, v128.load(from, 80), 16);
    v128.store(to + 3 * panel, v128.load(from, 96));
    v128.store(to + 3 * panel, v128.load(from, 112), 16);
    from += strideBytes;
    to += tileColumns << 2;
  }
}

/** All columns of op(B) (K,N) in panels of 8. */
export function packB(transB: i32, N: u32, K: u32, b: usize, ldb: u32, packed: usize): void {
  const panel = (K * tileColumns) << 2;
  let j: u32 = 0;
  if (!transB) {
    for (; j + 4 * tileColumns <= N; j += 4 * tileColumns) {
      copyFourPanels(b + (j << 2), ldb << 2, K, packed);
      packed += 4 * panel;
    }
  }
  for (; j < N; j += tileColumns) {
    packPanelOfB(transB, b + ((transB ? j * ldb : j) << 2), ldb, min(N - j, tileColumns), K, packed);
    packed += panel;
  }
}
