/** Writes captions down as rows of token ids. */
import { endId, nullId, startId, unkId } from '../vocabulary.js';
import type { Tokeniser } from '../word-tokens.js';
import type { CaptionStore } from './caption-store.js';

/** Of rows that were written. */
export interface EncodingCounts {
  /** Unknown ones counted. */
  words: number;
  unknown: number;
  /** Captions that were longer than a row. */
  cut: number;
}

export class CaptionEncoder {
  /** T + 1: `<START>`, the words, `<END>`. */
  readonly columns: number;
  private readonly ids: ReadonlyMap<string, number>;

  /**
   * @param idxToWord the vocabulary
   * @param longest words of a caption that are kept
   */
  constructor(
    private readonly tokenise: Tokeniser,
    idxToWord: readonly string[],
    private readonly longest: number,
  ) {
    this.columns = longest + 2;
    this.ids = new Map(idxToWord.map((word, id) => [word, id]));
  }

  /**
   * @param row (columns) overwritten: `<START>`, the words, `<END>`, then `<NULL>`
   * @param counts added to
   */
  encode(caption: string, row: Int32Array, counts?: EncodingCounts): void {
    const words = this.tokenise(caption);
    const kept = words.slice(0, this.longest).map((word) => this.ids.get(word) ?? unkId);
    row.fill(nullId);
    row[0] = startId;
    row.set(kept, 1);
    row[kept.length + 1] = endId;
    if (!counts) return;
    counts.words += kept.length;
    counts.unknown += kept.filter((id) => id === unkId).length;
    if (kept.length < words.length) counts.cut++;
  }
}

/** Captions that are encoded at a time. */
const blockRows = 1 << 14;

/**
 * The rows of these captions in blocks, each of which is overwritten by the next.
 *
 * @param counts added to
 */
export function* encodedBlocks(
  encoder: CaptionEncoder,
  store: CaptionStore,
  captions: Int32Array,
  counts: EncodingCounts,
): Generator<Int32Array> {
  const { columns } = encoder;
  const block = new Int32Array(new SharedArrayBuffer(Math.min(blockRows, captions.length) * columns * 4));
  for (let from = 0; from < captions.length; from += blockRows) {
    const some = captions.subarray(from, from + blockRows);
    some.forEach((caption, i) => {
      encoder.encode(store.textOfCaption(caption), block.subarray(i * columns, (i + 1) * columns), counts);
    });
    yield block.subarray(0, some.length * columns);
  }
}
