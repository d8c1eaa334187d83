/**
 * The operations, written down as kernel calls in a graph. Plans are padded: every row is alive at every time step and
 * packed row i reads input row i, so `firstRows` and `sumByInput` are the identity.
 */
import type { MatmulOptions, Ops } from '../engine.js';
import type { GpuTensor, Graph } from './graph.js';
import * as kernels from './kernels.js';
import type { PlanInput } from './plan-inputs.js';

type T = GpuTensor;

export class GpuOps implements Ops<T> {
  constructor(
    private readonly graph: Graph,
    readonly plan: Ops<T>['plan'],
  ) {}

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

  zeros(rows: number, columns: number): T {
    return this.graph.call(kernels.zero, [rows, columns], []);
  }

  firstRows(a: T, rows: number): T {
    if (a.rows !== rows) throw new Error(`${rows} live rows of ${a.rows}: the gpu engine takes padded plans`);
    return a;
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

  sumByInput(packed: T): T {
    return packed;
  }

  rnnCell(t: number, x: T, recurrent: T): T {
    const { rows, columns } = recurrent;
    return this.graph.call(kernels.rnnState, [rows, columns], [x, recurrent, this.plan.offset[t]!]);
  }

  rnnCellBackward(h: T, dh: T, dhNext: T | null): T {
    const { rows, columns } = h;
    return this.graph.call(kernels.rnnGradient, [rows, columns], [h, dh, dhNext ?? this.zeros(rows, columns)]);
  }

  lstmCell(t: number, x: T, recurrent: T, prevC: T): { h: T; c: T; gates: T } {
    const { rows, columns: hidden } = prevC;
    const gates = this.graph.call(kernels.lstmGates, [rows, 4 * hidden], [x, recurrent, this.plan.offset[t]!], {
      hidden,
    });
    const c = this.graph.call(kernels.lstmCellState, [rows, hidden], [gates, prevC], { hidden });
    const h = this.graph.call(kernels.lstmHiddenState, [rows, hidden], [gates, this.tanh(c)], { hidden });
    return { h, c, gates };
  }

  lstmCellBackward(gates: T, prevC: T, c: T, dh: T, dhNext: T | null, dcNext: T | null): { da: T; dc: T } {
    const { rows, columns: hidden } = c;
    const shape = [rows, hidden] as const;
    const constants = { hidden };
    const tanhC = this.tanh(c);
    const dhTotal = dhNext ? this.graph.call(kernels.add, shape, [dh, dhNext]) : dh;
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

  softmaxLoss(scores: T): { loss: T; dscores: T } {
    const { rows, columns } = scores;
    const operands = [scores, this.logSumExp(scores), this.targets()];
    return {
      loss: this.softmaxLossOnly(scores),
      dscores: this.graph.call(kernels.crossEntropyGradient, [rows, columns], operands),
    };
  }

  /** The losses of the rows (M,1): their sum is left to the host, which adds them in float64. */
  softmaxLossOnly(scores: T): T {
    return this.graph.call(kernels.crossEntropy, [scores.rows, 1], [scores, this.logSumExp(scores), this.targets()]);
  }

  argmax(a: T): T {
    return this.graph.call(kernels.largestColumn, [a.rows, 1], [a], { columns: a.columns });
  }

  private planInput(name: PlanInput, length: number): T {
    return this.graph.input(name, length, 1);
  }

  private transpose(a: T): T {
    return this.graph.call(kernels.transpose, [a.columns, a.rows], [a]);
  }

  private tanh(a: T): T {
    return this.graph.call(kernels.tanh, [a.rows, a.columns], [a]);
  }

  private logSumExp(scores: T): T {
    return this.graph.call(kernels.logSumExp, [scores.rows, 1], [scores], { columns: scores.columns });
  }

  private words(): T {
    return this.planInput('plan.words', this.plan.inputs);
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
