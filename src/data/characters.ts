/** Turns word captions into character captions, for `tokens: char`. */
import type { CaptionTable } from './captions.js';
import { endId, nullId, specialTokens, startId, unkId, Vocabulary } from './vocabulary.js';

/** Longer captions are cut here, so that a single one does not make every minibatch expensive. */
export const longestCharacters = 200;

export interface CharacterCaptions<S extends string> {
  readonly captions: Record<S, CaptionTable>;
  readonly vocabulary: Vocabulary;
  readonly notes: readonly string[];
}

/**
 * Spells every caption's words with one blank between them, an `<UNK>` word as one `<UNK>` character. The characters are
 * those of all words of the vocabulary, sorted by code point; columns are the longest caption of all splits and two.
 */
export function toCharacters<S extends string>(
  tables: Record<S, CaptionTable>,
  words: Vocabulary,
): CharacterCaptions<S> {
  const characters = new Set([' ']);
  for (const word of words.idxToWord.slice(specialTokens.length))
    for (const character of word) characters.add(character);
  const sorted = [...characters].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const vocabulary = Vocabulary.of('char', [...specialTokens, ...sorted], 'character vocabulary');
  const ids = new Map(vocabulary.idxToWord.map((character, id) => [character, id]));
  const spelling = words.idxToWord.map((word, id) =>
    id < specialTokens.length ? [unkId] : Array.from(word, (character) => ids.get(character)!),
  );
  const blank = ids.get(' ')!;
  const splits = Object.entries(tables) as [S, CaptionTable][];
  const longest = Math.max(...splits.map(([, table]) => longestOf(table, spelling)));
  const columns = Math.min(longest, longestCharacters) + 2;
  const notes =
    longest > longestCharacters
      ? [`captions are cut at ${longestCharacters} characters; the longest has ${longest}`]
      : [];
  const spelled = splits.map(([split, table]) => [split, spellTable(table, spelling, blank, columns)]);
  return { captions: Object.fromEntries(spelled) as Record<S, CaptionTable>, vocabulary, notes };
}

/** Places in the table of the words of caption `row`, without special tokens but `<UNK>`. */
function* wordsOf(table: CaptionTable, row: number): Generator<number> {
  for (let i = row * table.columns; i < (row + 1) * table.columns; i++) {
    const id = table.captions[i]!;
    if (id === endId) return;
    if (id !== nullId && id !== startId) yield id;
  }
}

function longestOf(table: CaptionTable, spelling: readonly (readonly number[])[]): number {
  let longest = 0;
  for (let row = 0; row < table.count; row++) {
    let length = -1;
    for (const id of wordsOf(table, row)) length += 1 + spelling[id]!.length;
    longest = Math.max(longest, length);
  }
  return longest;
}

function spellTable(
  table: CaptionTable,
  spelling: readonly (readonly number[])[],
  blank: number,
  columns: number,
): CaptionTable {
  const captions = new Int32Array(new SharedArrayBuffer(table.count * columns * 4)).fill(nullId);
  for (let row = 0; row < table.count; row++) {
    const text: number[] = [];
    for (const id of wordsOf(table, row)) {
      if (text.length > 0) text.push(blank);
      // One by one, since a call takes only so many arguments.
      for (const character of spelling[id]!) text.push(character);
    }
    const caption = [startId, ...text.slice(0, columns - 2), endId];
    captions.set(caption, row * columns);
  }
  return { ...table, captions, columns };
}
