/** The operations that captions are written by, as operators of ONNX: a program run on them leaves its graph behind. */
import { UserError } from '../errors.js';
import type { Shape } from '../tensor/matrix.js';
import type { AttentionMemory, AttentionStep, MatmulOptions, Ops } from '../tensor/ops.js';
import type { GraphScope } from './graph-scope.js';

/** A tensor of a graph, of two dimensions. Rows that are a multiple of `anyRows` are as many times the rows of a run. */
export interface OnnxTensor extends Shape {
  readonly name: string;
}

/**
 * Stands for the rows of a run, which a graph leaves open. A prime above what any parameter has as rows, so that a number
 * of rows says whether it depends on them.
 */
export const anyRows = 2 ** 31 - 1;

export class OnnxOps implements Ops<OnnxTensor> {
  readonly plan = {
    rows: anyRows,
    steps: 1,
    live: Int32Array.of(anyRows),
    offset: Int32Array.of(0, anyRows),
    tokens: anyRows,
    inputs: anyRows,
  };

  /**
   * @param batch the tensor (1) that holds the rows of a run
   * @param words the tensor (n) of the words that a step reads; null for a program that reads none
   */
  constructor(
    private readonly graph: GraphScope,
    private readonly batch: string,
    private readonly words: string | null,
  ) {}

  matmul(a: OnnxTensor, b: OnnxTensor, options: MatmulOptions<OnnxTensor> = {}): OnnxTensor {
    const { transposeA = false, transposeB = false, bias } = options;
    const inputs = [a.name, b.name, ...(bias ? [bias.name] : [])];
    const name = this.graph.node('Gemm', inputs, { transA: Number(transposeA), transB: Number(transposeB) });
    return { name, rows: transposeA ? a.columns : a.rows, columns: transposeB ? b.rows : b.columns };
  }

  add(a: OnnxTensor, b: OnnxTensor): OnnxTensor {
    return this.like(a, 'Add', a.name, b.name);
  }

  multiply(a: OnnxTensor, b: OnnxTensor): OnnxTensor {
    return this.like(a, 'Mul', a.name, b.name);
  }

  scale(a: OnnxTensor, factor: number): OnnxTensor {
    return this.like(a, 'Mul', a.name, this.number(factor));
  }

  oneMinus(a: OnnxTensor): OnnxTensor {
    return this.like(a, 'Sub', this.number(1), a.name);
  }

  sigmoid(a: OnnxTensor): OnnxTensor {
    return this.like(a, 'Sigmoid', a.name);
  }

  tanh(a: OnnxTensor): OnnxTensor {
    return this.like(a, 'Tanh', a.name);
  }

  addRow(a: OnnxTensor, row: OnnxTensor): OnnxTensor {
    return this.add(a, row);
  }

  columnsOf(a: OnnxTensor, first: number, count: number): OnnxTensor {
    const [from, to, axis] = [first, first + count, 1].map((value) => this.graph.constant('int64', [1], [value]));
    return { name: this.graph.node('Slice', [a.name, from!, to!, axis!]), rows: a.rows, columns: count };
  }

  joinColumns(parts: readonly OnnxTensor[]): OnnxTensor {
    const columns = parts.reduce((sum, part) => sum + part.columns, 0);
    const names = parts.map(({ name }) => name);
    return { name: this.graph.node('Concat', names, { axis: 1 }), rows: parts[0]!.rows, columns };
  }

  accumulate(into: OnnxTensor, a: OnnxTensor): OnnxTensor {
    return this.add(into, a);
  }

  zeros(rows: number, columns: number): OnnxTensor {
    return { name: this.graph.node('Expand', [this.number(0), this.shape(rows, columns)]), rows, columns };
  }

  firstRows(a: OnnxTensor, rows: number): OnnxTensor {
    return this.whole('firstRows', a, rows);
  }

  padRows(a: OnnxTensor, rows: number): OnnxTensor {
    return this.whole('padRows', a, rows);
  }

  stepRows(packed: OnnxTensor, _t: number): OnnxTensor {
    return packed;
  }

  pack(steps: readonly OnnxTensor[]): OnnxTensor {
    return steps[0]!;
  }

  embed(table: OnnxTensor): OnnxTensor {
    if (this.words === null) throw withoutCounterpart('embed', ' of a program that reads no words');
    return { name: this.graph.node('Gather', [table.name, this.words]), rows: anyRows, columns: table.columns };
  }

  inputRows(x: OnnxTensor, _t: number): OnnxTensor {
    return x;
  }

  rnnCell(x: OnnxTensor, recurrent: OnnxTensor): OnnxTensor {
    return this.tanh(this.add(x, recurrent));
  }

  lstmCell(x: OnnxTensor, recurrent: OnnxTensor, prevC: OnnxTensor) {
    const H = prevC.columns;
    const a = this.add(x, recurrent);
    const ifo = this.sigmoid(this.columnsOf(a, 0, 3 * H));
    const [i, f, o] = [0, 1, 2].map((gate) => this.columnsOf(ifo, gate * H, H));
    const g = this.tanh(this.columnsOf(a, 3 * H, H));
    const c = this.add(this.multiply(f!, prevC), this.multiply(i!, g));
    return { h: this.multiply(o!, this.tanh(c)), c, gates: this.joinColumns([ifo, g]) };
  }

  splitRows(a: OnnxTensor, parts: number): OnnxTensor {
    return this.reshaped(a, a.rows * parts, a.columns / parts);
  }

  joinRows(a: OnnxTensor, parts: number): OnnxTensor {
    return this.reshaped(a, a.rows / parts, a.columns * parts);
  }

  attend(
    { positions: L, grid, projected, scorer }: AttentionMemory<OnnxTensor>,
    query: OnnxTensor,
    gate: OnnxTensor,
    _t: number,
  ): AttentionStep<OnnxTensor> {
    const { graph } = this;
    const [A, C] = [projected.columns, grid.columns];
    const { rows } = query;
    const folded = (name: string, ...sizes: readonly number[]) =>
      graph.node('Reshape', [name, graph.constant('int64', [1 + sizes.length], [-1, ...sizes])]);
    const sum = graph.node('Add', [folded(projected.name, L, A), folded(query.name, 1, A)]);
    const scores = graph.node('MatMul', [graph.node('Tanh', [sum]), folded(scorer.name, 1)]);
    const weights = graph.node('Softmax', [folded(scores, L)], { axis: 1 });
    const mean = graph.node('MatMul', [folded(weights, 1, L), folded(grid.name, L, C)]);
    const context = graph.node('Mul', [folded(mean, C), this.sigmoid(gate).name]);
    return {
      query,
      gate,
      context: { name: context, rows, columns: C },
      weights: { name: weights, rows, columns: L },
    };
  }

  logSumExp(a: OnnxTensor): OnnxTensor {
    const name = this.graph.reduction('ReduceLogSumExp', a.name, [1], 1);
    return { name, rows: a.rows, columns: 1 };
  }

  columnSums = refusal('columnSums');
  embedBackward = refusal('embedBackward');
  sumByInput = refusal('sumByInput');
  dropoutMask = refusal('dropoutMask');
  rnnCellBackward = refusal('rnnCellBackward');
  lstmCellBackward = refusal('lstmCellBackward');
  attendBackward = refusal('attendBackward');
  coverageLoss = refusal('coverageLoss');
  softmaxLoss = refusal('softmaxLoss');
  softmaxLossOnly = refusal('softmaxLossOnly');

  private like({ rows, columns }: Shape, operator: string, ...inputs: readonly string[]): OnnxTensor {
    return { name: this.graph.node(operator, inputs), rows, columns };
  }

  private number(value: number): string {
    return this.graph.constant('float32', [1, 1], [value]);
  }

  private reshaped(a: OnnxTensor, rows: number, columns: number): OnnxTensor {
    const shape = this.graph.constant('int64', [2], [-1, columns]);
    return { name: this.graph.node('Reshape', [a.name, shape]), rows, columns };
  }

  /** The tensor (2) that holds a shape. */
  private shape(rows: number, columns: number): string {
    const { graph, batch } = this;
    if (rows % anyRows !== 0) return graph.constant('int64', [2], [rows, columns]);
    const times = graph.constant('int64', [1], [rows / anyRows]);
    const height = graph.node('Mul', [batch, times]);
    return graph.node('Concat', [height, graph.constant('int64', [1], [columns])], { axis: 0 });
  }

  /** In a plan of one step all rows are alive. */
  private whole(name: string, a: OnnxTensor, rows: number): OnnxTensor {
    if (a.rows === rows) return a;
    throw withoutCounterpart(name, ' to another number of rows');
  }
}

function refusal(name: string): () => never {
  return () => {
    throw withoutCounterpart(name, '');
  };
}

function withoutCounterpart(name: string, how: string): UserError {
  return new UserError(
    `The operation ${name}${how}, which a program start or step of this model uses, has no counterpart in ONNX here. ` +
      'Write captions by other operations.',
  );
}
