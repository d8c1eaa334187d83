/** Scores of the next word at every position. */
import type { GradientSink } from '../tensor/gradient-sink.js';
import type { Named, Shape } from '../tensor/matrix.js';
import type { Ops } from '../tensor/ops.js';
import { affine, tiedAffine } from './layers/affine.js';

export interface WordScores<T> {
  /** (M,V) */
  readonly y: T;
  /** Gives the sink the gradients of the parameters, given dy (M,V), and returns those of what the scores read. */
  backward(dy: T): { readonly dh: T; readonly dcontext: T | null };
}

/**
 * @param h hidden states (M,H)
 * @param context contexts (M,C) that score the words too; null where there are none
 * @param tied whether the word vectors take the place of W_vocab
 * @param excluded words whose scores are to be so low that a softmax gives them nothing
 */
export function wordScores<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  h: T,
  context: T | null,
  tied: boolean,
  excluded: readonly number[],
): WordScores<T> {
  const given = excluded.length === 0 ? parameters : withoutWords(ops, parameters, excluded);
  const ofState = tied
    ? tiedAffine(ops, sink, given, ['W_embed', 'b_vocab'], h)
    : affine(ops, sink, given, ['W_vocab', 'b_vocab'], h);
  const W_context = parameters.W_context;
  return {
    y: context ? ops.accumulate(ofState.y, ops.matmul(context, W_context!)) : ofState.y,
    backward(dy) {
      ofState.backward(dy);
      const dh = ofState.inputGradient(dy);
      if (!context) return { dh, dcontext: null };
      sink.add('W_context', (options) => ops.matmul(context, dy, { transposeA: true, ...options }));
      return { dh, dcontext: ops.matmul(dy, W_context!, { transposeB: true }) };
    },
  };
}

/** Far below any score, and finite: the exponential of its distance to one is 0 in any precision. */
const never = -1e9;

/** The parameters with the biases of these words lowered beyond reach, which costs no pass over the scores. */
function withoutWords<T extends Shape>(ops: Ops<T>, parameters: Named<T>, words: readonly number[]): Named<T> {
  const { b_vocab } = parameters;
  const low = ops.scale(ops.oneMinus(ops.zeros(1, 1)), never);
  const parts: T[] = [];
  let next = 0;
  for (const word of [...words].sort((a, b) => a - b)) {
    if (word > next) parts.push(ops.zeros(1, word - next));
    parts.push(low);
    next = word + 1;
  }
  if (next < b_vocab!.columns) parts.push(ops.zeros(1, b_vocab!.columns - next));
  return { ...parameters, b_vocab: ops.add(b_vocab!, ops.joinColumns(parts)) };
}
