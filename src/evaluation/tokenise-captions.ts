/** From the texts of many captions to numbers of their words, in parts that threads may make each on its own. */
import { IntList } from '../data/int-list.js';
import { type CaptionTokens, splitAtSpaces, tokeniser } from './tokenise.js';
import { type WordIdCaptions, WordIds } from './word-ids.js';

export interface Tokenising {
  readonly texts: readonly string[];
  /** Null for captions that are tokens already. */
  readonly tokens: CaptionTokens | null;
}

/** With ids of its own. */
export interface TokenisedPart extends WordIdCaptions {
  /** By id. */
  readonly vocabulary: readonly string[];
}

export function tokeniseCaptions({ texts, tokens }: Tokenising): TokenisedPart {
  const tokensOf = tokens === null ? splitAtSpaces : tokeniser(tokens);
  const ids = new WordIds();
  const words = new IntList();
  const firstWord = new Int32Array(texts.length + 1);
  texts.forEach((text, i) => {
    for (const token of tokensOf(text)) words.push(ids.idOf(token));
    firstWord[i + 1] = words.length;
  });
  return { words: words.array.slice(0, words.length), firstWord, vocabulary: ids.words() };
}

/** The parts one behind the other, with the same ids as if they had been one, in memory that threads share. */
export function joinTokenised(parts: readonly TokenisedPart[]): WordIdCaptions & { readonly vocabularySize: number } {
  const ids = new WordIds();
  const sizeOf = (size: (part: TokenisedPart) => number) => parts.reduce((sum, part) => sum + size(part), 0);
  const words = sharedInts(sizeOf((part) => part.words.length));
  const firstWord = sharedInts(sizeOf((part) => part.firstWord.length - 1) + 1);
  let word = 0;
  let caption = 0;
  for (const part of parts) {
    for (let i = 1; i < part.firstWord.length; i++) firstWord[++caption] = word + part.firstWord[i]!;
    const idOf = Int32Array.from(part.vocabulary, (each) => ids.idOf(each));
    for (const own of part.words) words[word++] = idOf[own]!;
  }
  return { words, firstWord, vocabularySize: ids.size };
}

function sharedInts(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * length));
}
