/**
 * The inner loop of matrix products: a tile of C held in registers, over packed panels of A and B.
 *
 * A panel of A holds, for each k, one element of each of its rows; a panel of B holds, for each k, 8 columns.
 */
import { madd } from './vector';

/** Most rows of a tile: 6 times 2 vectors of sums, 2 vectors of B and one of A fit the 15 registers that V8 allots. */
export const tileRows: u32 = 6;
/** Columns of a tile, and of a packed panel of B. */
export const tileColumns: u32 = 8;

// @ts-ignore: decorator
@inline
function finish(c: usize, s0: v128, s1: v128, add: i32, bias: usize): void {
  if (bias) {
    s0 = f32x4.add(s0, v128.load(bias));
    s1 = f32x4.add(s1, v128.load(bias, 16));
  }
  if (add) {
    s0 = f32x4.add(s0, v128.load(c));
    s1 = f32x4.add(s1, v128.load(c, 16));
  }
  v128.store(c, s0);
  v128.store(c, s1, 16);
}

/** `rows` is a constant at every call, so that what a smaller tile does not need disappears when it is compiled. */
// @ts-ignore: decorator
@inline
function tile(rows: u32, K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize): void {
  let s00 = f32x4.splat(0);
  let s01 = s00;
  let s10 = s00;
  let s11 = s00;
  let s20 = s00;
  let s21 = s00;
  let s30 = s00;
  let s31 = s00;
  let s40 = s00;
  let s41 = s00;
  let s50 = s00;
  let s51 = s00;
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
  finish(c, s00, s01, add, bias);
  if (rows > 1) finish(c + ldcBytes, s10, s11, add, bias);
  if (rows > 2) finish(c + 2 * ldcBytes, s20, s21, add, bias);
  if (rows > 3) finish(c + 3 * ldcBytes, s30, s31, add, bias);
  if (rows > 4) finish(c + 4 * ldcBytes, s40, s41, add, bias);
  if (rows > 5) finish(c + 5 * ldcBytes, s50, s51, add, bias);
}

function tile1(K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize): void {
  tile(1, K, a, b, c, ldcBytes, add, bias);
}

function tile2(K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize): void {
  tile(2, K, a, b, c, ldcBytes, add, bias);
}

function tile3(K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize): void {
  tile(3, K, a, b, c, ldcBytes, add, bias);
}

function tile4(K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize): void {
  tile(4, K, a, b, c, ldcBytes, add, bias);
}

function tile5(K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize): void {
  tile(5, K, a, b, c, ldcBytes, add, bias);
}

function tile6(K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize): void {
  tile(6, K, a, b, c, ldcBytes, add, bias);
}

/** C (rows,8) = A·B, plus C if `add`, plus 8 biases unless `bias` is 0. */
// @ts-ignore: decorator
@inline
export function multiplyTile(
  rows: u32, K: u32, a: usize, b: usize, c: usize, ldcBytes: usize, add: i32, bias: usize,
): void {
  if (rows == 6) tile6(K, a, b, c, ldcBytes, add, bias);
  else if (rows == 5) tile5(K, a, b, c, ldcBytes, add, bias);
  else if (rows == 4) tile4(K, a, b, c, ldcBytes, add, bias);
  else if (rows == 3) tile3(K, a, b, c, ldcBytes, add, bias);
  else if (rows == 2) tile2(K, a, b, c, ldcBytes, add, bias);
  else tile1(K, a, b, c, ldcBytes, add, bias);
}
