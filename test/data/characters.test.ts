import { describe, expect, it } from 'vitest';
import type { CaptionTable } from '../../src/data/captions.js';
import { longestCharacters, toCharacters } from '../../src/data/characters.js';
import { Vocabulary } from '../../src/data/vocabulary.js';
import { words } from './tiny-dataset.js';

function table(...rows: number[][]): CaptionTable {
  const columns = rows[0]!.length;
  const captions = Int32Array.from(rows.flat());
  return { path: 'captions.h5', captions, imageIdxs: new Int32Array(rows.length), count: rows.length, columns };
}

const vocabulary = Vocabulary.of('word', words, 'words');

describe('Character captions', () => {
  it('have the characters of the vocabulary, sorted, after the special tokens', () => {
    const spelled = toCharacters({ train: table([1, 4, 2]), val: table([1, 5, 2]) }, vocabulary);
    expect(spelled.vocabulary.tokens).toBe('char');
    expect(spelled.vocabulary.idxToWord.slice(4)).toEqual([' ', 'a', 'b', 'd', 'e', 'l', 'r']);
  });

  it('spell the words with blanks between, <UNK> as one character, in columns for the longest of both splits', () => {
    const {
      captions: { train, val },
      notes,
    } = toCharacters({ train: table([1, 4, 3, 2, 0]), val: table([1, 5, 6, 2, 0]) }, vocabulary);
    expect([...train.captions]).toEqual([1, 5, 4, 3, 2, 0, 0, 0, 0, 0]);
    expect(val.columns).toBe('red ball'.length + 2);
    expect([...val.captions]).toEqual([1, 10, 8, 7, 4, 6, 5, 9, 9, 2]);
    expect(notes).toEqual([]);
  });

  it('are cut within a word of any length', () => {
    const huge = Vocabulary.of('word', [...words, 'w'.repeat(200_000)], 'words');
    const long = table([1, words.length, 2]);
    const { captions } = toCharacters({ train: long, val: long }, huge);
    expect(captions.train.columns).toBe(longestCharacters + 2);
  });

  it('are cut where one is very long, and say so', () => {
    const long = table([1, ...new Array(60).fill(6), 2]);
    const {
      captions: { train },
      notes,
    } = toCharacters({ train: long, val: long }, vocabulary);
    expect(train.columns).toBe(longestCharacters + 2);
    expect(train.captions.at(-1)).toBe(2);
    expect(notes).toEqual([`captions are cut at ${longestCharacters} characters; the longest has 299`]);
  });
});
