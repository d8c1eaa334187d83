/** Kernels that move or add whole rows. */
import { loadFirst, storeFirst } from './vector';

export function zero(at: usize, bytes: u32): void {
  memory.fill(at, 0, bytes);
}

export function copy(src: usize, dst: usize, bytes: u32): void {
  memory.copy(dst, src, bytes);
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
  for (let j: u32 = 0; j < n; j += 4) {
    const at = j << 2;
    storeFirst(dst + at, f32x4.add(loadFirst(dst + at, n - j), loadFirst(src + at, n - j)), n - j);
  }
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

export function addBias(a: usize, bias: usize, rows: u32, columns: u32, lda: u32): void {
  for (let row: u32 = 0; row < rows; row++) addTo(a + row * (lda << 2), bias, columns);
}

export function columnSums(a: usize, rows: u32, columns: u32, lda: u32, out: usize): void {
  memory.fill(out, 0, columns << 2);
  for (let row: u32 = 0; row < rows; row++) addTo(out, a + row * (lda << 2), columns);
}
