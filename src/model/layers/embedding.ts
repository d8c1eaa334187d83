/** Word vectors: row k of the table (V,W) is the vector of word k. CS231n assignment 3, rnn_layers.py. */
import type { GradientSink } from '../../tensor/gradient-sink.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import type { Ops } from '../../tensor/ops.js';
import { byInput, type Sequence } from './sequence.js';

export interface Embedding<T> {
  /** The vectors of the words that the time steps read, W columns. */
  readonly y: Sequence<T>;
  /**
   * Gives the sink the table's gradient; rows of words that do not occur are zero.
   *
   * @param dy the gradient of `y.values`, not asked for where the table is frozen
   */
  backward(dy: () => T): void;
}

export function wordEmbedding<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  name: string,
): Embedding<T> {
  const table = parameters[name]!;
  return {
    y: byInput(ops, ops.embed(table)),
    backward: (dy) => sink.add(name, (options) => ops.embedBackward(dy(), table.rows, options)),
  };
}
