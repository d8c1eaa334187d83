/** The numbers that the scores of a set are functions of the sums of, image by image, in parts that threads may make. */
import { type CaptionMatch, CaptionScorer } from './caption-scorer.js';
import { orders } from './ngrams.js';
import type { ReferenceTable } from './reference-table.js';
import { wordsOf } from './word-ids.js';

/** BLEU's counts are summed over a set, the other scores averaged. */
export const columns = 2 * orders + 3;

export interface Matching {
  readonly table: ReferenceTable;
  /** Which of the table's captions is the candidate of the first image; those of the others follow. */
  readonly firstCandidate: number;
  /** (columns, images), on a SharedArrayBuffer. */
  readonly statistics: Float64Array;
  /** The images, from this one to before that. */
  readonly from: number;
  readonly to: number;
}

/** Fills the images' statistics. */
export function matchCaptions({ table, firstCandidate, statistics, from, to }: Matching): void {
  const scorer = new CaptionScorer(table, from, to);
  const images = statistics.length / columns;
  for (let image = from; image < to; image++) {
    const match = scorer.match(image, wordsOf(table.captions, firstCandidate + image));
    const { guessed, matched, referenceLength, rougeL, cider } = match;
    [...Array.from(guessed), ...Array.from(matched), referenceLength, rougeL, cider].forEach((value, column) => {
      statistics[column * images + image] = value;
    });
  }
}

/** @param ofColumns the statistics of an image, or the sum of some */
export function matchOf(ofColumns: Float64Array): CaptionMatch {
  return {
    guessed: ofColumns.subarray(0, orders),
    matched: ofColumns.subarray(orders, 2 * orders),
    referenceLength: ofColumns[2 * orders]!,
    rougeL: ofColumns[2 * orders + 1]!,
    cider: ofColumns[2 * orders + 2]!,
  };
}
