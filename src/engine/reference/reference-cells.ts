/** Time steps of the RNN and the LSTM in float64, each as its formula reads. */
import { each, matrix, type ReferenceMatrix, sigmoid } from './reference-matrix.js';

type M = ReferenceMatrix;

export function rnnCell(x: M, recurrent: M): M {
  return each(x, (value, i) => Math.tanh(value + recurrent.data[i]!));
}

export function rnnCellBackward(h: M, dh: M, dhNext: M | null): M {
  const total = addFirstRows(dh, dhNext);
  return each(h, (value, i) => (1 - value * value) * total.data[i]!);
}

export function lstmCell(x: M, recurrent: M, prevC: M): { h: M; c: M; gates: M } {
  const H = prevC.columns;
  const gates = each(x, (value, i) => value + recurrent.data[i]!);
  const h = matrix(gates.rows, H);
  const c = matrix(gates.rows, H);
  for (let r = 0; r < gates.rows; r++) {
    const at = r * 4 * H;
    for (let j = 0; j < H; j++) {
      const i = sigmoid(gates.data[at + j]!);
      const f = sigmoid(gates.data[at + H + j]!);
      const o = sigmoid(gates.data[at + 2 * H + j]!);
      const g = Math.tanh(gates.data[at + 3 * H + j]!);
      const nextC = f * prevC.data[r * H + j]! + i * g;
      gates.data[at + j] = i;
      gates.data[at + H + j] = f;
      gates.data[at + 2 * H + j] = o;
      gates.data[at + 3 * H + j] = g;
      c.data[r * H + j] = nextC;
      h.data[r * H + j] = o * Math.tanh(nextC);
    }
  }
  return { h, c, gates };
}

export function lstmCellBackward(
  gates: M,
  prevC: M,
  c: M,
  dh: M,
  dhNext: M | null,
  dcNext: M | null,
): { da: M; dc: M } {
  const H = c.columns;
  const dhTotal = addFirstRows(dh, dhNext);
  const dcAbove = addFirstRows(matrix(c.rows, H), dcNext);
  const da = matrix(c.rows, 4 * H);
  const dc = matrix(c.rows, H);
  for (let r = 0; r < c.rows; r++) {
    const at = r * 4 * H;
    for (let j = 0; j < H; j++) {
      const i = gates.data[at + j]!;
      const f = gates.data[at + H + j]!;
      const o = gates.data[at + 2 * H + j]!;
      const g = gates.data[at + 3 * H + j]!;
      const tanhC = Math.tanh(c.data[r * H + j]!);
      const dhj = dhTotal.data[r * H + j]!;
      const dcj = dcAbove.data[r * H + j]! + dhj * o * (1 - tanhC * tanhC);
      da.data[at + j] = dcj * g * i * (1 - i);
      da.data[at + H + j] = dcj * prevC.data[r * H + j]! * f * (1 - f);
      da.data[at + 2 * H + j] = dhj * tanhC * o * (1 - o);
      da.data[at + 3 * H + j] = dcj * i * (1 - g * g);
      dc.data[r * H + j] = dcj * f;
    }
  }
  return { da, dc };
}

/** a plus b, where b has only the first rows of a, or none. */
function addFirstRows(a: M, b: M | null): M {
  const out = matrix(a.rows, a.columns, a.data.slice());
  b?.data.forEach((value, i) => {
    out.data[i]! += value;
  });
  return out;
}
