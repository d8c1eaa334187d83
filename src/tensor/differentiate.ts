/**
 * Reverse-mode differentiation of what is written on the generic operations: a tape notes each operation as it is done,
 * and going back over it adds up the gradients (Wengert 1964; Griewank and Walther 2008, Evaluating Derivatives).
 *
 * The gradient of a parameter is not computed at each time step. Where a parameter is used it is noted what would be
 * multiplied or summed, so that a layer can do it once for all time steps, as one product over the packed rows.
 */
import type { Shape } from './matrix.js';
import type { CellOps, MatmulOptions, Ops } from './ops.js';

/** A value on the tape. */
export class Node<T extends Shape> implements Shape {
  /** The sum of the gradients that came back so far. */
  gradient: T | null = null;

  /** @param parameter its name; null for what is no parameter */
  constructor(
    readonly value: T,
    readonly parameter: string | null = null,
  ) {}

  get rows(): number {
    return this.value.rows;
  }

  get columns(): number {
    return this.value.columns;
  }
}

/** The gradient of parameter `name` (K,N) is aᵀ·dout, a (rows,K) and dout (rows,N) with the rows of every use. */
export interface ProductGradient<T> {
  readonly name: string;
  readonly a: T;
  readonly dout: T;
}

/** The gradient of parameter `name` (1,N) is the sum over the rows of dout (rows,N), of every use. */
export interface RowGradient<T> {
  readonly name: string;
  readonly dout: T;
}

export class Tape<T extends Shape> implements CellOps<Node<T>> {
  /** In the order of the way back, which is the same at each time step. */
  readonly products: ProductGradient<T>[] = [];
  readonly rows: RowGradient<T>[] = [];
  private readonly wayBack: (() => void)[] = [];

  constructor(private readonly ops: Ops<T>) {}

  /** Goes back from these nodes, each with the gradient that comes from above. To be called once. */
  backward(from: readonly (readonly [node: Node<T>, gradient: T])[]): void {
    for (const [node, gradient] of from) this.give(node, gradient);
    for (const step of this.wayBack.reverse()) step();
  }

  matmul(a: Node<T>, b: Node<T>, { bias }: Pick<MatmulOptions<Node<T>>, 'bias'> = {}): Node<T> {
    const product = this.ops.matmul(a.value, b.value, bias ? { bias: bias.value } : {});
    return this.note(product, (dout) => {
      if (b.parameter !== null) this.products.push({ name: b.parameter, a: a.value, dout });
      else this.give(b, this.ops.matmul(a.value, dout, { transposeA: true }));
      if (bias) this.giveRow(bias, dout);
      this.give(a, this.ops.matmul(dout, b.value, { transposeB: true }));
    });
  }

  add(a: Node<T>, b: Node<T>): Node<T> {
    return this.note(this.ops.add(a.value, b.value), (dout) => {
      this.give(a, dout);
      this.give(b, dout);
    });
  }

  multiply(a: Node<T>, b: Node<T>): Node<T> {
    return this.note(this.ops.multiply(a.value, b.value), (dout) => {
      this.give(a, this.ops.multiply(dout, b.value));
      this.give(b, this.ops.multiply(dout, a.value));
    });
  }

  scale(a: Node<T>, factor: number): Node<T> {
    return this.note(this.ops.scale(a.value, factor), (dout) => this.give(a, this.ops.scale(dout, factor)));
  }

  oneMinus(a: Node<T>): Node<T> {
    return this.note(this.ops.oneMinus(a.value), (dout) => this.give(a, this.ops.scale(dout, -1)));
  }

  sigmoid(a: Node<T>): Node<T> {
    const y = this.ops.sigmoid(a.value);
    return this.note(y, (dout) => {
      this.give(a, this.ops.multiply(dout, this.ops.multiply(y, this.ops.oneMinus(y))));
    });
  }

  tanh(a: Node<T>): Node<T> {
    const y = this.ops.tanh(a.value);
    return this.note(y, (dout) => {
      this.give(a, this.ops.multiply(dout, this.ops.oneMinus(this.ops.multiply(y, y))));
    });
  }

  addRow(a: Node<T>, row: Node<T>): Node<T> {
    return this.note(this.ops.addRow(a.value, row.value), (dout) => {
      this.give(a, dout);
      this.giveRow(row, dout);
    });
  }

  columnsOf(a: Node<T>, first: number, count: number): Node<T> {
    const { rows, columns } = a.value;
    return this.note(this.ops.columnsOf(a.value, first, count), (dout) => {
      const parts = [dout];
      if (first > 0) parts.unshift(this.ops.zeros(rows, first));
      if (first + count < columns) parts.push(this.ops.zeros(rows, columns - first - count));
      this.give(a, parts.length === 1 ? dout : this.ops.joinColumns(parts));
    });
  }

  joinColumns(parts: readonly Node<T>[]): Node<T> {
    return this.note(this.ops.joinColumns(parts.map(({ value }) => value)), (dout) => {
      let first = 0;
      for (const part of parts) {
        this.give(part, this.ops.columnsOf(dout, first, part.value.columns));
        first += part.value.columns;
      }
    });
  }

  private note(value: T, back: (dout: T) => void): Node<T> {
    const node = new Node(value);
    this.wayBack.push(() => {
      if (node.gradient !== null) back(node.gradient);
    });
    return node;
  }

  private give(node: Node<T>, gradient: T): void {
    if (node.parameter !== null) {
      throw new Error(
        `${node.parameter} is no right side of a product, no bias and no added row, so it has no gradient.`,
      );
    }
    node.gradient = node.gradient === null ? gradient : this.ops.add(node.gradient, gradient);
  }

  private giveRow(row: Node<T>, dout: T): void {
    if (row.parameter !== null) this.rows.push({ name: row.parameter, dout });
    else this.give(row, this.ops.columnSums(dout));
  }
}
