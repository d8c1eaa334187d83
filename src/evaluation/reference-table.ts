/** The references of a set of images, prepared once so that candidates are compared with them in microseconds. */

import { IntList } from '../data/int-list.js';
import { inverseDocumentFrequency } from './cider.js';
import { NgramLists, NgramTable, orders } from './ngrams.js';

/** (images, captions, tokens) */
export type TokenisedReferences = Iterable<Iterable<readonly string[]>>;

export class ReferenceTable {
  readonly wordIds = new Map<string, number>();
  readonly ngrams = new NgramTable();
  /** (images + 1) the first reference of each image. */
  readonly firstReference = new IntList([0]);
  /** (references + 1) the first word of each reference in `words`. */
  readonly firstWord = new IntList([0]);
  readonly words = new IntList();
  /** N-grams of the references. */
  readonly held = new NgramLists();
  /** (references, 4) Euclidean norm of a reference's tf-idf vector of each order. */
  readonly norms: Float64Array;
  /** (n-grams) inverse document frequency of each. */
  readonly idf: Float64Array;
  /** That of an n-gram of no document. */
  readonly idfOfUnknown: number;

  /**
   * @param references one or more of each image
   * @param documents captions by image, from which document frequencies are counted
   */
  constructor(references: TokenisedReferences, documents?: TokenisedReferences) {
    let images = 0;
    for (const captions of references) {
      for (const tokens of captions) {
        for (const token of tokens) this.words.push(this.idOf(token));
        const words = this.words.part(this.firstWord.array[this.firstWord.length - 1]!, this.words.length);
        this.firstWord.push(this.words.length);
        this.ngrams.add(words, this.held, documents === undefined ? images : null);
      }
      this.firstReference.push(this.firstWord.length - 1);
      images++;
    }
    if (documents !== undefined) {
      images = 0;
      for (const captions of documents) {
        for (const tokens of captions) {
          const words = Int32Array.from(tokens, (token) => this.idOf(token));
          this.ngrams.add(words, new NgramLists(), images);
        }
        images++;
      }
    }
    this.idf = Float64Array.from(this.ngrams.frequencies(), (frequency) => inverseDocumentFrequency(images, frequency));
    this.idfOfUnknown = inverseDocumentFrequency(images, 0);
    this.norms = this.normsOfReferences();
  }

  private idOf(token: string): number {
    let id = this.wordIds.get(token);
    if (id === undefined) {
      id = this.wordIds.size;
      this.wordIds.set(token, id);
    }
    return id;
  }

  private normsOfReferences(): Float64Array {
    const { ends, nodes, times } = this.held;
    const norms = new Float64Array(ends.length - 1);
    for (let list = 0, i = 0; list < norms.length; list++) {
      let squares = 0;
      for (; i < ends.array[list + 1]!; i++) squares += (times.array[i]! * this.idf[nodes.array[i]!]!) ** 2;
      norms[list] = Math.sqrt(squares);
    }
    return norms;
  }
}

/** Place of a reference's n-grams of an order, from 1, among the lists of all references. */
export function listOf(reference: number, order: number): number {
  return reference * orders + order - 1;
}
