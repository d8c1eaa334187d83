/** The references of a set of images as candidates are compared with them. */
import { IntList } from '../data/int-list.js';
import { type DocumentFrequencies, documentFrequencies } from './document-frequencies.js';
import { orders } from './ngrams.js';
import type { WordIdCaptions, WordIds } from './word-ids.js';

/** (images, captions, tokens) */
export type TokenisedReferences = Iterable<Iterable<readonly string[]>>;

/** What threads are given of them. */
export interface ReferenceTable {
  readonly captions: WordIdCaptions;
  /** (images + 1) which of the captions is the first reference of each image. */
  readonly firstReference: Int32Array;
  readonly frequencies: DocumentFrequencies;
}

/**
 * @param references one or more of each image
 * @param documents captions by image, from which document frequencies are counted, by default the references
 * @param ids to which their words are added
 */
export function referenceTable(
  references: TokenisedReferences,
  documents: TokenisedReferences | undefined,
  ids: WordIds,
): ReferenceTable {
  const of = captionsByImage(references, ids);
  const counted = documents === undefined ? of : captionsByImage(documents, ids);
  return {
    captions: of.captions,
    firstReference: of.firstCaption,
    frequencies: documentFrequencies(counted.captions, counted.firstCaption, ids.size),
  };
}

function captionsByImage(images: TokenisedReferences, ids: WordIds) {
  const words = new IntList();
  const firstWord = new IntList([0]);
  const firstCaption = new IntList([0]);
  for (const captions of images) {
    for (const tokens of captions) {
      for (const token of tokens) words.push(ids.idOf(token));
      firstWord.push(words.length);
    }
    firstCaption.push(firstWord.length - 1);
  }
  const used = (list: IntList) => list.part(0, list.length);
  return { captions: { words: used(words), firstWord: used(firstWord) }, firstCaption: used(firstCaption) };
}

/** Place of a reference's norm of an order, from 1, among those of all references. */
export function normOf(reference: number, order: number): number {
  return reference * orders + order - 1;
}
