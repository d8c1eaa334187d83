/** Captions as numbers of their words, so that they are compared without strings. */

/** Captions one behind the other. */
export interface WordIdCaptions {
  readonly words: Int32Array;
  /** (captions + 1) where each begins in `words`. */
  readonly firstWord: Int32Array;
}

export class WordIds {
  private readonly ids = new Map<string, number>();

  /** How many words have an id, all smaller than this. */
  get size(): number {
    return this.ids.size;
  }

  find(word: string): number | undefined {
    return this.ids.get(word);
  }

  /** Gives a word that has none the next id. */
  idOf(word: string): number {
    let id = this.ids.get(word);
    if (id === undefined) {
      id = this.ids.size;
      this.ids.set(word, id);
    }
    return id;
  }

  /** In the order of their ids. */
  words(): string[] {
    return [...this.ids.keys()];
  }
}

/** The words of one caption, not copied. */
export function wordsOf({ words, firstWord }: WordIdCaptions, caption: number): Int32Array {
  return words.subarray(firstWord[caption]!, firstWord[caption + 1]!);
}
