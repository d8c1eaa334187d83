/** The model's operations in float32 on tensors in the shared memory, done at once as the program asks for them. */
import type { Draws } from '../../tensor/draws.js';
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
import { type Arena, plainTensor, type Tensor } from './arena.js';
import { CpuAttention } from './cpu-attention.js';
import { CpuDropout } from './cpu-dropout.js';
import type { Kernels } from './kernels.js';
import { RoundedOperands } from './rounded-operands.js';
import type { Products, WeightUse } from './suppliers/products.js';

/** What one run works with. */
export interface RunContext {
  readonly plan: StepPlan;
  readonly arena: Arena;
  readonly kernels: Kernels;
  readonly products: Products;
  /** Byte offsets of the plan's index arrays. */
  readonly words: number;
  readonly inputOf: number;
  readonly targets: number;
  /** Byte offset of the plan's weights, 0 where it has none. */
  readonly weights: number;
  /** Addresses of the run's random numbers; undefined where it has none. */
  readonly draws: Draws | undefined;
  /** Byte offset of the whole numbers from 0 to the plan's rows, the index of rows that lie one after another. */
  readonly counting: number;
  /** Byte offset and size of the working memory of the products. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Where the gradient of a parameter belongs. */
  gradientSlot(name: string): number;
  /**
   * For a table whose rows are read by word alone, what makes its gradient slot hold these rows (U,W) and zeros;
   * undefined for any other parameter.
   */
  sparseTable(name: string): ((rows: Tensor) => void) | undefined;
  isParameter(tensor: Tensor): boolean;
  /** Copies whole numbers into the arena and returns their byte offset. */
  readonly placeIntegers: (values: Int32Array) => number;
}

/** Time steps of a plan from which on it pays to prepare weights. */
const preparedFrom = 3;

export class CpuOps implements Ops<Tensor> {
  readonly plan: StepPlan;
  /** Sum over the run's softmax losses. */
  loss = 0;
  /** How often `pack` had to copy. */
  copiedPacks = 0;
  private readonly arena: Arena;
  private readonly kernels: Kernels;
  private readonly products: Products;
  /** Null where products take float32. */
  private readonly rounded: RoundedOperands | null;
  private readonly attention: CpuAttention;
  private readonly dropout: CpuDropout;
  /** Prepared weights that every time step of this run uses, by offset of the plain matrix and way of use. */
  private readonly prepared = new Map<string, Tensor>();
  /** Blocks of weights that were prepared for one product. Apart from tensors, whose sizes go by the captions that come. */
  private readonly spareWeights: Tensor[] = [];

  constructor(private readonly context: RunContext) {
    this.plan = context.plan;
    this.arena = context.arena;
    this.kernels = context.kernels;
    this.products = context.products;
    this.dropout = new CpuDropout(context.kernels, context.plan, context.draws, context.placeIntegers);
    this.attention = new CpuAttention(context.arena, context.kernels, context.plan, (rows, columns) =>
      this.allocate(rows, columns),
    );
    this.rounded =
      context.products.operands === 'bf16' ? new RoundedOperands(context.arena, context.kernels, context.plan) : null;
  }

  matmul(a: Tensor, b: Tensor, options: MatmulOptions<Tensor> = {}): Tensor {
    const { transposeA = false, transposeB = false, bias, gradientOf } = options;
    const M = transposeA ? a.columns : a.rows;
    const K = transposeA ? a.rows : a.columns;
    const N = transposeB ? b.rows : b.columns;
    if (K !== (transposeB ? b.columns : b.rows)) {
      throw new Error(`matmul of (${M},${K}) and (${transposeB ? b.columns : b.rows},${N})`);
    }
    const everyStep = a.step >= 0;
    // What a time step hands to the next has fewer rows than the next one's, which takes over its block.
    const capacity = everyStep && transposeB ? this.plan.rows : M;
    const c = gradientOf ? this.inSlot(gradientOf, M, N) : this.allocate(M, N, capacity);
    const biasOffset = bias ? bias.offset : 0;
    const scratch = this.scratchFor(M, N, K);
    const aOffset = this.operand(a);
    const use = { transposeB, everyStep };
    const byWeights = !transposeA && this.plan.steps >= preparedFrom && this.context.isParameter(b);
    const prepared = byWeights ? this.preparedWeights(b, use, N, K) : null;
    if (prepared) {
      this.products.multiplyPrepared(transposeB, M, N, K, aOffset, prepared.offset, c.offset, biasOffset, scratch);
      if (!everyStep) this.spareWeights.push(prepared);
    } else {
      const bOffset = this.operand(b);
      this.products.multiply(transposeA, transposeB, M, N, K, aOffset, bOffset, c.offset, biasOffset, scratch);
    }
    return c;
  }

  columnSums(a: Tensor, options: GradientOptions = {}): Tensor {
    const out = this.result(1, a.columns, options);
    this.reading(a, (x) => this.kernels.columnSums(x, a.rows, a.columns, a.columns, out.offset));
    return out;
  }

  add(a: Tensor, b: Tensor): Tensor {
    return this.elementWise(a, (x, out, n) => this.reading(b, (y) => this.kernels.add(x, y, out, n)));
  }

  multiply(a: Tensor, b: Tensor): Tensor {
    return this.elementWise(a, (x, out, n) => this.reading(b, (y) => this.kernels.multiply(x, y, out, n)));
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
    const out = { ...this.allocate(a.rows, count), step: a.step };
    this.reading(a, (x) => this.kernels.copyColumns(x + first * 4, a.columns, out.offset, count, a.rows, count));
    return out;
  }

  joinColumns(parts: readonly Tensor[]): Tensor {
    const columns = parts.reduce((sum, part) => sum + part.columns, 0);
    const { rows, step } = parts[0]!;
    const out = { ...this.allocate(rows, columns), step };
    let first = 0;
    for (const part of parts) {
      const to = out.offset + first * 4;
      this.reading(part, (x) => this.kernels.copyColumns(x, part.columns, to, columns, rows, part.columns));
      first += part.columns;
    }
    return out;
  }

  zeros(rows: number, columns: number): Tensor {
    const out = this.allocate(rows, columns);
    this.kernels.zero(out.offset, rows * columns * 4);
    return out;
  }

  accumulate(maybeView: Tensor, a: Tensor): Tensor {
    const into = this.plain(maybeView);
    this.reading(a, (x) => this.kernels.addTo(into.offset, x, into.rows * into.columns));
    this.rounded?.forget(into.offset);
    return into.step < 0 ? { ...into, step: a.step } : into;
  }

  firstRows(a: Tensor, rows: number): Tensor {
    return rows === a.rows ? a : { ...a, rows, block: 0 };
  }

  padRows(a: Tensor, rows: number): Tensor {
    // Taken in any case, because the working memory is planned with all rows alive, where there is nothing to pad.
    const out = this.allocate(rows, a.columns);
    if (a.rows === rows) return a;
    const bytes = a.rows * a.columns * 4;
    this.reading(a, (x) => this.kernels.copy(x, out.offset, bytes));
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
    const steps = maybeViews.map((step) => this.plain(step));
    const { columns, offset: first } = steps[0]!;
    // Blocks of the arena that happen to lie together do not count, since with other captions they would not.
    if (steps.every((step, t) => step.block === 0 && step.offset === first + offset[t]! * columns * 4)) {
      const packed = plainTensor(first, tokens, columns);
      this.rounded?.pack(steps, packed);
      return packed;
    }
    this.copiedPacks++;
    const out = this.allocate(tokens, columns);
    steps.forEach((step, t) => {
      this.kernels.copy(step.offset, out.offset + offset[t]! * columns * 4, step.rows * columns * 4);
    });
    return out;
  }

  embed(table: Tensor): Tensor {
    const out = this.allocate(this.plan.inputs, table.columns);
    this.kernels.gatherRows(table.offset, this.context.words, out.rows, out.columns, out.offset);
    return out;
  }

  embedBackward(gradient: Tensor, tableRows: number, { gradientOf }: GradientOptions = {}): Tensor {
    const writeSparse = gradientOf === undefined ? undefined : this.context.sparseTable(gradientOf);
    if (gradientOf !== undefined && writeSparse) {
      writeSparse(gradient);
      return this.inSlot(gradientOf, tableRows, gradient.columns);
    }
    const out = this.result(tableRows, gradient.columns, { gradientOf });
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
    const out = this.allocate(inputs, packed.columns);
    this.kernels.sumByInput(packed.offset, this.context.inputOf, packed.rows, packed.columns, inputs, out.offset);
    return out;
  }

  dropoutMask(mask: DropoutMask): Tensor {
    return this.dropout.mask(mask, this.allocate(maskRowCount(this.plan, mask.of), mask.columns));
  }

  rnnCell(x: Tensor, recurrent: Tensor): Tensor {
    const h = this.stepResult('h', x.step, recurrent.rows, recurrent.columns);
    this.kernels.rnnCell(x.offset, this.indexOf(x), recurrent.offset, h.offset, h.rows, h.columns);
    this.arena.release(x);
    this.arena.release(recurrent);
    return h;
  }

  rnnCellBackward(h: Tensor, dh: Tensor, dhNext: Tensor | null): Tensor {
    const da = this.stepResult('da', h.step, h.rows, h.columns);
    const next = dhNext ? dhNext.offset : 0;
    this.kernels.rnnCellBackward(h.offset, dh.offset, next, dhNext?.rows ?? 0, da.offset, h.rows, h.columns);
    if (dhNext) this.arena.release(dhNext);
    return da;
  }

  lstmCell(x: Tensor, recurrent: Tensor, prevC: Tensor): { h: Tensor; c: Tensor; gates: Tensor } {
    const { rows } = recurrent;
    const H = prevC.columns;
    const gates = { ...recurrent, step: x.step };
    const c = this.allocate(rows, H);
    const h = this.stepResult('h', x.step, rows, H);
    this.kernels.lstmCell(x.offset, this.indexOf(x), gates.offset, prevC.offset, c.offset, h.offset, rows, H);
    this.arena.release(x);
    return { h, c, gates };
  }

  lstmCellBackward(
    gates: Tensor,
    prevC: Tensor,
    c: Tensor,
    dh: Tensor,
    dhNext: Tensor | null,
    dcNext: Tensor | null,
  ): { da: Tensor; dc: Tensor } {
    const { rows, columns: H } = c;
    const da = this.stepResult('da', gates.step, rows, 4 * H);
    const dc = this.allocate(rows, H, this.plan.rows);
    this.kernels.lstmCellBackward(
      gates.offset,
      prevC.offset,
      c.offset,
      dh.offset,
      dhNext ? dhNext.offset : 0,
      dcNext ? dcNext.offset : 0,
      dhNext?.rows ?? 0,
      da.offset,
      dc.offset,
      rows,
      H,
    );
    if (dhNext) this.arena.release(dhNext);
    if (dcNext) this.arena.release(dcNext);
    return { da, dc };
  }

  splitRows(a: Tensor, parts: number): Tensor {
    return plainTensor(this.plain(a).offset, a.rows * parts, a.columns / parts);
  }

  joinRows(a: Tensor, parts: number): Tensor {
    return plainTensor(this.plain(a).offset, a.rows / parts, a.columns * parts);
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
    const { loss, dweights } = this.attention.coverageLoss(weights, this.context.weights, factor);
    this.loss += loss;
    return { loss: this.allocate(1, 1), dweights };
  }

  softmaxLoss(scores: Tensor, labelSmoothing = 0): { loss: Tensor; dscores: Tensor } {
    this.rounded?.forget(scores.offset);
    return { loss: this.addLoss(scores, labelSmoothing, 1), dscores: scores };
  }

  softmaxLossOnly(scores: Tensor): Tensor {
    return this.addLoss(scores, 0, 0);
  }

  logSumExp(a: Tensor): Tensor {
    const out = this.allocate(a.rows, 1);
    this.reading(a, (x) => this.kernels.logSumExp(x, a.rows, a.columns, out.offset));
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
    return this.allocate(1, 1);
  }

  /** The index through which a fused cell reads its input rows. */
  private indexOf(x: Tensor): number {
    return x.index || this.context.counting;
  }

  /** The tensor itself, or a copy of what it is a view of. */
  plain(a: Tensor): Tensor {
    if (!a.index) return a;
    const out = { ...this.allocate(a.rows, a.columns, this.plan.rows), step: a.step };
    this.kernels.gatherRows(a.offset, a.index, a.rows, a.columns, out.offset);
    return out;
  }

  /** Gives `use` the byte offset of the tensor, or of a copy of what it is a view of, which is free afterwards. */
  private reading(a: Tensor, use: (at: number) => void): void {
    const plain = this.plain(a);
    use(plain.offset);
    if (plain !== a) this.arena.release(plain);
  }

  private stepResult(lane: string, step: number, rows: number, columns: number): Tensor {
    return step >= 0 ? this.arena.laneRows(lane, this.plan, step, columns) : this.allocate(rows, columns);
  }

  private result(rows: number, columns: number, { gradientOf }: GradientOptions): Tensor {
    return gradientOf ? this.inSlot(gradientOf, rows, columns) : this.allocate(rows, columns);
  }

  private inSlot(name: string, rows: number, columns: number): Tensor {
    return plainTensor(this.context.gradientSlot(name), rows, columns);
  }

  private scratchFor(M: number, N: number, K: number): number {
    const bytes = this.products.scratchBytes(M, N, K);
    if (bytes > this.context.scratchBytes) {
      throw new Error(`A product (${M},${K})·(${K},${N}) is larger than any that was planned for.`);
    }
    return this.context.scratch;
  }

  /** Where a product reads this tensor. */
  private operand(tensor: Tensor): number {
    const plain = this.plain(tensor);
    return this.rounded ? this.rounded.of(plain) : plain.offset;
  }

  /** Kept for the run where every time step uses them, otherwise in a block that the caller makes spare. */
  private preparedWeights(b: Tensor, use: WeightUse, N: number, K: number): Tensor | null {
    const bytes = this.products.preparedBytes(use, N, K);
    if (bytes === 0) return null;
    const key = `${b.offset} ${use.transposeB}`;
    const kept = use.everyStep ? this.prepared.get(key) : undefined;
    if (kept) return kept;
    const spare = this.spareWeights.findIndex(({ block }) => block >= bytes);
    const [prepared = { ...plainTensor(this.arena.take(bytes), N, K), block: bytes }] =
      spare < 0 ? [] : this.spareWeights.splice(spare, 1);
    this.products.prepare(use.transposeB, N, K, this.operand(b), prepared.offset);
    if (use.everyStep) this.prepared.set(key, prepared);
    return prepared;
  }

  /** The result of a kernel over the elements of `a`, a tensor of the same time step. */
  private elementWise(a: Tensor, kernel: (x: number, out: number, n: number) => void): Tensor {
    const out = { ...this.allocate(a.rows, a.columns), step: a.step };
    this.reading(a, (x) => kernel(x, out.offset, a.rows * a.columns));
    return out;
  }

  private allocate(rows: number, columns: number, capacityRows = rows): Tensor {
    const tensor = this.arena.tensor(rows, columns, capacityRows);
    this.rounded?.forget(tensor.offset);
    return tensor;
  }
}
