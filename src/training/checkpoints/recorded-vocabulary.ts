/** The words (or characters) of a checkpoint, which its parameters have a row or a column each of. */
import type { TokenUnit } from '../../data/vocabulary.js';
import type { CheckpointState } from './checkpoint-state.js';

export interface RecordedVocabulary {
  readonly tokens: TokenUnit;
  readonly idxToWord: readonly string[];
}

export function recordedVocabulary({ config, vocabulary }: CheckpointState): RecordedVocabulary {
  const tokens = (config.data as { tokens?: TokenUnit } | undefined)?.tokens ?? 'word';
  return { tokens, idxToWord: vocabulary };
}

export function areSameVocabulary(a: RecordedVocabulary, b: RecordedVocabulary): boolean {
  return a.tokens === b.tokens && firstOtherToken(a, b) === -1;
}

/** The first id that does not stand for the same word in both; -1 where each does. */
export function firstOtherToken({ idxToWord: a }: RecordedVocabulary, { idxToWord: b }: RecordedVocabulary): number {
  const [longer, other] = a.length >= b.length ? [a, b] : [b, a];
  return longer.findIndex((word, id) => word !== other[id]);
}
