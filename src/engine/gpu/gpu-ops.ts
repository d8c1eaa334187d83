/**
 * The operations, written down as kernel calls in a graph. Plans are padded: every row is alive at every time step and
 * packed row i reads input row i, so `firstRows`, `padRows` and `sumByInput` are the identity.
 */
import { type DropoutMask, maskRowCount } from '../../tensor/dropout-mask.js';
import type { AttentionGradients, AttentionMemory, AttentionStep, MatmulOptions, Ops } from '../../tensor/ops.js';
import { joinRows, splitRows } from './attention-kernels.js';
import { attend, attendBackward, coverageLoss } from './gpu-attention.js';
import type { GpuTensor, Graph } from './graph.js';
import * as kernels from './kernels.js';
import type { PlanInput } from './plan-inputs.js';

type T = GpuTensor;

export class GpuOps implements Ops<T> {
  constructor(
    private readonly graph: Graph,
    readonly plan: Ops<T>['plan'],
    /** Whether the plan weighs its captions. */
    private readonly isWeighted: boolean,
  ) {}

  /** The masks among the graph's inputs, by their names there: the host makes them, because gpu.js has no whole numbers. */
  readonly masks = new Map<string, DropoutMask>();

  matmul(a: T, b: T, { transposeA = false, transposeB = false, bias }: MatmulOptions<T> = {}): T {
    const left = transposeA ? this.transpose(a) : a;
    const right = transposeB ? this.transpose(b) : b;
    const inner = left.columns;
    if (inner !== right.rows) {
      throw new Error(`matmul of (${left.rows},${inner}) and (${right.rows},${right.columns})`);
    }
    const shape = [left.rows, right.columns] as const;
    const constants = { fours: Math.floor(inner / 4), rest: inner % 4 };
    const product = this.graph.call(kernels.product, shape, [left, right], constants);
    return bias ? this.graph.call(kernels.addRow, shape, [product, bias]) : product;
  }

  columnSums(a: T): T {
    return this.graph.call(kernels.sumRows, [1, a.columns], [a], { rows: a.rows });
  }

  accumulate(into: T, a: T): T {
    return this.add(into, a);
  }

  add(a: T, b: T): T {
    return this.graph.call(kernels.add, [a.rows, a.columns], [a, b]);
  }

  multiply(a: T, b: T): T {
    return this.graph.call(kernels.multiply, [a.rows, a.columns], [a, b]);
  }

  scale(a: T, factor: number): T {
    return this.graph.call(kernels.scaleShift, [a.rows, a.columns], [a, factor, 0]);
  }

  oneMinus(a: T): T {
    return this.graph.call(kernels.scaleShift, [a.rows, a.columns], [a, -1, 1]);
  }

  sigmoid(a: T): T {
    return this.graph.call(kernels.sigmoid, [a.rows, a.columns], [a]);
  }

  tanh(a: T): T {
    return this.graph.call(kernels.tanh, [a.rows, a.columns], [a]);
  }

  addRow(a: T, row: T): T {
    return this.graph.call(kernels.addRow, [a.rows, a.columns], [a, row]);
  }

  columnsOf(a: T, first: number, count: number): T {
    return this.graph.call(kernels.columnsFrom, [a.rows, count], [a, first]);
  }

  joinColumns(parts: readonly T[]): T {
    return parts.reduce((left, right) => {
      const { rows, columns } = left;
      return this.graph.call(kernels.besides, [rows, columns + right.columns], [left, right], { columns });
    });
  }

  zeros(rows: number, columns: number): T {
    return this.graph.call(kernels.zero, [rows, columns], []);
  }

  firstRows(a: T, rows: number): T {
    if (a.rows !== rows) throw new Error(`${rows} live rows of ${a.rows}: the gpu engine takes padded plans`);
    return a;
  }

  padRows(a: T, rows: number): T {
    return this.firstRows(a, rows);
  }

  stepRows(packed: T, t: number): T {
    const { live, offset } = this.plan;
    return this.graph.call(kernels.rowsFrom, [live[t]!, packed.columns], [packed, offset[t]!]);
  }

  /** A tree of stacks, because one kernel can read only so many tensors. */
  pack(steps: readonly T[]): T {
    let level = [...steps];
    while (level.length > 1) {
      const next: T[] = [];
      for (let i = 0; i < level.length; i += kernels.stackWidth) {
        next.push(this.stack(level.slice(i, i + kernels.stackWidth)));
      }
      level = next;
    }
    return level[0]!;
  }

  embed(table: T): T {
    return this.graph.call(kernels.lookUp, [this.plan.inputs, table.columns], [table, this.words()]);
  }

  embedBackward(gradient: T, tableRows: number): T {
    const positions = this.planInput('plan.positions', this.plan.inputs);
    const starts = this.planInput('plan.starts', tableRows + 1);
    return this.graph.call(kernels.sumByWord, [tableRows, gradient.columns], [gradient, positions, starts]);
  }

  inputRows(x: T, t: number): T {
    return this.stepRows(x, t);
  }

  sumByInput(packed: T): T {
    return packed;
  }

  dropoutMask(mask: DropoutMask): T {
    const name = `mask ${JSON.stringify(mask)}`;
    this.masks.set(name, mask);
    return this.graph.input(name, maskRowCount(this.plan, mask.of), mask.columns);
  }

  rnnCell(x: T, recurrent: T): T {
    const { rows, columns } = recurrent;
    const [from, first] = rowsWithin(x);
    return this.graph.call(kernels.rnnState, [rows, columns], [from, recurrent, first]);
  }

  rnnCellBackward(h: T, dh: T, dhNext: T | null): T {
    const { rows, columns } = h;
    return this.graph.call(kernels.rnnGradient, [rows, columns], [h, dh, dhNext ?? this.zeros(rows, columns)]);
  }

  lstmCell(x: T, recurrent: T, prevC: T): { h: T; c: T; gates: T } {
    const { rows, columns: hidden } = prevC;
    const [from, first] = rowsWithin(x);
    const gates = this.graph.call(kernels.lstmGates, [rows, 4 * hidden], [from, recurrent, first], { hidden });
    const c = this.graph.call(kernels.lstmCellState, [rows, hidden], [gates, prevC], { hidden });
    const h = this.graph.call(kernels.lstmHiddenState, [rows, hidden], [gates, this.tanh(c)], { hidden });
    return { h, c, gates };
  }

  lstmCellBackward(gates: T, prevC: T, c: T, dh: T, dhNext: T | null, dcNext: T | null): { da: T; dc: T } {
    const { rows, columns: hidden } = c;
    const shape = [rows, hidden] as const;
    const constants = { hidden };
    const tanhC = this.tanh(c);
    const dhTotal = dhNext ? this.add(dh, dhNext) : dh;
    const dcAbove = dcNext ?? this.zeros(rows, hidden);
    const dcTotal = this.graph.call(kernels.lstmCellStateGradient, shape, [gates, tanhC, dhTotal, dcAbove], constants);
    return {
      da: this.graph.call(
        kernels.lstmGatesGradient,
        [rows, 4 * hidden],
        [gates, prevC, tanhC, dhTotal, dcTotal],
        constants,
      ),
      dc: this.graph.call(kernels.lstmPrevCellStateGradient, shape, [gates, dcTotal], constants),
    };
  }

  splitRows(a: T, parts: number): T {
    const columns = a.columns / parts;
    return this.graph.call(splitRows, [a.rows * parts, columns], [a], { parts, columns });
  }

  joinRows(a: T, parts: number): T {
    const { rows, columns } = a;
    return this.graph.call(joinRows, [rows / parts, columns * parts], [a], { parts, columns });
  }

  attend(memory: AttentionMemory<T>, query: T, gate: T, _t: number): AttentionStep<T> {
    return attend(this.graph, this, memory, query, gate);
  }

  attendBackward(
    memory: AttentionMemory<T>,
    step: AttentionStep<T>,
    dcontext: T,
    dweights: T | null,
    dprojectedNext: T | null,
    _t: number,
  ): AttentionGradients<T> {
    return attendBackward(this.graph, this, memory, step, dcontext, dweights, dprojectedNext);
  }

  coverageLoss(weights: T, factor: number): { loss: T; dweights: T } {
    const alive = this.planInput('plan.alive', this.plan.tokens);
    const { losses, dweights } = coverageLoss(this.graph, this.plan, weights, alive, factor);
    if (!this.isWeighted) return { loss: losses, dweights };
    const weighted = this.graph.call(
      kernels.timesColumn,
      [dweights.rows, dweights.columns],
      [dweights, this.weights()],
    );
    return { loss: this.multiply(losses, this.weights()), dweights: weighted };
  }

  softmaxLoss(scores: T, labelSmoothing = 0): { loss: T; dscores: T } {
    const { rows, columns } = scores;
    const onEach = labelSmoothing / columns;
    const operands = [scores, this.logSumExp(scores), this.targets(), 1 - labelSmoothing, onEach];
    const dscores = this.graph.call(kernels.crossEntropyGradient, [rows, columns], operands);
    const weighted = () => this.graph.call(kernels.timesColumn, [rows, columns], [dscores, this.weights()]);
    return { loss: this.losses(scores, labelSmoothing), dscores: this.isWeighted ? weighted() : dscores };
  }

  /** The losses of the rows (M,1): their sum is left to the host, which adds them in float64. */
  softmaxLossOnly(scores: T): T {
    return this.losses(scores, 0);
  }

  private losses(scores: T, labelSmoothing: number): T {
    const { rows, columns } = scores;
    const operands = [scores, this.logSumExp(scores), this.targets()];
    const losses =
      labelSmoothing === 0
        ? this.graph.call(kernels.crossEntropy, [rows, 1], operands)
        : this.graph.call(kernels.smoothedCrossEntropy, [rows, 1], [...operands, labelSmoothing], { columns });
    return this.isWeighted ? this.multiply(losses, this.weights()) : losses;
  }

  private planInput(name: PlanInput, length: number): T {
    return this.graph.input(name, length, 1);
  }

  private transpose(a: T): T {
    return this.graph.call(kernels.transpose, [a.columns, a.rows], [a]);
  }

  logSumExp(scores: T): T {
    return this.graph.call(kernels.logSumExp, [scores.rows, 1], [scores], { columns: scores.columns });
  }

  private words(): T {
    return this.planInput('plan.words', this.plan.inputs);
  }

  private weights(): T {
    return this.planInput('plan.weights', this.plan.tokens);
  }

  private targets(): T {
    return this.planInput('plan.targets', this.plan.tokens);
  }

  /** Blocks of equal rows, but for the last, one below the other; missing blocks repeat the last and are not read. */
  private stack(blocks: readonly T[]): T {
    const last = blocks.at(-1)!;
    if (blocks.length === 1) return last;
    const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
    const operands = Array.from({ length: kernels.stackWidth }, (_, i) => blocks[i] ?? last);
    return this.graph.call(kernels.stack, [rows, last.columns], operands, { rows: blocks[0]!.rows });
  }
}

/** The tensor that a step's rows are taken from, and the first of them, so that a fused cell reads them in place. */
function rowsWithin(x: T): readonly [from: T, first: number] {
  if (typeof x.source === 'string' || x.source.kernel !== kernels.rowsFrom) return [x, 0];
  const [from, first] = x.source.operands;
  return [from as T, first as number];
}
