/** The model's operations in float32 on tensors in the shared memory, done at once as the program asks for them. */
import type { ParameterName } from '../../model/parameters.js';
import type { StepPlan } from '../../model/step-plan.js';
import type { GradientOptions, MatmulOptions, Ops } from '../engine.js';
import type { Arena, Tensor } from './arena.js';
import type { Kernels } from './kernels.js';
import type { Products, WeightUse } from './products.js';
import { RoundedOperands } from './rounded-operands.js';

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
  /** Byte offset and size of the working memory of the products. */
  readonly scratch: number;
  readonly scratchBytes: number;
  /** Where the gradient of a parameter belongs. */
  gradientSlot(name: ParameterName): number;
  /** Makes the gradient slot of an embedding table hold these rows (U,W) and zeros. */
  writeEmbeddingGradient(name: ParameterName, rows: Tensor): void;
  isParameter(tensor: Tensor): boolean;
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
  /** Prepared weights of this run, by offset of the plain matrix and way of use. */
  private readonly prepared = new Map<string, number>();

  constructor(private readonly context: RunContext) {
    this.plan = context.plan;
    this.arena = context.arena;
    this.kernels = context.kernels;
    this.products = context.products;
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
    const use = { transposeB, everyStep, bias: bias !== undefined };
    const byWeights = !transposeA && this.plan.steps >= preparedFrom && this.context.isParameter(b);
    const prepared = byWeights ? this.preparedWeights(b, use, N, K) : 0;
    if (prepared) {
      this.products.multiplyPrepared(transposeB, M, N, K, aOffset, prepared, c.offset, biasOffset, scratch);
    } else {
      const bOffset = this.operand(b);
      this.products.multiply(transposeA, transposeB, M, N, K, aOffset, bOffset, c.offset, biasOffset, scratch);
    }
    return c;
  }

  columnSums(a: Tensor, options: GradientOptions = {}): Tensor {
    const out = this.result(1, a.columns, options);
    this.kernels.columnSums(a.offset, a.rows, a.columns, a.columns, out.offset);
    return out;
  }

  zeros(rows: number, columns: number): Tensor {
    const out = this.allocate(rows, columns);
    this.kernels.zero(out.offset, rows * columns * 4);
    return out;
  }

  firstRows(a: Tensor, rows: number): Tensor {
    return rows === a.rows ? a : { offset: a.offset, rows, columns: a.columns, block: 0, step: a.step, lane: a.lane };
  }

  stepRows(packed: Tensor, t: number): Tensor {
    const { offset, live } = this.plan;
    const { columns } = packed;
    return { offset: packed.offset + offset[t]! * columns * 4, rows: live[t]!, columns, block: 0, step: t, lane: null };
  }

  pack(steps: readonly Tensor[]): Tensor {
    const { offset, tokens } = this.plan;
    const { columns, offset: first } = steps[0]!;
    if (steps.every((step, t) => step.offset === first + offset[t]! * columns * 4)) {
      const packed = { offset: first, rows: tokens, columns, block: 0, step: -1, lane: null };
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
    if (gradientOf) {
      this.context.writeEmbeddingGradient(gradientOf, gradient);
      return this.inSlot(gradientOf, tableRows, gradient.columns);
    }
    const out = this.zeros(tableRows, gradient.columns);
    this.kernels.scatterRows(gradient.offset, this.context.words, gradient.rows, gradient.columns, out.offset);
    return out;
  }

  sumByInput(packed: Tensor): Tensor {
    const { inputs } = this.plan;
    const out = this.allocate(inputs, packed.columns);
    this.kernels.sumByInput(packed.offset, this.context.inputOf, packed.rows, packed.columns, inputs, out.offset);
    return out;
  }

  rnnCell(t: number, x: Tensor, recurrent: Tensor): Tensor {
    const h = this.arena.laneRows('h', this.plan, t, recurrent.columns);
    this.kernels.rnnCell(x.offset, this.inputRows(t), recurrent.offset, h.offset, h.rows, h.columns);
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

  lstmCell(t: number, x: Tensor, recurrent: Tensor, prevC: Tensor): { h: Tensor; c: Tensor; gates: Tensor } {
    const { rows } = recurrent;
    const H = prevC.columns;
    const gates = { ...recurrent, step: t };
    const c = this.allocate(rows, H);
    const h = this.arena.laneRows('h', this.plan, t, H);
    const inputs = this.inputRows(t);
    this.kernels.lstmCell(x.offset, inputs, gates.offset, prevC.offset, c.offset, h.offset, rows, H);
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

  softmaxLoss(scores: Tensor): { loss: Tensor; dscores: Tensor } {
    return { loss: this.addLoss(scores, 1), dscores: scores };
  }

  softmaxLossOnly(scores: Tensor): Tensor {
    return this.addLoss(scores, 0);
  }

  /** (M,1) as int32. */
  argmax(a: Tensor): Tensor {
    const out = this.allocate(a.rows, 1);
    this.kernels.argmaxRows(a.offset, a.rows, a.columns, out.offset);
    return out;
  }

  /** The value goes straight to `loss`, in float64; the tensor stands for it. */
  private addLoss(scores: Tensor, withGradient: 0 | 1): Tensor {
    this.loss += this.kernels.softmaxLoss(
      scores.offset,
      this.context.targets,
      scores.rows,
      scores.columns,
      withGradient,
    );
    return this.allocate(1, 1);
  }

  private inputRows(t: number): number {
    return this.context.inputOf + this.plan.offset[t]! * 4;
  }

  private stepResult(lane: string, step: number, rows: number, columns: number): Tensor {
    return step >= 0 ? this.arena.laneRows(lane, this.plan, step, columns) : this.allocate(rows, columns);
  }

  private result(rows: number, columns: number, { gradientOf }: GradientOptions): Tensor {
    return gradientOf ? this.inSlot(gradientOf, rows, columns) : this.allocate(rows, columns);
  }

  private inSlot(name: ParameterName, rows: number, columns: number): Tensor {
    return { offset: this.context.gradientSlot(name), rows, columns, block: 0, step: -1, lane: null };
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
    return this.rounded ? this.rounded.of(tensor) : tensor.offset;
  }

  private preparedWeights(b: Tensor, use: WeightUse, N: number, K: number): number {
    const bytes = this.products.preparedBytes(use, N, K);
    if (bytes === 0) return 0;
    const key = `${b.offset} ${use.transposeB}`;
    let prepared = this.prepared.get(key);
    if (prepared === undefined) {
      prepared = this.arena.take(bytes);
      this.products.prepare(use.transposeB, N, K, this.operand(b), prepared);
      this.prepared.set(key, prepared);
    }
    return prepared;
  }

  private allocate(rows: number, columns: number, capacityRows = rows): Tensor {
    const tensor = this.arena.tensor(rows, columns, capacityRows);
    this.rounded?.forget(tensor.offset);
    return tensor;
  }
}
