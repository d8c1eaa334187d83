/**
 * In how many images each n-gram occurs. An n-gram of one image weighs as much as one of none, so only those of several
 * are kept, and a longer one is counted only where both n-grams that it consists of are among them.
 */
import { inverseDocumentFrequency } from './cider.js';
import { NgramTable, none, orders } from './ngrams.js';
import type { WordIdCaptions } from './word-ids.js';

/** What threads are given of them. */
export interface DocumentFrequencies {
  readonly images: number;
  /** (words) */
  readonly ofWords: Int32Array;
  /** Slots of the tables of n-grams of two words and more. */
  readonly ofLonger: readonly Int32Array[];
}

/**
 * @param firstCaption (images + 1) the first caption of each image
 * @param vocabularySize words with ids
 */
export function documentFrequencies(
  { words, firstWord }: WordIdCaptions,
  firstCaption: ArrayLike<number>,
  vocabularySize: number,
): DocumentFrequencies {
  const images = firstCaption.length - 1;
  /** Calls `each` with every place of a caption at which an n-gram begins, in order. */
  const forPlaces = (order: number, each: (at: number, image: number) => void) => {
    for (let image = 0; image < images; image++) {
      for (let caption = firstCaption[image]!; caption < firstCaption[image + 1]!; caption++) {
        const end = firstWord[caption + 1]! - order;
        for (let at = firstWord[caption]!; at <= end; at++) each(at, image);
      }
    }
  };
  const ofWords = new Int32Array(new SharedArrayBuffer(4 * vocabularySize));
  const lastImage = new Int32Array(vocabularySize).fill(none);
  forPlaces(1, (at, image) => {
    const word = words[at]!;
    if (lastImage[word] === image) return;
    lastImage[word] = image;
    ofWords[word]!++;
  });
  /** The n-gram of the order before that begins at each word, `none` where it is not of several images. */
  const shorter = words.map((word) => (ofWords[word]! > 1 ? word : none));
  const ofLonger: Int32Array[] = [];
  for (let order = 2; ; order++) {
    const counted = new NgramTable();
    const mayBeOfSeveral = (at: number) => shorter[at] !== none && shorter[at + 1] !== none;
    forPlaces(order, (at, image) => {
      if (mayBeOfSeveral(at)) counted.count(shorter[at]!, words[at + order - 1]!, image);
    });
    const table = counted.ofSeveralImages();
    ofLonger.push(table.slots);
    if (order === orders) return { images, ofWords, ofLonger };
    forPlaces(order, (at) => {
      shorter[at] = mayBeOfSeveral(at) ? table.find(shorter[at]!, words[at + order - 1]!) : none;
    });
  }
}

/** Looks n-grams up, word by word. */
export class InverseDocumentFrequencies {
  private readonly ofWords: Int32Array;
  private readonly tables: readonly NgramTable[];
  /** (images + 1) by frequency. */
  private readonly inverse: Float64Array;

  constructor({ images, ofWords, ofLonger }: DocumentFrequencies) {
    this.ofWords = ofWords;
    this.tables = ofLonger.map((slots) => new NgramTable(slots));
    this.inverse = Float64Array.from({ length: images + 1 }, (_, frequency) =>
      inverseDocumentFrequency(images, frequency),
    );
  }

  /** The number, among those of an order, of an n-gram whose words but the last have `prefix`; `none` without several images. */
  find(order: number, prefix: number, word: number): number {
    if (order === 1) return word < this.ofWords.length && this.ofWords[word]! > 1 ? word : none;
    return prefix === none ? none : this.tables[order - 2]!.find(prefix, word);
  }

  /** The inverse document frequency of an n-gram by its number. */
  of(order: number, ngram: number): number {
    if (ngram === none) return this.inverse[0]!;
    return this.inverse[order === 1 ? this.ofWords[ngram]! : this.tables[order - 2]!.frequency(ngram)]!;
  }
}
