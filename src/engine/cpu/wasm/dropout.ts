/** Masks of inverted dropout from Philox 4x32-10, four column blocks at a time; see tensor/dropout-mask.ts. */
import { storeFirst } from './vector';

const rounds: u32 = 10;
const multiplier0: i32 = 0xd2511f53;
const multiplier1: i32 = 0xcd9e8d57;
const weyl0: u32 = 0x9e3779b9;
const weyl1: u32 = 0xbb67ae85;

export function dropoutMask(
  rowOf: usize, positionOf: usize, rows: u32, columns: u32, key0: u32, key1: u32, step: u32, threshold: u32,
  scale: f32, out: usize,
): void {
  const kept = f32x4.splat(scale);
  const least = i32x4.splat(threshold);
  const m0 = i32x4.splat(multiplier0);
  const m1 = i32x4.splat(multiplier1);
  for (let r: u32 = 0; r < rows; r++) {
    const row = i32x4.splat(load<i32>(rowOf + (r << 2)));
    const position = i32x4.splat(load<i32>(positionOf + (r << 2)));
    // Lane b is block j/4 + b.
    for (let j: u32 = 0; j < columns; j += 16) {
      let c0 = i32x4.splat(step);
      let c1 = row;
      let c2 = position;
      let c3 = i32x4.add(i32x4.splat(j >> 2), i32x4(0, 1, 2, 3));
      let k0 = key0;
      let k1 = key1;
      for (let round: u32 = 0; round < rounds; round++) {
        const even0 = i64x2.extmul_low_i32x4_u(m0, c0);
        const odd0 = i64x2.extmul_high_i32x4_u(m0, c0);
        const even1 = i64x2.extmul_low_i32x4_u(m1, c2);
        const odd1 = i64x2.extmul_high_i32x4_u(m1, c2);
        const high0 = v128.shuffle<i32>(even0, odd0, 1, 3, 5, 7);
        const high1 = v128.shuffle<i32>(even1, odd1, 1, 3, 5, 7);
        c0 = v128.xor(v128.xor(high1, c1), i32x4.splat(k0));
        c2 = v128.xor(v128.xor(high0, c3), i32x4.splat(k1));
        c1 = v128.shuffle<i32>(even1, odd1, 0, 2, 4, 6);
        c3 = v128.shuffle<i32>(even0, odd0, 0, 2, 4, 6);
        k0 += weyl0;
        k1 += weyl1;
      }
      // Word k of block b is column 4b + k: the transpose.
      const low01 = v128.shuffle<i32>(c0, c1, 0, 4, 1, 5);
      const low23 = v128.shuffle<i32>(c2, c3, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(c0, c1, 2, 6, 3, 7);
      const high23 = v128.shuffle<i32>(c2, c3, 2, 6, 3, 7);
      storeBlock(out, v128.shuffle<i32>(low01, low23, 0, 1, 4, 5), least, kept, columns, j);
      storeBlock(out + 16, v128.shuffle<i32>(low01, low23, 2, 3, 6, 7), least, kept, columns, j + 4);
      storeBlock(out + 32, v128.shuffle<i32>(high01, high23, 0, 1, 4, 5), least, kept, columns, j + 8);
      storeBlock(out + 48, v128.shuffle<i32>(high01, high23, 2, 3, 6, 7), least, kept, columns, j + 12);
      out += min<u32>(16, columns - j) << 2;
    }
  }
}

// @ts-ignore: decorator
@inline
function storeBlock(out: usize, words: v128, least: v128, kept: v128, columns: u32, j: u32): void {
  if (j >= columns) return;
  storeFirst(out, v128.and(i32x4.ge_u(words, least), kept), columns - j);
}
