/**
 * Compares one candidate caption with the references of its image. It costs microseconds and depends on no other
 * candidate, so it serves a whole evaluation and the reward of a sampled caption alike.
 */

import { IntList } from '../data/int-list.js';
import { type BleuCounts, closestLength } from './bleu.js';
import { CaptionNgrams } from './caption-ngrams.js';
import { ciderOf, lengthPenalty, pairs } from './cider.js';
import { InverseDocumentFrequencies } from './document-frequencies.js';
import { none, orders } from './ngrams.js';
import { normOf, type ReferenceTable } from './reference-table.js';
import { rougeL } from './rouge.js';
import { wordsOf } from './word-ids.js';

/** What a caption's scores and a set's sums are made of. */
export interface CaptionMatch extends BleuCounts {
  readonly rougeL: number;
  readonly cider: number;
}

export class CaptionScorer {
  private readonly candidate: CaptionNgrams;
  private readonly firstReference: number;
  /** (references of the images, 4) Euclidean norm of a reference's tf-idf vector of each order. */
  private readonly norms: Float64Array;
  // Of each different n-gram of the candidate.
  /** How often the reference under way holds it. */
  private readonly held = new IntList();
  /** The most that one reference holds it. */
  private readonly matched = new IntList();
  // Of each word of the reference under way: how many words from it on stand so in the candidate, and where there.
  private readonly common = new IntList();
  private readonly commonAt = new IntList();
  /** The candidate's n-grams of the order under way that the reference holds, as they first occur in it. */
  private readonly found = new IntList();

  /** @param from the first of the images that candidates are of, which end before `to` */
  constructor(
    private readonly table: ReferenceTable,
    from: number,
    to: number,
  ) {
    const frequencies = new InverseDocumentFrequencies(table.frequencies);
    this.candidate = new CaptionNgrams(frequencies);
    this.firstReference = table.firstReference[from]!;
    const references = table.firstReference[to]! - this.firstReference;
    this.norms = new Float64Array(references * orders);
    const ngrams = new CaptionNgrams(frequencies);
    for (let i = 0; i < references; i++) {
      ngrams.count(wordsOf(table.captions, this.firstReference + i));
      ngrams.norms(this.norms, normOf(i, 1));
    }
  }

  /**
   * @param image its index among those of the table
   * @param words of the candidate; what no reference has may have any id that none of their words has
   */
  match(image: number, words: Int32Array): CaptionMatch {
    const { captions, firstReference } = this.table;
    this.candidate.count(words);
    const different = this.candidate.times.length;
    for (const list of [this.held, this.matched]) {
      list.reserve(different);
      list.array.fill(0, 0, different);
    }
    const first = firstReference[image]!;
    const references = Array.from({ length: firstReference[image + 1]! - first }, (_, i) =>
      wordsOf(captions, first + i),
    );
    const cider = this.cider(first - this.firstReference, references);
    return {
      guessed: Array.from({ length: orders }, (_, k) => Math.max(0, words.length - k)),
      matched: this.matches(),
      referenceLength: closestLength(
        words.length,
        references.map((reference) => reference.length),
      ),
      rougeL: rougeL(words, references),
      cider,
    };
  }

  /** CIDEr-D against these references; notes on the way how often they hold the candidate's n-grams. */
  private cider(first: number, references: readonly Int32Array[]): number {
    const { words } = this.candidate;
    const ownNorms = new Float64Array(orders);
    this.candidate.norms(ownNorms, 0);
    let cosines = 0;
    references.forEach((reference, i) => {
      this.compare(reference);
      const penalty = lengthPenalty(pairs(words.length) - pairs(reference.length));
      for (let order = 1; order <= orders; order++) {
        const product = this.product(order, reference.length);
        const norm = ownNorms[order - 1]! * this.norms[normOf(first + i, order)]!;
        if (norm !== 0) cosines += (product / norm) * penalty;
      }
    });
    return ciderOf(cosines, references.length);
  }

  /** Finds what the reference has in common with the candidate, up to n-grams of the last order. */
  private compare(reference: Int32Array): void {
    const { candidate } = this;
    const { words } = candidate;
    this.common.reserve(reference.length);
    this.commonAt.reserve(reference.length);
    for (let from = 0; from < reference.length; from++) {
      let longest = 0;
      let longestAt = none;
      const most = Math.min(orders, reference.length - from);
      for (let at = candidate.last(reference[from]!); at !== none && longest < most; at = candidate.before(at)) {
        let length = 1;
        while (length < most && words[at + length] === reference[from + length]) length++;
        if (length <= longest) continue;
        longest = length;
        longestAt = at;
      }
      this.common.array[from] = longest;
      this.commonAt.array[from] = longestAt;
    }
  }

  /** The product of the tf-idf vectors of an order of candidate and reference, with clipped counts. */
  private product(order: number, length: number): number {
    const { candidate, found } = this;
    const held = this.held.array;
    const matched = this.matched.array;
    found.length = 0;
    for (let from = 0; from + order <= length; from++) {
      if (this.common.array[from]! < order) continue;
      const place = candidate.place(order, this.commonAt.array[from]!);
      if (held[place]!++ === 0) found.push(place);
    }
    let product = 0;
    for (let i = 0; i < found.length; i++) {
      const place = found.array[i]!;
      const theirs = held[place]!;
      held[place] = 0;
      if (theirs > matched[place]!) matched[place] = theirs;
      product += Math.min(candidate.times.array[place]!, theirs) * theirs * candidate.idf[place]! ** 2;
    }
    return product;
  }

  /** (4) the matched n-grams of each order. */
  private matches(): number[] {
    const { ends, times } = this.candidate;
    const matches: number[] = [];
    for (let order = 1, i = 0; order <= orders; order++) {
      let sum = 0;
      for (; i < ends[order]!; i++) sum += Math.min(times.array[i]!, this.matched.array[i]!);
      matches.push(sum);
    }
    return matches;
  }
}
