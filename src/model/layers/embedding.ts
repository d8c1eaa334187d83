/** Word vectors: row k of W_embed (V,W) is the vector of word k. CS231n assignment 3, rnn_layers.py. */
import type { Ops } from '../../engine/engine.js';

/** The vectors of the plan's input words (U,W). */
export function wordEmbeddingForward<T>(ops: Ops<T>, W_embed: T): T {
  return ops.embed(W_embed);
}

/** Gradient of W_embed (V,W), given dout (U,W); rows of words that do not occur are zero. */
export function wordEmbeddingBackward<T>(ops: Ops<T>, dout: T, vocabSize: number): T {
  return ops.embedBackward(dout, vocabSize, { gradientOf: 'W_embed' });
}
