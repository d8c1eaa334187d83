/** Makes the vocabulary of a data folder out of its training captions. */
import { UserError } from '../../errors.js';
import { specialTokens, wordsByCount } from '../vocabulary.js';
import type { Tokeniser } from '../word-tokens.js';
import type { CaptionStore } from './caption-store.js';

export interface BuiltVocabulary {
  /** The word of each id. */
  readonly idxToWord: readonly string[];
  /** Distinct words of the training captions. */
  readonly distinct: number;
}

/**
 * @param captions those of the training split; all their words count, also those behind where a caption is cut
 * @param minCount how often a word has to come in them
 * @throws UserError when no word comes that often
 */
export function buildVocabulary(
  store: CaptionStore,
  captions: Int32Array,
  tokenise: Tokeniser,
  minCount: number,
): BuiltVocabulary {
  const counts = new Map<string, number>();
  for (const caption of captions) {
    for (const word of tokenise(store.textOfCaption(caption))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const idxToWord = wordsByCount(counts, minCount);
  if (idxToWord.length > specialTokens.length) return { idxToWord, distinct: counts.size };
  throw new UserError(`--min-count ${minCount}: no word comes that often in the training captions. Give a lower one.`);
}
