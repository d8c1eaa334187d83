/**
 * The operations in plain TypeScript and float64, each written to be read: the yardstick of the other engines. Every
 * operation allocates its result; nothing is reused and nothing is reordered for speed.
 */

import type { StepPlan } from '../../model/step-plan.js';
import type { GradientOptions, MatmulOptions, Ops } from '../engine.js';

export interface ReferenceMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array<ArrayBufferLike>;
}

type M = ReferenceMatrix;

export function matrix(
  rows: number,
  columns: number,
  data: Float64Array<ArrayBufferLike> = new Float64Array(rows * columns),
): M {
  if (data.length !== rows * columns) throw new Error(`${data.length} elements for a (${rows},${columns}) matrix`);
  return { rows, columns, data };
}

export class ReferenceOps implements Ops<M> {
  constructor(readonly plan: StepPlan) {}

  matmul(a: M, b: M, options: MatmulOptions<M> = {}): M {
    const { transposeA = false, transposeB = false, bias } = options;
    const [rows, inner] = transposeA ? [a.columns, a.rows] : [a.rows, a.columns];
    const [innerB, columns] = transposeB ? [b.columns, b.rows] : [b.rows, b.columns];
    if (inner !== innerB) throw new Error(`matmul of (${rows},${inner}) and (${innerB},${columns})`);
    const out = matrix(rows, columns);
    const row = new Float64Array(columns);
    for (let i = 0; i < rows; i++) {
      row.fill(0);
      for (let k = 0; k < inner; k++) {
        const factor = a.data[transposeA ? k * a.columns + i : i * a.columns + k]!;
        if (transposeB) for (let j = 0; j < columns; j++) row[j]! += factor * b.data[j * b.columns + k]!;
        else for (let j = 0; j < columns; j++) row[j]! += factor * b.data[k * b.columns + j]!;
      }
      if (bias) for (let j = 0; j < columns; j++) row[j]! += bias.data[j]!;
      out.data.set(row, i * columns);
    }
    return out;
  }

  columnSums(a: M, _options?: GradientOptions): M {
    const out = matrix(1, a.columns);
    for (let i = 0; i < a.rows; i++) for (let j = 0; j < a.columns; j++) out.data[j]! += a.data[i * a.columns + j]!;
    return out;
  }

  zeros(rows: number, columns: number): M {
    return matrix(rows, columns);
  }

  firstRows(a: M, rows: number): M {
    return matrix(rows, a.columns, a.data.subarray(0, rows * a.columns));
  }

  stepRows(packed: M, t: number): M {
    const { offset } = this.plan;
    const from = offset[t]! * packed.columns;
    const to = offset[t + 1]! * packed.columns;
    return matrix(offset[t + 1]! - offset[t]!, packed.columns, packed.data.subarray(from, to));
  }

  pack(steps: readonly M[]): M {
    const out = matrix(this.plan.tokens, steps[0]!.columns);
    steps.forEach((step, t) => {
      out.data.set(step.data, this.plan.offset[t]! * step.columns);
    });
    return out;
  }

  embed(table: M): M {
    const { words } = this.plan;
    const W = table.columns;
    const out = matrix(words.length, W);
    words.forEach((word, u) => {
      out.data.set(table.data.subarray(word * W, (word + 1) * W), u * W);
    });
    return out;
  }

  embedBackward(gradient: M, tableRows: number, _options?: GradientOptions): M {
    const W = gradient.columns;
    const out = matrix(tableRows, W);
    this.plan.words.forEach((word, u) => {
      for (let j = 0; j < W; j++) out.data[word * W + j]! += gradient.data[u * W + j]!;
    });
    return out;
  }

  sumByInput(packed: M): M {
    const { columns } = packed;
    const out = matrix(this.plan.inputs, columns);
    this.plan.inputOf.forEach((input, row) => {
      for (let j = 0; j < columns; j++) out.data[input * columns + j]! += packed.data[row * columns + j]!;
    });
    return out;
  }

  rnnCell(t: number, x: M, recurrent: M): M {
    const a = this.preActivation(t, x, recurrent);
    return matrix(a.rows, a.columns, a.data.map(Math.tanh));
  }

  rnnCellBackward(h: M, dh: M, dhNext: M | null): M {
    const total = addFirstRows(dh, dhNext);
    return matrix(
      h.rows,
      h.columns,
      h.data.map((value, i) => (1 - value * value) * total.data[i]!),
    );
  }

  lstmCell(t: number, x: M, recurrent: M, prevC: M): { h: M; c: M; gates: M } {
    const H = prevC.columns;
    const gates = this.preActivation(t, x, recurrent);
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

  lstmCellBackward(gates: M, prevC: M, c: M, dh: M, dhNext: M | null, dcNext: M | null): { da: M; dc: M } {
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

  softmaxLoss(scores: M): { loss: M; dscores: M } {
    const dscores = matrix(scores.rows, scores.columns);
    const loss = matrix(1, 1);
    const V = scores.columns;
    this.plan.targets.forEach((target, row) => {
      if (target < 0) return;
      const rowScores = scores.data.subarray(row * V, (row + 1) * V);
      const largest = rowScores.reduce((a, b) => Math.max(a, b), -Infinity);
      const sum = rowScores.reduce((total, score) => total + Math.exp(score - largest), 0);
      loss.data[0]! += Math.log(sum) - (rowScores[target]! - largest);
      for (let j = 0; j < V; j++) dscores.data[row * V + j] = Math.exp(rowScores[j]! - largest) / sum;
      dscores.data[row * V + target]! -= 1;
    });
    return { loss, dscores };
  }

  softmaxLossOnly(scores: M): M {
    return this.softmaxLoss(scores).loss;
  }

  argmax(a: M): M {
    const out = matrix(a.rows, 1);
    for (let r = 0; r < a.rows; r++) {
      const row = a.data.subarray(r * a.columns, (r + 1) * a.columns);
      let best = 0;
      for (let j = 1; j < row.length; j++) if (row[j]! > row[best]!) best = j;
      out.data[r] = best;
    }
    return out;
  }

  /** The input row of each live row of step t, plus the recurrent product (live(t),G). */
  private preActivation(t: number, x: M, recurrent: M): M {
    const G = recurrent.columns;
    const out = matrix(recurrent.rows, G);
    for (let r = 0; r < recurrent.rows; r++) {
      const input = this.plan.inputOf[this.plan.offset[t]! + r]!;
      for (let j = 0; j < G; j++) out.data[r * G + j] = x.data[input * G + j]! + recurrent.data[r * G + j]!;
    }
    return out;
  }
}

/** a plus b, where b has only the first rows of a, or none. */
function addFirstRows(a: M, b: M | null): M {
  const out = matrix(a.rows, a.columns, a.data.slice());
  b?.data.forEach((value, i) => {
    out.data[i]! += value;
  });
  return out;
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
