/** Makes the vocabulary of a data folder out of its training captions. */
import { UserError } from '../../errors.js';
import { specialTokens, unkId } from '../vocabulary.js';
import type { CaptionStore } from './caption-store.js';

export interface BuiltVocabulary {
  /** The word of each id: the special tokens, then words by count, those of the same count by spelling. */
  readonly idxToWord: readonly string[];
  /** The id of each of the store's words; that of `<UNK>` for one that is too rare. */
  readonly ids: Int32Array;
  /** Distinct words of the training captions. */
  readonly distinct: number;
}

/**
 * @param captions those of the training split; all their words count, also those behind where a caption is cut
 * @param minCount how often a word has to come in them
 * @throws UserError when no word comes that often
 */
export function buildVocabulary(store: CaptionStore, captions: Int32Array, minCount: number): BuiltVocabulary {
  const counts = new Int32Array(store.words.length);
  for (const caption of captions) for (const word of store.wordsOfCaption(caption)) counts[word]!++;
  const kept = [...counts.keys()].filter((word) => counts[word]! >= minCount);
  if (kept.length === 0) {
    throw new UserError(
      `--min-count ${minCount}: no word comes that often in the training captions. Give a lower one.`,
    );
  }
  const spelling = (a: number, b: number) => (store.words[a]! < store.words[b]! ? -1 : 1);
  kept.sort((a, b) => counts[b]! - counts[a]! || spelling(a, b));
  const ids = new Int32Array(store.words.length).fill(unkId);
  kept.forEach((word, i) => {
    ids[word] = specialTokens.length + i;
  });
  const idxToWord = [...specialTokens, ...kept.map((word) => store.words[word]!)];
  return { idxToWord, ids, distinct: counts.reduce((sum, count) => sum + Math.min(count, 1), 0) };
}
