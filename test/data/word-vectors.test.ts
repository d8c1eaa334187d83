import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Vocabulary } from '../../src/data/vocabulary.js';
import { readWordVectors, wordVectorsChecksum } from '../../src/data/word-vectors.js';
import { UserError } from '../../src/errors.js';
import { temporaryFolder, words } from './tiny-dataset.js';

const folder = temporaryFolder();
const vocabulary = Vocabulary.of('word', [...words, 'é'], 'the test');
const path = join(folder, 'vectors.txt');

function read(content: string | Buffer) {
  writeFileSync(path, content);
  return readWordVectors(path, vocabulary, 3);
}

function byWord(content: string): Record<string, number[]> {
  const { vectors } = read(content);
  return Object.fromEntries([...vectors].map(([id, vector]) => [vocabulary.idxToWord[id], [...vector]]));
}

function complaint(content: string | Buffer): string {
  try {
    read(content);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('expected a UserError');
}

describe('word vectors', () => {
  it('of GloVe and word2vec are those of the vocabulary, by word', () => {
    const expected = { a: [1, -2.5, 3e-4], é: [0, 0, 7] };
    expect(byWord('a 1 -2.5 3e-4\nthe 4 5 6\né 0 0 7\n')).toEqual(expected);
    expect(byWord('4 3\na 1 -2.5 3e-4 \r\nthe 4 5 6 \r\né 0 0 7')).toEqual(expected);
  });

  it('take the first of a word that stands there twice, and leave lines of other words unread', () => {
    expect(byWord('a 1 2 3\nof two words 1 2 3\n1 2\n\na 4 5 6\nred 7 8 9')).toEqual({ a: [1, 2, 3], red: [7, 8, 9] });
  });

  it('are found in a file of several pieces', () => {
    const others = Array.from({ length: 100_000 }, (_, i) => `word${i} 0.125 0.25 ${i}`);
    const lines = [...others.slice(0, 51_000), 'red 1 2 3', ...others.slice(51_000), 'ball 4 5 6'];
    expect(byWord(lines.join('\n'))).toEqual({ red: [1, 2, 3], ball: [4, 5, 6] });
  });

  it('have the checksum of the whole file', () => {
    const text = 'a 1 2 3\nthe 4 5 6\n';
    const expected = createHash('sha256').update(text).digest('hex');
    expect(read(text).checksum).toBe(expected);
    expect(wordVectorsChecksum(path)).toBe(expected);
    expect(wordVectorsChecksum(join(folder, 'none'))).toBeNull();
  });

  it.each([
    ['vectors of 2 numbers, but model.wordDim is 3. Set model.wordDim to 2', 'a 1 2\n'],
    ['vectors of 300 numbers, but model.wordDim is 3.', '400000 300\na 1 2 3\n'],
    ['vectors.txt:2: 4 numbers, where 3 are expected.', 'the 1 2 3\nred 1 2 3 4\n'],
    ['vectors.txt:2: "x", where a finite number is expected.', 'the 1 2 3\nred 1 x 3\n'],
    ['"1e39", where a finite number is expected.', 'red 1 1e39 3\n'],
    ['vectors.txt:1: "red", where a word and its numbers are expected.', 'red\n'],
    ['none of the 2 lines starts with a word of the vocabulary, such as "é".', 'the 1 2 3\nof 4 5 6\n'],
    ['none of the 0 lines', ''],
    ['a binary file, where word vectors as text are expected.', Buffer.from('3 3\na \0\0\x80\x3f')],
    ['a line of more than 1048576 bytes. Is it the right file?', 'x'.repeat(3_000_000)],
  ])('are refused: %s', (message, content) => {
    expect(complaint(content)).toContain(message);
  });

  it('are no folder, no pipe and not missing', () => {
    expect(() => readWordVectors(folder, vocabulary, 3)).toThrow(': not a file.');
    expect(() => readWordVectors(join(folder, 'none'), vocabulary, 3)).toThrow(': no such file.');
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(() => readWordVectors(pipe, vocabulary, 3)).toThrow(': not a file.');
  });
});
