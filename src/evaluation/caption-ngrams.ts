/** The different n-grams of one caption, how often it holds each, and where they begin. */
import { IntList } from '../data/int-list.js';
import type { InverseDocumentFrequencies } from './document-frequencies.js';
import { none, orders } from './ngrams.js';

export class CaptionNgrams {
  words: Int32Array = new Int32Array();
  // Of each different n-gram, by order, those of an order as they first occur.
  readonly times = new IntList();
  idf = new Float64Array(64);
  /** (5) where those of each order end. */
  readonly ends = new Int32Array(orders + 1);
  /** (orders, words) which of them begins at each word. */
  private readonly placeAt = new IntList();
  /** Where the same word stands nearest before each, or none. */
  private readonly sameWordAt = new IntList();
  /** Where each word stands last, plus 1; 0 where it does not. */
  private readonly lastAt = new IntList();
  // Of the n-gram of the order under way that begins at each word: its number, and where the same one begins before it.
  private readonly numberAt = new IntList();
  private readonly sameAt = new IntList();

  constructor(private readonly frequencies: InverseDocumentFrequencies) {}

  /** Counts those of another caption. */
  count(words: Int32Array): void {
    this.forgetWords();
    this.words = words;
    const { length } = words;
    this.times.length = 0;
    for (const list of [this.sameWordAt, this.numberAt, this.sameAt]) list.reserve(length);
    this.placeAt.reserve(orders * length);
    if (this.idf.length < orders * length) this.idf = new Float64Array(2 * orders * length);
    this.noteWords();
    for (let order = 1; order <= orders; order++) {
      if (order > 1) this.lengthen(order);
      for (let at = 0; at + order <= length; at++) this.countAt(at, order);
      this.ends[order] = this.times.length;
    }
  }

  /** The place, among the different n-grams, of the one that begins at a word. */
  place(order: number, at: number): number {
    return this.placeAt.array[(order - 1) * this.words.length + at]!;
  }

  /** Where a word stands last, or none. */
  last(word: number): number {
    return word < this.lastAt.array.length ? this.lastAt.array[word]! - 1 : none;
  }

  /** Where the word that stands at a place stands nearest before it, or none. */
  before(at: number): number {
    return this.sameWordAt.array[at]!;
  }

  /** (4) Euclidean norm of the caption's tf-idf vector of each order. */
  norms(into: Float64Array, first: number): void {
    for (let order = 1, i = 0; order <= orders; order++) {
      let squares = 0;
      for (; i < this.ends[order]!; i++) squares += (this.times.array[i]! * this.idf[i]!) ** 2;
      into[first + order - 1] = Math.sqrt(squares);
    }
  }

  private forgetWords(): void {
    for (const word of this.words) this.lastAt.array[word] = 0;
  }

  private noteWords(): void {
    const { words } = this;
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!;
      this.lastAt.reserve(word + 1);
      const before = this.lastAt.array[word]! - 1;
      this.sameWordAt.array[at] = before;
      this.sameAt.array[at] = before;
      this.numberAt.array[at] = none;
      this.lastAt.array[word] = at + 1;
    }
  }

  /** Goes from where the same n-grams stand to where those stand that also have the next word in common. */
  private lengthen(order: number): void {
    const { words } = this;
    const sameAt = this.sameAt.array;
    // Backwards, since each asks those before it about the shorter n-gram.
    for (let at = words.length - order; at >= 0; at--) {
      const word = words[at + order - 1];
      let same = sameAt[at]!;
      while (same >= 0 && words[same + order - 1] !== word) same = sameAt[same]!;
      sameAt[at] = same;
    }
  }

  private countAt(at: number, order: number): void {
    const { length } = this.words;
    const numberAt = this.numberAt.array;
    const placeAt = this.placeAt.array;
    const row = (order - 1) * length;
    const same = this.sameAt.array[at]!;
    if (same >= 0) {
      numberAt[at] = numberAt[same]!;
      placeAt[row + at] = placeAt[row + same]!;
      this.times.array[placeAt[row + at]!]!++;
      return;
    }
    const number = this.frequencies.find(order, numberAt[at]!, this.words[at + order - 1]!);
    numberAt[at] = number;
    placeAt[row + at] = this.times.length;
    this.idf[this.times.length] = this.frequencies.of(order, number);
    this.times.push(1);
  }
}
