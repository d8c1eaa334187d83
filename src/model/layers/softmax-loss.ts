/**
 * The temporal softmax loss: cross-entropy of the score rows of all time steps against captions_out, summed, positions
 * whose target is `<NULL>` left out. CS231n assignment 3, rnn_layers.py; the division by the number of captions is done
 * once for the whole minibatch, after the sums of all shards are added.
 */
import type { Ops } from '../../engine/engine.js';

/** scores (M,V) → the summed loss (1,1) and its gradient by the scores (M,V). */
export function temporalSoftmaxLoss<T>(ops: Ops<T>, scores: T): { readonly loss: T; readonly dscores: T } {
  return ops.softmaxLoss(scores);
}
