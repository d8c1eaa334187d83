/**
 * The operations in plain TypeScript and float64, each written to be read: the yardstick of the other engines. Every
 * operation allocates its result; nothing is reused and nothing is reordered for speed.
 */
import type { Draws } from '../../tensor/draws.js';
import { type DropoutMask, fillDropoutMask, maskRowCount } from '../../tensor/dropout-mask.js';
import type {
  AttentionGradients,
  AttentionMemory,
  AttentionStep,
  GradientOptions,
  MatmulOptions,
  Ops,
} from '../../tensor/ops.js';
import type { StepPlan } from '../../tensor/step-plan.js';
import { attend, attendBackward, coverageLoss } from './reference-attention.js';
import { matrix, type ReferenceMatrix, sigmoid } from './reference-matrix.js';

type M = ReferenceMatrix;

export class ReferenceOps implements Ops<M> {
  constructor(
    readonly plan: StepPlan,
    private readonly draws?: Draws,
  ) {}

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

  accumulate(into: M, a: M): M {
    return this.add(into, a);
  }

  add(a: M, b: M): M {
    return each(a, (value, i) => value + b.data[i]!);
  }

  multiply(a: M, b: M): M {
    return each(a, (value, i) => value * b.data[i]!);
  }

  scale(a: M, factor: number): M {
    return each(a, (value) => factor * value);
  }

  oneMinus(a: M): M {
    return each(a, (value) => 1 - value);
  }

  sigmoid(a: M): M {
    return each(a, sigmoid);
  }

  tanh(a: M): M {
    return each(a, Math.tanh);
  }

  addRow(a: M, row: M): M {
    return each(a, (value, i) => value + row.data[i % a.columns]!);
  }

  columnsOf(a: M, first: number, count: number): M {
    const out = matrix(a.rows, count);
    for (let r = 0; r < a.rows; r++) {
      out.data.set(a.data.subarray(r * a.columns + first, r * a.columns + first + count), r * count);
    }
    return out;
  }

  joinColumns(parts: readonly M[]): M {
    const { rows } = parts[0]!;
    const columns = parts.reduce((sum, part) => sum + part.columns, 0);
    const out = matrix(rows, columns);
    let first = 0;
    for (const part of parts) {
      for (let r = 0; r < rows; r++) {
        out.data.set(part.data.subarray(r * part.columns, (r + 1) * part.columns), r * columns + first);
      }
      first += part.columns;
    }
    return out;
  }

  zeros(rows: number, columns: number): M {
    return matrix(rows, columns);
  }

  padRows(a: M, rows: number): M {
    const out = matrix(rows, a.columns);
    out.data.set(a.data);
    return out;
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

  inputRows(x: M, t: number): M {
    const { offset, live, inputOf } = this.plan;
    const out = matrix(live[t]!, x.columns);
    for (let r = 0; r < out.rows; r++) {
      const input = inputOf[offset[t]! + r]!;
      out.data.set(x.data.subarray(input * x.columns, (input + 1) * x.columns), r * x.columns);
    }
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

  dropoutMask(mask: DropoutMask): M {
    if (!this.draws) throw new Error(`a run without random numbers asks for the mask of ${mask.place}`);
    const out = matrix(maskRowCount(this.plan, mask.of), mask.columns);
    fillDropoutMask(out.data, mask, this.plan, this.draws);
    return out;
  }

  rnnCell(x: M, recurrent: M): M {
    return this.tanh(this.add(x, recurrent));
  }

  rnnCellBackward(h: M, dh: M, dhNext: M | null): M {
    const total = addFirstRows(dh, dhNext);
    return each(h, (value, i) => (1 - value * value) * total.data[i]!);
  }

  lstmCell(x: M, recurrent: M, prevC: M): { h: M; c: M; gates: M } {
    const H = prevC.columns;
    const gates = this.add(x, recurrent);
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

  splitRows(a: M, parts: number): M {
    return matrix(a.rows * parts, a.columns / parts, a.data);
  }

  joinRows(a: M, parts: number): M {
    return matrix(a.rows / parts, a.columns * parts, a.data);
  }

  attend(memory: AttentionMemory<M>, query: M, gate: M, _t: number): AttentionStep<M> {
    return attend(memory, query, gate);
  }

  attendBackward(
    memory: AttentionMemory<M>,
    step: AttentionStep<M>,
    dcontext: M,
    dweights: M | null,
    dprojectedNext: M | null,
    _t: number,
  ): AttentionGradients<M> {
    return attendBackward(memory, step, dcontext, dweights, dprojectedNext);
  }

  coverageLoss(weights: M, factor: number): { loss: M; dweights: M } {
    return coverageLoss(this.plan, weights, factor);
  }

  softmaxLoss(scores: M, labelSmoothing = 0): { loss: M; dscores: M } {
    const dscores = matrix(scores.rows, scores.columns);
    const loss = matrix(1, 1);
    const V = scores.columns;
    this.plan.targets.forEach((target, row) => {
      if (target < 0) return;
      const weight = this.plan.weights?.[row] ?? 1;
      const rowScores = scores.data.subarray(row * V, (row + 1) * V);
      const largest = rowScores.reduce((a, b) => Math.max(a, b), -Infinity);
      const sum = rowScores.reduce((total, score) => total + Math.exp(score - largest), 0);
      const onTarget = 1 - labelSmoothing;
      const onEach = labelSmoothing / V;
      const below = labelSmoothing > 0 ? rowScores.reduce((total, score) => total + (score - largest), 0) : 0;
      loss.data[0]! += weight * (Math.log(sum) - onTarget * (rowScores[target]! - largest) - onEach * below);
      for (let j = 0; j < V; j++) {
        dscores.data[row * V + j] = (weight * Math.exp(rowScores[j]! - largest)) / sum - weight * onEach;
      }
      dscores.data[row * V + target]! -= weight * onTarget;
    });
    return { loss, dscores };
  }

  softmaxLossOnly(scores: M): M {
    return this.softmaxLoss(scores).loss;
  }

  logSumExp(a: M): M {
    const out = matrix(a.rows, 1);
    for (let r = 0; r < a.rows; r++) {
      const row = a.data.subarray(r * a.columns, (r + 1) * a.columns);
      const largest = row.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
      out.data[r] = largest + Math.log(row.reduce((sum, score) => sum + Math.exp(score - largest), 0));
    }
    return out;
  }
}

/** Element by element. */
function each(a: M, map: (value: number, index: number) => number): M {
  return matrix(a.rows, a.columns, a.data.map(map));
}

/** a plus b, where b has only the first rows of a, or none. */
function addFirstRows(a: M, b: M | null): M {
  const out = matrix(a.rows, a.columns, a.data.slice());
  b?.data.forEach((value, i) => {
    out.data[i]! += value;
  });
  return out;
}
