/**
 * Compares one candidate caption with the prepared references of its image. It costs microseconds and depends on no
 * other candidate, so it serves a whole evaluation and the reward of a sampled caption alike.
 */

import { IntList } from '../data/int-list.js';
import { type BleuCounts, closestLength } from './bleu.js';
import { ciderOf, lengthPenalty, pairs } from './cider.js';
import { orders } from './ngrams.js';
import { listOf, type ReferenceTable } from './reference-table.js';
import { rougeL } from './rouge.js';

/** What a caption's scores and a set's sums are made of. */
export interface CaptionMatch extends BleuCounts {
  readonly rougeL: number;
  readonly cider: number;
}

const none = -1;

export class CaptionScorer {
  /** (n-grams of the references) place of each in the candidate's, plus 1; 0 where it has none. */
  private readonly places: Int32Array;
  // Of each different n-gram of the candidate, by order.
  /** None where no reference holds it. */
  private readonly nodes = new IntList();
  private readonly times = new IntList();
  /** The most that one reference holds it. */
  private readonly matched = new IntList();
  /** (5) where those of each order end. */
  private readonly ends = new Int32Array(orders + 1);
  // Of the n-gram of the order under way that begins at each word of the candidate.
  private readonly nodeAt = new IntList();
  private readonly placeAt = new IntList();
  /** Where the same n-gram begins that stands nearest before it, or none. */
  private readonly sameAt = new IntList();
  /** Where each word of the candidate stands last. */
  private readonly lastAt = new Map<number, number>();
  /** Words of the candidate that no reference has. */
  private readonly newWords = new Map<string, number>();

  constructor(private readonly table: ReferenceTable) {
    this.places = new Int32Array(table.ngrams.size);
  }

  /** @param image its index among those of the table */
  match(image: number, tokens: readonly string[]): CaptionMatch {
    const { firstReference, firstWord, words } = this.table;
    const candidate = this.idsOf(tokens);
    this.countNgrams(candidate);
    const from = firstReference.array[image]!;
    const to = firstReference.array[image + 1]!;
    const references: Int32Array[] = [];
    for (let i = from; i < to; i++) references.push(words.part(firstWord.array[i]!, firstWord.array[i + 1]!));
    const cider = this.cider(from, references, candidate.length);
    return {
      guessed: Array.from({ length: orders }, (_, k) => Math.max(0, candidate.length - k)),
      matched: this.matches(),
      referenceLength: closestLength(
        candidate.length,
        references.map((reference) => reference.length),
      ),
      rougeL: rougeL(candidate, references),
      cider,
    };
  }

  private idsOf(tokens: readonly string[]): Int32Array {
    const { wordIds } = this.table;
    this.newWords.clear();
    const ids = new Int32Array(tokens.length);
    for (let i = 0; i < ids.length; i++) {
      const token = tokens[i]!;
      let id = wordIds.get(token) ?? this.newWords.get(token);
      if (id === undefined) {
        id = wordIds.size + this.newWords.size;
        this.newWords.set(token, id);
      }
      ids[i] = id;
    }
    return ids;
  }

  /** The candidate's different n-grams, how often it holds them, and for those of references, their places. */
  private countNgrams(words: Int32Array): void {
    const { length } = words;
    for (const list of [this.nodes, this.times, this.matched]) list.length = 0;
    for (const list of [this.nodeAt, this.placeAt, this.sameAt]) list.reserve(length);
    this.nodeAt.array.fill(0, 0, length);
    this.lastAt.clear();
    for (let at = 0; at < length; at++) {
      this.sameAt.array[at] = this.lastAt.get(words[at]!) ?? none;
      this.lastAt.set(words[at]!, at);
    }
    for (let order = 1; order <= orders; order++) {
      if (order > 1) this.lengthen(words, order);
      for (let at = 0; at + order <= length; at++) this.count(at, words[at + order - 1]!);
      this.ends[order] = this.nodes.length;
    }
  }

  /** Goes from where the same n-grams stand to where those stand that also have the next word in common. */
  private lengthen(words: Int32Array, order: number): void {
    const sameAt = this.sameAt.array;
    // Backwards, since each asks those before it about the shorter n-gram.
    for (let at = words.length - order; at >= 0; at--) {
      const word = words[at + order - 1];
      let same = sameAt[at]!;
      while (same >= 0 && words[same + order - 1] !== word) same = sameAt[same]!;
      sameAt[at] = same;
    }
  }

  /** Counts the n-gram that stands at a place of the candidate and ends in `word`. */
  private count(at: number, word: number): void {
    const nodeAt = this.nodeAt.array;
    const placeAt = this.placeAt.array;
    const same = this.sameAt.array[at]!;
    if (same >= 0) {
      nodeAt[at] = nodeAt[same]!;
      placeAt[at] = placeAt[same]!;
      this.times.array[placeAt[at]!]!++;
      return;
    }
    const prefix = nodeAt[at]!;
    const node = (prefix === none ? 0 : this.table.ngrams.find(prefix, word)) || none;
    placeAt[at] = this.nodes.length;
    nodeAt[at] = node;
    this.nodes.push(node);
    this.times.push(1);
    this.matched.push(0);
    if (node !== none) this.places[node] = placeAt[at]! + 1;
  }

  /** CIDEr-D against the references from `first` on; notes on the way how often they hold the candidate's n-grams. */
  private cider(first: number, references: readonly Int32Array[], length: number): number {
    const { idf, held, norms } = this.table;
    const { places, times, matched } = this;
    const ownNorms = this.norms();
    let cosines = 0;
    references.forEach((reference, i) => {
      const penalty = lengthPenalty(pairs(length) - pairs(reference.length));
      for (let order = 1; order <= orders; order++) {
        const list = listOf(first + i, order);
        let product = 0;
        for (let at = held.ends.array[list]!; at < held.ends.array[list + 1]!; at++) {
          const node = held.nodes.array[at]!;
          const place = places[node]! - 1;
          if (place < 0) continue;
          const theirs = held.times.array[at]!;
          if (theirs > matched.array[place]!) matched.array[place] = theirs;
          product += Math.min(times.array[place]!, theirs) * theirs * idf[node]! ** 2;
        }
        const norm = ownNorms[order - 1]! * norms[list]!;
        if (norm !== 0) cosines += (product / norm) * penalty;
      }
    });
    return ciderOf(cosines, references.length);
  }

  /** (4) Euclidean norm of the candidate's tf-idf vector of each order. */
  private norms(): Float64Array {
    const { idf, idfOfUnknown } = this.table;
    const norms = new Float64Array(orders);
    for (let order = 1, i = 0; order <= orders; order++) {
      let squares = 0;
      for (; i < this.ends[order]!; i++) {
        const node = this.nodes.array[i]!;
        squares += (this.times.array[i]! * (node === none ? idfOfUnknown : idf[node]!)) ** 2;
      }
      norms[order - 1] = Math.sqrt(squares);
    }
    return norms;
  }

  /** (4) the matched n-grams of each order, and the places made free for the next candidate. */
  private matches(): number[] {
    const matches: number[] = [];
    for (let order = 1, i = 0; order <= orders; order++) {
      let sum = 0;
      for (; i < this.ends[order]!; i++) {
        sum += Math.min(this.times.array[i]!, this.matched.array[i]!);
        const node = this.nodes.array[i]!;
        if (node !== none) this.places[node] = 0;
      }
      matches.push(sum);
    }
    return matches;
  }
}
