/** Kernels over n elements that know nothing of rows, of which cells without a fused step are made. */
import { loadFirst, storeFirst } from './vector';

export function add(a: usize, b: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(out, f32x4.add(v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
    out += 16;
  }
  if (n) storeFirst(out, f32x4.add(loadFirst(a, n), loadFirst(b, n)), n);
}

export function multiply(a: usize, b: usize, out: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(out, f32x4.mul(v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
    out += 16;
  }
  if (n) storeFirst(out, f32x4.mul(loadFirst(a, n), loadFirst(b, n)), n);
}

export function scaleShift(a: usize, factor: f64, shift: f64, out: usize, n: u32): void {
  const k = f32x4.splat(<f32>factor);
  const s = f32x4.splat(<f32>shift);
  for (; n >= 4; n -= 4) {
    v128.store(out, f32x4.add(f32x4.mul(k, v128.load(a)), s));
    a += 16;
    out += 16;
  }
  if (n) storeFirst(out, f32x4.add(f32x4.mul(k, loadFirst(a, n)), s), n);
}

export function addRow(a: usize, row: usize, rows: u32, columns: u32, out: usize): void {
  const width = columns << 2;
  for (let r: u32 = 0; r < rows; r++) {
    add(a, row, out, columns);
    a += width;
    out += width;
  }
}
