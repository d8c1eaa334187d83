/** Fused time steps of the RNN and the LSTM; shapes in kernels.ts. */
import { sigmoid, tanh } from './transcendental';
import { loadFirst, madd, nmadd, storeFirst } from './vector';

export function rnnCell(x: usize, inputOf: usize, r: usize, h: usize, rows: u32, H: u32): void {
  for (let row: u32 = 0; row < rows; row++) {
    const xRow = x + load<u32>(inputOf + (row << 2)) * (H << 2);
    for (let j: u32 = 0; j < H; j += 4) {
      const n = H - j;
      const at = j << 2;
      storeFirst(h + at, tanh(f32x4.add(loadFirst(xRow + at, n), loadFirst(r + at, n))), n);
    }
    r += H << 2;
    h += H << 2;
  }
}

export function rnnCellBackward(
  h: usize, dh: usize, dhNext: usize, nextRows: u32, da: usize, rows: u32, H: u32,
): void {
  const count = rows * H;
  const nextCount = dhNext ? nextRows * H : 0;
  for (let i: u32 = 0; i < count; i += 4) {
    const n = count - i;
    const at = i << 2;
    let g = loadFirst(dh + at, n);
    if (i < nextCount) g = f32x4.add(g, loadFirst(dhNext + at, nextCount - i));
    const y = loadFirst(h + at, n);
    storeFirst(da + at, f32x4.mul(nmadd(y, y, f32x4.splat(1)), g), n);
  }
}

export function lstmCell(
  x: usize, inputOf: usize, gates: usize, prevC: usize, c: usize, h: usize, rows: u32, H: u32,
): void {
  const w = H << 2;
  for (let row: u32 = 0; row < rows; row++) {
    const xRow = x + load<u32>(inputOf + (row << 2)) * (w << 2);
    for (let j: u32 = 0; j < H; j += 4) {
      const n = H - j;
      const at = j << 2;
      const xi = xRow + at;
      const gi = gates + at;
      const i = sigmoid(f32x4.add(loadFirst(xi, n), loadFirst(gi, n)));
      storeFirst(gi, i, n);
      const f = sigmoid(f32x4.add(loadFirst(xi + w, n), loadFirst(gi + w, n)));
      storeFirst(gi + w, f, n);
      const o = sigmoid(f32x4.add(loadFirst(xi + 2 * w, n), loadFirst(gi + 2 * w, n)));
      storeFirst(gi + 2 * w, o, n);
      const g = tanh(f32x4.add(loadFirst(xi + 3 * w, n), loadFirst(gi + 3 * w, n)));
      storeFirst(gi + 3 * w, g, n);
      const s = madd(f, loadFirst(prevC + at, n), f32x4.mul(i, g));
      storeFirst(c + at, s, n);
      storeFirst(h + at, f32x4.mul(o, tanh(s)), n);
    }
    gates += w << 2;
    prevC += w;
    c += w;
    h += w;
  }
}

export function lstmCellBackward(
  gates: usize, prevC: usize, c: usize, dh: usize, dhNext: usize, dcNext: usize, nextRows: u32,
  da: usize, dc: usize, rows: u32, H: u32,
): void {
  const w = H << 2;
  const one = f32x4.splat(1);
  for (let row: u32 = 0; row < rows; row++) {
    const fromNext = row < nextRows;
    for (let j: u32 = 0; j < H; j += 4) {
      const n = H - j;
      const at = j << 2;
      const gi = gates + at;
      const di = da + at;
      let grad = loadFirst(dh + at, n);
      if (fromNext && dhNext != 0) grad = f32x4.add(grad, loadFirst(dhNext + at, n));
      const i = loadFirst(gi, n);
      const f = loadFirst(gi + w, n);
      const o = loadFirst(gi + 2 * w, n);
      const g = loadFirst(gi + 3 * w, n);
      const y = tanh(loadFirst(c + at, n));
      let s = f32x4.mul(f32x4.mul(grad, o), nmadd(y, y, one));
      if (fromNext && dcNext != 0) s = f32x4.add(s, loadFirst(dcNext + at, n));
      storeFirst(di, f32x4.mul(f32x4.mul(s, g), f32x4.mul(i, f32x4.sub(one, i))), n);
      storeFirst(di + w, f32x4.mul(f32x4.mul(s, loadFirst(prevC + at, n)), f32x4.mul(f, f32x4.sub(one, f))), n);
      storeFirst(di + 2 * w, f32x4.mul(f32x4.mul(grad, y), f32x4.mul(o, f32x4.sub(one, o))), n);
      storeFirst(di + 3 * w, f32x4.mul(f32x4.mul(s, i), nmadd(g, g, one)), n);
      storeFirst(dc + at, f32x4.mul(s, f), n);
    }
    gates += w << 2;
    da += w << 2;
    prevC += w;
    c += w;
    dh += w;
    if (dhNext) dhNext += w;
    if (dcNext) dcNext += w;
    dc += w;
  }
}
