/**
 * The inner loop of matrix products: a tile of C held in registers, over packed panels of A and B.
 *
 * A panel of A holds, for each k, one element of each of its rows; a panel of B holds, for each k, 8 columns.
 */
import { madd } from './vector';

/** Most rows of a tile: 6 times 2 vectors of sums, 2 vectors of B and one of A fit the 15 registers that V8 allots. */
export const tileRows: u32 = 6;
/** Columns of a tile, and of a packed panel of B (`packedBytes`). */
export const tileColumns: u32 = 8;

/**
 * `rows` is a constant at every call, so that what a smaller tile does not need disappears when it is compiled. Sums go
 * from load to store with no other arithmetic: with some after the loop, V8 orders the loop so that it spills twice the
 * registers and runs a third slower.
 */
// @ts-ignore: decorator
@inline
function tile(rows: u32, K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32): void {
  let s00 = v128.load(from);
  let s01 = v128.load(from, 16);
  let s10 = rows > 1 ? v128.load(from + fromStride) : f32x4.splat(0);
  let s11 = rows > 1 ? v128.load(from + fromStride, 16) : f32x4.splat(0);
  let s20 = rows > 2 ? v128.load(from + 2 * fromStride) : f32x4.splat(0);
  let s21 = rows > 2 ? v128.load(from + 2 * fromStride, 16) : f32x4.splat(0);
  let s30 = rows > 3 ? v128.load(from + 3 * fromStride) : f32x4.splat(0);
  let s31 = rows > 3 ? v128.load(from + 3 * fromStride, 16) : f32x4.splat(0);
  let s40 = rows > 4 ? v128.load(from + 4 * fromStride) : f32x4.splat(0);
  let s41 = rows > 4 ? v128.load(from + 4 * fromStride, 16) : f32x4.splat(0);
  let s50 = rows > 5 ? v128.load(from + 5 * fromStride) : f32x4.splat(0);
  let s51 = rows > 5 ? v128.load(from + 5 * fromStride, 16) : f32x4.splat(0);
  for (let k = K; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load_splat<f32>(a);
    s00 = madd(x, b0, s00);
    s01 = madd(x, b1, s01);
    if (rows > 1) {
      x = v128.load_splat<f32>(a, 4);
      s10 = madd(x, b0, s10);
      s11 = madd(x, b1, s11);
    }
    if (rows > 2) {
      x = v128.load_splat<f32>(a, 8);
      s20 = madd(x, b0, s20);
      s21 = madd(x, b1, s21);
    }
    if (rows > 3) {
      x = v128.load_splat<f32>(a, 12);
      s30 = madd(x, b0, s30);
      s31 = madd(x, b1, s31);
    }
    if (rows > 4) {
      x = v128.load_splat<f32>(a, 16);
      s40 = madd(x, b0, s40);
      s41 = madd(x, b1, s41);
    }
    if (rows > 5) {
      x = v128.load_splat<f32>(a, 20);
      s50 = madd(x, b0, s50);
      s51 = madd(x, b1, s51);
    }
    a += rows << 2;
    b += 32;
  }
  v128.store(c, s00);
  v128.store(c, s01, 16);
  if (rows > 1) {
    v128.store(c + stride, s10);
    v128.store(c + stride, s11, 16);
  }
  if (rows > 2) {
    v128.store(c + 2 * stride, s20);
    v128.store(c + 2 * stride, s21, 16);
  }
  if (rows > 3) {
    v128.store(c + 3 * stride, s30);
    v128.store(c + 3 * stride, s31, 16);
  }
  if (rows > 4) {
    v128.store(c + 4 * stride, s40);
    v128.store(c + 4 * stride, s41, 16);
  }
  if (rows > 5) {
    v128.store(c + 5 * stride, s50);
    v128.store(c + 5 * stride, s51, 16);
  }
}

function tile1(K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32): void {
  tile(1, K, a, b, from, fromStride, c, stride);
}

function tile2(K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32): void {
  tile(2, K, a, b, from, fromStride, c, stride);
}

function tile3(K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32): void {
  tile(3, K, a, b, from, fromStride, c, stride);
}

function tile4(K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32): void {
  tile(4, K, a, b, from, fromStride, c, stride);
}

function tile5(K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32): void {
  tile(5, K, a, b, from, fromStride, c, stride);
}

function tile6(K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32): void {
  tile(6, K, a, b, from, fromStride, c, stride);
}

/** C (rows,8) = A·B plus the 8 columns at `from`; strides in bytes. */
// @ts-ignore: decorator
@inline
export function multiplyTile(
  rows: u32, K: u32, a: usize, b: usize, from: usize, fromStride: u32, c: usize, stride: u32,
): void {
  if (rows == 6) tile6(K, a, b, from, fromStride, c, stride);
  else if (rows == 5) tile5(K, a, b, from, fromStride, c, stride);
  else if (rows == 4) tile4(K, a, b, from, fromStride, c, stride);
  else if (rows == 3) tile3(K, a, b, from, fromStride, c, stride);
  else if (rows == 2) tile2(K, a, b, from, fromStride, c, stride);
  else tile1(K, a, b, from, fromStride, c, stride);
}
