/** The model's operations in float32 on tensors in the shared memory, done at once as the program asks for them. */
import { type DropoutMask, maskRowCount } from '../../tensor/dropout-mask.js';
import type {
  AttentionGradients,
  AttentionMemory,
  AttentionStep,
  GradientOptions,
  MatmulOptions,
  Ops,
} from '../../tensor/ops.js';
import type { StepPlan } from '../../tensor/step-plan.js';
import { plainTensor, type Tensor } from './arena.js';
import { CpuAttention } from './cpu-attention.js';
import { CpuCells } from './cpu-cells.js';
import { CpuDropout } from './cpu-dropout.js';
import { CpuProducts } from './cpu-products.js';
import type { Kernels } from './kernels.js';
import type { RunContext } from './run-context.js';
import { RunTensors } from './run-tensors.js';

export class CpuOps implements Ops<Tensor> {
  readonly plan: StepPlan;
  /** Sum over the run's softmax losses. */
  loss = 0;
  /** How often `pack` had to copy. */
  copiedPacks = 0;
  private readonly kernels: Kernels;
  private readonly tensors: RunTensors;
  private readonly products: CpuProducts;
  private readonly cells: CpuCells;
  private readonly attention: CpuAttention;
  private readonly dropout: CpuDropout;

  constructor(private readonly context: RunContext) {
    this.plan = context.plan;
    this.kernels = context.kernels;
    this.tensors = new RunTensors(context);
    this.products = new CpuProducts(context, this.tensors);
    this.cells = new CpuCells(context, this.tensors);
    this.attention = new CpuAttention(context, this.tensors);
    this.dropout = new CpuDropout(context);
  }

  matmul(a: Tensor, b: Tensor, options: MatmulOptions<Tensor> = {}): Tensor {
    return this.products.multiply(a, b, options);
  }

  columnSums(a: Tensor, options: GradientOptions = {}): Tensor {
    const out = this.tensors.result(1, a.columns, options);
    this.tensors.reading(a, (x) => this.kernels.columnSums(x, a.rows, a.columns, a.columns, out.offset));
    return out;
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.elementWise(a, (x, out, n) => this.tensors.reading(b, (y) => this.kernels.add(x, y, out, n)));
  }

  multiply(a: Tensor, b: Tensor): Tensor {
    return this.elementWise(a, (x, out, n) => this.tensors.reading(b, (y) => this.kernels.multiply(x, y, out, n)));
  }

  scale(a: Tensor, factor: number): Tensor {
    return this.elementWise(a, (x, out, n) => this.kernels.scaleShift(x, factor, 0, out, n));
  }

  oneMinus(a: Tensor): Tensor {
    return this.elementWise(a, (x, out, n) => this.kernels.scaleShift(x, -1, 1, out, n));
  }

  sigmoid(a: Tensor): Tensor {
    return this.elementWise(a, (x, out, n) => this.kernels.vsigmoid(x, out, n));
  }

  tanh(a: Tensor): Tensor {
    return this.elementWise(a, (x, out, n) => this.kernels.vtanh(x, out, n));
  }

  addRow(a: Tensor, row: Tensor): Tensor {
    return this.elementWise(a, (x, out) => this.kernels.addRow(x, row.offset, a.rows, a.columns, out));
  }

  columnsOf(a: Tensor, first: number, count: number): Tensor {
    const out = { ...this.tensors.allocate(a.rows, count), step: a.step };
    this.tensors.reading(a, (x) =>
      this.kernels.copyColumns(x + first * 4, a.columns, out.offset, count, a.rows, count),
    );
    return out;
  }

  joinColumns(parts: readonly Tensor[]): Tensor {
    const columns = parts.reduce((sum, part) => sum + part.columns, 0);
    const { rows, step } = parts[0]!;
    const out = { ...this.tensors.allocate(rows, columns), step };
    let first = 0;
    for (const part of parts) {
      const to = out.offset + first * 4;
      this.tensors.reading(part, (x) => this.kernels.copyColumns(x, part.columns, to, columns, rows, part.columns));
      first += part.columns;
    }
    return out;
  }

  zeros(rows: number, columns: number): Tensor {
    const out = this.tensors.allocate(rows, columns);
    this.kernels.zero(out.offset, rows * columns * 4);
    return out;
  }

  accumulate(maybeView: Tensor, a: Tensor): Tensor {
    const into = this.tensors.plain(maybeView);
    this.tensors.reading(a, (x) => this.kernels.addTo(into.offset, x, into.rows * into.columns));
    this.tensors.overwritten(into);
    return into.step < 0 ? { ...into, step: a.step } : into;
  }

  firstRows(a: Tensor, rows: number): Tensor {
    return rows === a.rows ? a : { ...a, rows, block: 0 };
  }

  padRows(a: Tensor, rows: number): Tensor {
    // Taken in any case, because the working memory is planned with all rows alive, where there is nothing to pad.
    const out = this.tensors.allocate(rows, a.columns);
    if (a.rows === rows) return a;
    const bytes = a.rows * a.columns * 4;
    this.tensors.reading(a, (x) => this.kernels.copy(x, out.offset, bytes));
    this.kernels.zero(out.offset + bytes, rows * a.columns * 4 - bytes);
    return out;
  }

  stepRows(packed: Tensor, t: number): Tensor {
    const { offset, live } = this.plan;
    const { columns } = packed;
    return { ...plainTensor(packed.offset + offset[t]! * columns * 4, live[t]!, columns), step: t };
  }

  pack(maybeViews: readonly Tensor[]): Tensor {
    const { offset, tokens } = this.plan;
    const steps = maybeViews.map((step) => this.tensors.plain(step));
    const { columns, offset: first } = steps[0]!;
    // Blocks of the arena that happen to lie together do not count, since with other captions they would not.
    if (steps.every((step, t) => step.block === 0 && step.offset === first + offset[t]! * columns * 4)) {
      const packed = plainTensor(first, tokens, columns);
      this.tensors.packed(steps, packed);
      return packed;
    }
    this.copiedPacks++;
    const out = this.tensors.allocate(tokens, columns);
    steps.forEach((step, t) => {
      this.kernels.copy(step.offset, out.offset + offset[t]! * columns * 4, step.rows * columns * 4);
    });
    return out;
  }

  embed(table: Tensor): Tensor {
    const out = this.tensors.allocate(this.plan.inputs, table.columns);
    this.kernels.gatherRows(table.offset, this.context.words, out.rows, out.columns, out.offset);
    return out;
  }

  embedBackward(gradient: Tensor, tableRows: number, { gradientOf }: GradientOptions = {}): Tensor {
    const writeSparse = gradientOf === undefined ? undefined : this.context.sparseTable(gradientOf);
    if (gradientOf !== undefined && writeSparse) {
      writeSparse(gradient);
      return this.tensors.result(tableRows, gradient.columns, { gradientOf });
    }
    const out = this.tensors.result(tableRows, gradient.columns, { gradientOf });
    this.kernels.zero(out.offset, tableRows * gradient.columns * 4);
    this.kernels.scatterRows(gradient.offset, this.context.words, gradient.rows, gradient.columns, out.offset);
    return out;
  }

  inputRows(x: Tensor, t: number): Tensor {
    const { offset, live } = this.plan;
    return { ...plainTensor(x.offset, live[t]!, x.columns), step: t, index: this.context.inputOf + offset[t]! * 4 };
  }

  sumByInput(packed: Tensor): Tensor {
    const { inputs } = this.plan;
    const out = this.tensors.allocate(inputs, packed.columns);
    this.kernels.sumByInput(packed.offset, this.context.inputOf, packed.rows, packed.columns, inputs, out.offset);
    return out;
  }

  dropoutMask(mask: DropoutMask): Tensor {
    return this.dropout.mask(mask, this.tensors.allocate(maskRowCount(this.plan, mask.of), mask.columns));
  }

  rnnCell(x: Tensor, recurrent: Tensor): Tensor {
    return this.cells.rnnCell(x, recurrent);
  }

  rnnCellBackward(h: Tensor, dh: Tensor, dhNext: Tensor | null): Tensor {
    return this.cells.rnnCellBackward(h, dh, dhNext);
  }

  lstmCell(x: Tensor, recurrent: Tensor, prevC: Tensor): { h: Tensor; c: Tensor; gates: Tensor } {
    return this.cells.lstmCell(x, recurrent, prevC);
  }

  lstmCellBackward(
    gates: Tensor,
    prevC: Tensor,
    c: Tensor,
    dh: Tensor,
    dhNext: Tensor | null,
    dcNext: Tensor | null,
  ): { da: Tensor; dc: Tensor } {
    return this.cells.lstmCellBackward(gates, prevC, c, dh, dhNext, dcNext);
  }

  splitRows(a: Tensor, parts: number): Tensor {
    return plainTensor(this.tensors.plain(a).offset, a.rows * parts, a.columns / parts);
  }

  joinRows(a: Tensor, parts: number): Tensor {
    return plainTensor(this.tensors.plain(a).offset, a.rows / parts, a.columns * parts);
  }

  attend(memory: AttentionMemory<Tensor>, query: Tensor, gate: Tensor, t: number): AttentionStep<Tensor> {
    return this.attention.attend(memory, query, gate, t);
  }

  attendBackward(
    memory: AttentionMemory<Tensor>,
    step: AttentionStep<Tensor>,
    dcontext: Tensor,
    dweights: Tensor | null,
    dprojectedNext: Tensor | null,
    t: number,
  ): AttentionGradients<Tensor> {
    return this.attention.attendBackward(memory, step, dcontext, dweights, dprojectedNext, t);
  }

  coverageLoss(weights: Tensor, factor: number): { loss: Tensor; dweights: Tensor } {
    const { loss, dweights } = this.attention.coverageLoss(weights, factor);
    this.loss += loss;
    return { loss: this.tensors.allocate(1, 1), dweights };
  }

  softmaxLoss(scores: Tensor, labelSmoothing = 0): { loss: Tensor; dscores: Tensor } {
    this.tensors.overwritten(scores);
    return { loss: this.addLoss(scores, labelSmoothing, 1), dscores: scores };
  }

  softmaxLossOnly(scores: Tensor): Tensor {
    return this.addLoss(scores, 0, 0);
  }

  logSumExp(a: Tensor): Tensor {
    const out = this.tensors.allocate(a.rows, 1);
    this.tensors.reading(a, (x) => this.kernels.logSumExp(x, a.rows, a.columns, out.offset));
    return out;
  }

  /** The value goes straight to `loss`, in float64; the tensor stands for it. */
  private addLoss(scores: Tensor, labelSmoothing: number, withGradient: 0 | 1): Tensor {
    this.loss += this.kernels.softmaxLoss(
      scores.offset,
      this.context.targets,
      this.context.weights,
      scores.rows,
      scores.columns,
      labelSmoothing,
      withGradient,
    );
    return this.tensors.allocate(1, 1);
  }

  /** The tensor itself, or a copy of what it is a view of. */
  plain(a: Tensor): Tensor {
    return this.tensors.plain(a);
  }

  /** The result of a kernel over the elements of `a`, a tensor of the same time step. */
  private elementWise(a: Tensor, kernel: (x: number, out: number, n: number) => void): Tensor {
    const out = { ...this.tensors.allocate(a.rows, a.columns), step: a.step };
    this.tensors.reading(a, (x) => kernel(x, out.offset, a.rows * a.columns));
    return out;
  }
}
