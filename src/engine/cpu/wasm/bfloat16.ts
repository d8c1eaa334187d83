/** float32 to bfloat16, to nearest, ties to even; NaN stays NaN. */
import { loadFirst } from './vector';

/** Rounded values in the high halves of the lanes. */
// @ts-ignore: decorator
@inline
function rounded(x: v128): v128 {
  const even = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const up = i32x4.add(x, i32x4.add(even, i32x4.splat(0x7fff)));
  const quiet = v128.or(x, i32x4.splat(0x00400000));
  return v128.bitselect(quiet, up, f32x4.ne(x, x));
}

export function toBf16(src: usize, srcStride: u32, dst: usize, dstStride: u32, rows: u32, columns: u32): void {
  const whole = columns & ~7;
  for (let row: u32 = 0; row < rows; row++) {
    for (let j: u32 = 0; j < whole; j += 8) {
      const a = rounded(v128.load(src + (j << 2)));
      const b = rounded(v128.load(src + (j << 2), 16));
      v128.store(
        dst + (j << 1),
        i8x16.shuffle(a, b, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31),
      );
    }
    for (let j = whole; j < columns; j++) {
      store<u16>(dst + (j << 1), <u16>((<u32>i32x4.extract_lane(rounded(loadFirst(src + (j << 2), 1)), 0)) >> 16));
    }
    src += srcStride << 2;
    dst += dstStride << 1;
  }
}
