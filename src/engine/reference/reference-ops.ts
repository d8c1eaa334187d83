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
import { lstmCell, lstmCellBackward, rnnCell, rnnCellBackward } from './reference-cells.js';
import { each, matrix, type ReferenceMatrix, sigmoid } from './reference-matrix.js';
import { logSumExp, softmaxLoss } from './reference-softmax.js';

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
    return rnnCell(x, recurrent);
  }

  rnnCellBackward(h: M, dh: M, dhNext: M | null): M {
    return rnnCellBackward(h, dh, dhNext);
  }

  lstmCell(x: M, recurrent: M, prevC: M): { h: M; c: M; gates: M } {
    return lstmCell(x, recurrent, prevC);
  }

  lstmCellBackward(gates: M, prevC: M, c: M, dh: M, dhNext: M | null, dcNext: M | null): { da: M; dc: M } {
    return lstmCellBackward(gates, prevC, c, dh, dhNext, dcNext);
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
    return softmaxLoss(this.plan, scores, labelSmoothing);
  }

  softmaxLossOnly(scores: M): M {
    return this.softmaxLoss(scores).loss;
  }

  logSumExp(a: M): M {
    return logSumExp(a);
  }
}
