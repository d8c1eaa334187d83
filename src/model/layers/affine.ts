/**
 * The affine layer y = x·w + b, on rows of any meaning: images, or the packed positions of all captions (the course's
 * temporal affine layer, which applies one affine map at every time step). CS231n assignment 3, rnn_layers.py.
 */
import type { GradientSink } from '../../tensor/gradient-sink.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import type { Ops } from '../../tensor/ops.js';

export interface Affine<T> {
  /** (N,M) */
  readonly y: T;
  /** Gives the sink the gradients of w and b, given dy (N,M). */
  backward(dy: T): void;
  /** The gradient of x (N,D), given dy (N,M). */
  inputGradient(dy: T): T;
}

/** x (N,D), parameters w (D,M) and b (M) under the names given. */
export function affine<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  [wName, bName]: readonly [w: string, b: string],
  x: T,
): Affine<T> {
  const w = parameters[wName]!;
  return {
    y: ops.matmul(x, w, { bias: parameters[bName]! }),
    backward(dy) {
      sink.add(wName, (options) => ops.matmul(x, dy, { transposeA: true, ...options }));
      sink.add(bName, (options) => ops.columnSums(dy, options));
    },
    inputGradient: (dy) => ops.matmul(dy, w, { transposeB: true }),
  };
}

/** y = x·tableᵀ + b, where the table (M,D) is also read by rows, such as word vectors that score the words. */
export function tiedAffine<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  [tableName, bName]: readonly [table: string, b: string],
  x: T,
): Affine<T> {
  const table = parameters[tableName]!;
  return {
    y: ops.matmul(x, table, { transposeB: true, bias: parameters[bName]! }),
    backward(dy) {
      sink.add(tableName, (options) => ops.matmul(dy, x, { transposeA: true, ...options }));
      sink.add(bName, (options) => ops.columnSums(dy, options));
    },
    inputGradient: (dy) => ops.matmul(dy, table),
  };
}
