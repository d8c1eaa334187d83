/** Writes captions down as rows of token ids. */
import { endId, startId, unkId } from '../vocabulary.js';
import type { Tokeniser } from '../word-tokens.js';
import type { CaptionStore } from './caption-store.js';

export interface EncodedCaptions {
  /** (captions, longest + 2) on a SharedArrayBuffer: `<START>`, the words, `<END>`, then `<NULL>`. */
  readonly table: Int32Array;
  readonly columns: number;
  /** Words that the table has, unknown ones counted. */
  readonly words: number;
  readonly unknown: number;
  /** Captions that were longer. */
  readonly cut: number;
}

/**
 * @param captions in the order of the rows
 * @param idxToWord the vocabulary
 * @param longest words of a caption that are kept
 */
export function encodeCaptions(
  store: CaptionStore,
  captions: Int32Array,
  tokenise: Tokeniser,
  idxToWord: readonly string[],
  longest: number,
): EncodedCaptions {
  const ids = new Map(idxToWord.map((word, id) => [word, id]));
  const columns = longest + 2;
  const table = new Int32Array(new SharedArrayBuffer(captions.length * columns * 4));
  let words = 0;
  let unknown = 0;
  let cut = 0;
  captions.forEach((caption, row) => {
    const all = tokenise(store.textOfCaption(caption));
    const kept = Math.min(all.length, longest);
    if (kept < all.length) cut++;
    words += kept;
    let at = row * columns;
    table[at++] = startId;
    for (let i = 0; i < kept; i++) {
      const id = ids.get(all[i]!) ?? unkId;
      if (id === unkId) unknown++;
      table[at++] = id;
    }
    table[at] = endId;
  });
  return { table, columns, words, unknown, cut };
}
