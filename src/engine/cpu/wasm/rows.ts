/** Kernels that move or add whole rows. */
import { loadFirst, storeFirst } from './vector';

export function zero(at: usize, bytes: u32): void {
  memory.fill(at, 0, bytes);
}

export function copy(src: usize, dst: usize, bytes: u32): void {
  memory.copy(dst, src, bytes);
}

/**
 * dst (columns,rows) = src (rows,columns) transposed, four by four, in strips of 16 columns, so that each cache line of
 * src is read once.
 */
export function transpose(src: usize, rows: u32, columns: u32, dst: usize): void {
  const width = columns << 2;
  const height = rows << 2;
  const wholeRows = rows & ~3;
  const wholeColumns = columns & ~3;
  for (let strip: u32 = 0; strip < wholeColumns; strip += 16) {
    const end = min(strip + 16, wholeColumns);
    for (let i: u32 = 0; i < wholeRows; i += 4) {
      for (let j = strip; j < end; j += 4) transposeFour(src + i * width + (j << 2), width, dst + j * height + (i << 2), height);
    }
  }
  for (let j: u32 = 0; j < columns; j++) {
    for (let i: u32 = j < wholeColumns ? wholeRows : 0; i < rows; i++) {
      store<f32>(dst + j * height + (i << 2), load<f32>(src + i * width + (j << 2)));
    }
  }
}

// @ts-ignore: decorator
@inline
function transposeFour(from: usize, width: u32, to: usize, height: u32): void {
  const a = v128.load(from);
  const b = v128.load(from + width);
  const c = v128.load(from + 2 * width);
  const d = v128.load(from + 3 * width);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(to + height, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
  v128.store(to + 2 * height, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5));
  v128.store(to + 3 * height, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7));
}

export function gatherRows(table: usize, indices: usize, rows: u32, columns: u32, out: usize): void {
  const width = columns << 2;
  for (let row: u32 = 0; row < rows; row++) {
    memory.copy(out + row * width, table + load<u32>(indices + (row << 2)) * width, width);
  }
}

export function scatterRows(src: usize, indices: usize, rows: u32, columns: u32, out: usize): void {
  const width = columns << 2;
  for (let row: u32 = 0; row < rows; row++) {
    memory.copy(out + load<u32>(indices + (row << 2)) * width, src + row * width, width);
  }
}

export function zeroRows(indices: usize, rows: u32, columns: u32, out: usize): void {
  const width = columns << 2;
  for (let row: u32 = 0; row < rows; row++) {
    memory.fill(out + load<u32>(indices + (row << 2)) * width, 0, width);
  }
}

/** dst += src. */
export function addTo(dst: usize, src: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(dst, f32x4.add(v128.load(dst), v128.load(src)));
    dst += 16;
    src += 16;
  }
  if (n) storeFirst(dst, f32x4.add(loadFirst(dst, n), loadFirst(src, n)), n);
}

/** Inputs are numbered by their first row as a rule, and then nothing needs to be zeroed beforehand. */
export function sumByInput(
  packed: usize, inputOf: usize, rows: u32, columns: u32, inputs: u32, out: usize,
): void {
  const width = columns << 2;
  let begun: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const input = load<u32>(inputOf + (row << 2));
    if (input < begun) {
      addTo(out + input * width, packed + row * width, columns);
      continue;
    }
    memory.fill(out + begun * width, 0, (input - begun) * width);
    memory.copy(out + input * width, packed + row * width, width);
    begun = input + 1;
  }
  memory.fill(out + begun * width, 0, (inputs - begun) * width);
}

export function copyColumns(src: usize, ldSrc: u32, dst: usize, ldDst: u32, rows: u32, columns: u32): void {
  const width = columns << 2;
  for (let row: u32 = 0; row < rows; row++) {
    memory.copy(dst + row * (ldDst << 2), src + row * (ldSrc << 2), width);
  }
}

/** Adds bias (columns) to every row of a. */
export function addBias(a: usize, bias: usize, rows: u32, columns: u32, lda: u32): void {
  for (let row: u32 = 0; row < rows; row++) addTo(a + row * (lda << 2), bias, columns);
}

/** Four rows at once, so that the sums are read and written a quarter as often. */
export function columnSums(a: usize, rows: u32, columns: u32, lda: u32, out: usize): void {
  const stride = lda << 2;
  const whole = (columns & ~3) << 2;
  const rest = columns & 3;
  memory.fill(out, 0, columns << 2);
  for (; rows >= 4; rows -= 4) {
    for (let at: u32 = 0; at < whole; at += 16) addFourRows(a + at, stride, out + at, 4);
    if (rest) addFourRows(a + whole, stride, out + whole, rest);
    a += 4 * stride;
  }
  for (; rows; rows--) {
    addTo(out, a, columns);
    a += stride;
  }
}

// @ts-ignore: decorator
@inline
function addFourRows(a: usize, stride: u32, out: usize, n: u32): void {
  let sum = f32x4.add(loadFirst(out, n), loadFirst(a, n));
  sum = f32x4.add(sum, loadFirst(a + stride, n));
  sum = f32x4.add(sum, loadFirst(a + 2 * stride, n));
  storeFirst(out, f32x4.add(sum, loadFirst(a + 3 * stride, n)), n);
}
