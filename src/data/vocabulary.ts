/** Token ids and the words or characters they stand for. */
import { UserError } from '../errors.js';
import { quote } from './quote.js';

/** What one token stands for. */
export type TokenUnit = 'word' | 'char';

export const nullId = 0;
export const startId = 1;
export const endId = 2;
export const unkId = 3;
/** What a caption that people read never holds. */
export const unwrittenIds: readonly number[] = [nullId, startId, unkId];
/** The first tokens of every vocabulary, in the order of their ids. */
export const specialTokens = ['<NULL>', '<START>', '<END>', '<UNK>'] as const;

/**
 * The special tokens, and behind them the words that come at least `minCount` times: the most frequent first, equally
 * frequent ones in the order of their letters.
 */
export function wordsByCount(counts: Iterable<readonly [word: string, count: number]>, minCount: number): string[] {
  const words = [...counts]
    .filter(([word, count]) => count >= minCount && !specialTokens.includes(word as never))
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .map(([word]) => word);
  return [...specialTokens, ...words];
}

export class Vocabulary {
  private constructor(
    readonly tokens: TokenUnit,
    readonly idxToWord: readonly string[],
  ) {}

  /** V */
  get size(): number {
    return this.idxToWord.length;
  }

  /**
   * @param where what the user knows these words by, a file for instance; it starts the message of an error
   * @throws UserError when the words are no list of distinct texts that starts with the special tokens
   */
  static of(tokens: TokenUnit, idxToWord: unknown, where: string): Vocabulary {
    if (!Array.isArray(idxToWord) || !idxToWord.every((word) => typeof word === 'string')) {
      throw new UserError(`${where}: a list of texts is expected, one a token id.`);
    }
    specialTokens.forEach((token, id) => {
      if (idxToWord[id] === token) return;
      const found = id < idxToWord.length ? `is ${quote(idxToWord[id])}` : 'is missing';
      throw new UserError(`${where}: token ${id} ${found}, where ${quote(token)} is expected.`);
    });
    const ids = new Map<string, number>();
    idxToWord.forEach((word, id) => {
      const other = ids.get(word);
      if (other !== undefined) throw new UserError(`${where}: ${quote(word)} is both token ${other} and ${id}.`);
      ids.set(word, id);
    });
    return new Vocabulary(tokens, idxToWord);
  }

  /** The text of a caption, up to its `<END>`, without `<NULL>` and `<START>`. */
  decode(ids: ArrayLike<number>): string {
    const words: string[] = [];
    for (let i = 0; i < ids.length && ids[i] !== endId; i++) {
      if (ids[i] !== nullId && ids[i] !== startId) words.push(this.idxToWord[ids[i]!] ?? '<UNK>');
    }
    return words.join(this.tokens === 'word' ? ' ' : '');
  }
}
