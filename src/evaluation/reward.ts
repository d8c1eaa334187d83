/** What a caption is worth to self-critical training: CIDEr-D mixed with BLEU-4, as `scoreCaptions` gives them per image. */
import { bleu } from './bleu.js';
import { CaptionScorer } from './caption-scorer.js';
import { orders } from './ngrams.js';
import { referenceTable, type TokenisedReferences } from './reference-table.js';
import { WordIds } from './word-ids.js';

export interface RewardWeights {
  readonly cider: number;
  readonly bleu4: number;
}

/**
 * Prepares the references once; the function it returns then costs microseconds a caption. Tokens are compared as they
 * are given: a caption's end counts where it is a token of references and candidates alike.
 *
 * @param references one or more of each image
 * @param documents captions from which document frequencies are counted, by default the references
 * @returns the reward of a caption, as tokens, of image `image` among the references
 */
export function captionRewards(
  references: TokenisedReferences,
  weights: RewardWeights,
  documents?: TokenisedReferences,
): (image: number, tokens: readonly string[]) => number {
  const ids = new WordIds();
  const table = referenceTable(references, documents, ids);
  const scorer = new CaptionScorer(table, 0, table.firstReference.length - 1);
  return (image, tokens) => {
    const match = scorer.match(image, idsOf(tokens, ids));
    return weights.cider * match.cider + weights.bleu4 * bleu(match)[orders - 1]!;
  };
}

/** Words that the references do not have get the ids behind theirs, for this caption alone. */
function idsOf(tokens: readonly string[], ids: WordIds): Int32Array {
  const others = new WordIds();
  return Int32Array.from(tokens, (token) => ids.find(token) ?? ids.size + others.idOf(token));
}
