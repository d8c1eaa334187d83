/**
 * Fused time steps of the RNN and the LSTM; shapes in kernel-functions.ts. A row is worked on in vectors of four lanes,
 * and the last lanes, if fewer, by the same code with their number. Generated code does the same, operation by operation
 * (suppliers/native/lanes/cell-programs.ts).
 */
import { sigmoid, tanh } from './transcendental';
import { loadFirst, madd, nmadd, storeFirst } from './vector';

// @ts-ignore: decorator
@inline
function rnnLanes(x: usize, r: usize, h: usize, n: u32): void {
  storeFirst(h, tanh(f32x4.add(loadFirst(x, n), loadFirst(r, n))), n);
}

export function rnnCell(x: usize, inputOf: usize, r: usize, h: usize, rows: u32, H: u32): void {
  const whole = (H & ~3) << 2;
  const width = H << 2;
  for (let row: u32 = 0; row < rows; row++) {
    const xRow = x + load<u32>(inputOf + (row << 2)) * width;
    for (let at: u32 = 0; at < whole; at += 16) rnnLanes(xRow + at, r + at, h + at, 4);
    if (whole < width) rnnLanes(xRow + whole, r + whole, h + whole, H & 3);
    r += width;
    h += width;
  }
}

/** (1 - h²)·(dh + dhNext); `next` says whether there is a dhNext. */
// @ts-ignore: decorator
@inline
function rnnBackwardLanes(h: usize, dh: usize, dhNext: usize, next: bool, da: usize, n: u32): void {
  const y = loadFirst(h, n);
  let grad = loadFirst(dh, n);
  if (next) grad = f32x4.add(grad, loadFirst(dhNext, n));
  storeFirst(da, f32x4.mul(nmadd(y, y, f32x4.splat(1)), grad), n);
}

// @ts-ignore: decorator
@inline
function rnnBackward(h: usize, dh: usize, dhNext: usize, next: bool, da: usize, count: u32): void {
  for (; count >= 4; count -= 4) {
    rnnBackwardLanes(h, dh, dhNext, next, da, 4);
    h += 16;
    dh += 16;
    dhNext += 16;
    da += 16;
  }
  if (count) rnnBackwardLanes(h, dh, dhNext, next, da, count);
}

export function rnnCellBackward(
  h: usize, dh: usize, dhNext: usize, nextRows: u32, da: usize, rows: u32, H: u32,
): void {
  const common = dhNext ? min(nextRows, rows) * H : 0;
  const at = common << 2;
  rnnBackward(h, dh, dhNext, true, da, common);
  rnnBackward(h + at, dh + at, 0, false, da + at, rows * H - common);
}

/** gates = sigmoid(x + gates) over n lanes. One function a loop, so that its constants stay in registers. */
// @ts-ignore: decorator
@inline
function sigmoidGates(x: usize, gates: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(gates, sigmoid(f32x4.add(v128.load(x), v128.load(gates))));
    x += 16;
    gates += 16;
  }
  if (n) storeFirst(gates, sigmoid(f32x4.add(loadFirst(x, n), loadFirst(gates, n))), n);
}

/** gates = tanh(x + gates) over n lanes. */
// @ts-ignore: decorator
@inline
function tanhGates(x: usize, gates: usize, n: u32): void {
  for (; n >= 4; n -= 4) {
    v128.store(gates, tanh(f32x4.add(v128.load(x), v128.load(gates))));
    x += 16;
    gates += 16;
  }
  if (n) storeFirst(gates, tanh(f32x4.add(loadFirst(x, n), loadFirst(gates, n))), n);
}

/** c = f·prevC + i·g and h = o·tanh(c) from the activated gates. */
// @ts-ignore: decorator
@inline
function lstmLanes(gates: usize, width: u32, prevC: usize, c: usize, h: usize, n: u32): void {
  const i = loadFirst(gates, n);
  const f = loadFirst(gates + width, n);
  const o = loadFirst(gates + 2 * width, n);
  const g = loadFirst(gates + 3 * width, n);
  const s = madd(f, loadFirst(prevC, n), f32x4.mul(i, g));
  storeFirst(c, s, n);
  storeFirst(h, f32x4.mul(o, tanh(s)), n);
}

export function lstmCell(
  x: usize, inputOf: usize, gates: usize, prevC: usize, c: usize, h: usize, rows: u32, H: u32,
): void {
  const whole = (H & ~3) << 2;
  const width = H << 2;
  for (let row: u32 = 0; row < rows; row++) {
    const xRow = x + load<u32>(inputOf + (row << 2)) * 4 * width;
    sigmoidGates(xRow, gates, 3 * H);
    tanhGates(xRow + 3 * width, gates + 3 * width, H);
    for (let at: u32 = 0; at < whole; at += 16) lstmLanes(gates + at, width, prevC + at, c + at, h + at, 4);
    if (whole < width) lstmLanes(gates + whole, width, prevC + whole, c + whole, h + whole, H & 3);
    gates += 4 * width;
    prevC += width;
    c += width;
    h += width;
  }
}

/** A load that counts as zero where there is no operand. */
// @ts-ignore: decorator
@inline
function loadOrZero(at: usize, offset: u32, n: u32): v128 {
  return at ? loadFirst(at + offset, n) : f32x4.splat(0);
}

// @ts-ignore: decorator
@inline
function lstmBackwardLanes(
  gates: usize, width: u32, prevC: usize, c: usize, dh: v128, dcNext: v128, da: usize, dc: usize, n: u32,
): void {
  const one = f32x4.splat(1);
  const i = loadFirst(gates, n);
  const f = loadFirst(gates + width, n);
  const o = loadFirst(gates + 2 * width, n);
  const g = loadFirst(gates + 3 * width, n);
  const y = tanh(loadFirst(c, n));
  const s = madd(f32x4.mul(dh, o), nmadd(y, y, one), dcNext);
  const previous = loadFirst(prevC, n);
  storeFirst(da, f32x4.mul(f32x4.mul(s, g), f32x4.mul(i, f32x4.sub(one, i))), n);
  storeFirst(da + width, f32x4.mul(f32x4.mul(s, previous), f32x4.mul(f, f32x4.sub(one, f))), n);
  storeFirst(da + 2 * width, f32x4.mul(f32x4.mul(dh, y), f32x4.mul(o, f32x4.sub(one, o))), n);
  storeFirst(da + 3 * width, f32x4.mul(f32x4.mul(s, i), nmadd(g, g, one)), n);
  storeFirst(dc, f32x4.mul(s, f), n);
}

export function lstmCellBackward(
  gates: usize, prevC: usize, c: usize, dh: usize, dhNext: usize, dcNext: usize, nextRows: u32,
  da: usize, dc: usize, rows: u32, H: u32,
): void {
  const whole = (H & ~3) << 2;
  const width = H << 2;
  const rest = H & 3;
  for (let row: u32 = 0; row < rows; row++) {
    const nextH = row < nextRows && dhNext != 0 ? dhNext + row * width : 0;
    const nextC = row < nextRows && dcNext != 0 ? dcNext + row * width : 0;
    for (let at: u32 = 0; at < whole; at += 16) {
      const grad = f32x4.add(v128.load(dh + at), loadOrZero(nextH, at, 4));
      lstmBackwardLanes(gates + at, width, prevC + at, c + at, grad, loadOrZero(nextC, at, 4), da + at, dc + at, 4);
    }
    if (rest) {
      const grad = f32x4.add(loadFirst(dh + whole, rest), loadOrZero(nextH, whole, rest));
      const dcRest = loadOrZero(nextC, whole, rest);
      lstmBackwardLanes(gates + whole, width, prevC + whole, c + whole, grad, dcRest, da + whole, dc + whole, rest);
    }
    gates += 4 * width;
    da += 4 * width;
    prevC += width;
    c += width;
    dh += width;
    dc += width;
  }
}
