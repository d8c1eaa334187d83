/**
 * Word vectors in the text format of GloVe and word2vec: a word and its numbers a line, separated by blanks, and in
 * word2vec's a first line of how many words and numbers there are. Such files are gigabytes, so they are read piece by
 * piece, and only the lines of known words are taken apart.
 */
import { createHash } from 'node:crypto';
import { closeSync, readSync } from 'node:fs';
import { UserError } from '../errors.js';
import { NotAFileError, openRegularFile } from '../files/regular-file.js';
import { quote } from './quote.js';
import type { Vocabulary } from './vocabulary.js';

export interface WordVectors {
  /** By the word's id (W); the first one of a word that the file has twice. */
  readonly vectors: ReadonlyMap<number, Float64Array>;
  /** SHA-256 of the whole file, in hexadecimal. */
  readonly checksum: string;
}

const chunkBytes = 1 << 20;

/**
 * @param wordDim W
 * @throws UserError when the file is missing or no such text, has vectors of another length, or none of the words
 */
export function readWordVectors(path: string, vocabulary: Vocabulary, wordDim: number): WordVectors {
  const ids = new Map(vocabulary.idxToWord.map((word, id) => [word, id]));
  const vectors = new Map<number, Float64Array>();
  let number = 0;
  const checksum = readLines(path, (line) => {
    number++;
    if (number === 1) {
      const header = headerOf(line);
      checkLength(path, header ?? numbersOf(path, number, line).length, wordDim);
      if (header !== null) return;
    }
    const blank = line.indexOf(0x20);
    const id = ids.get(line.toString('utf8', 0, blank < 0 ? line.length : blank));
    if (id === undefined || vectors.has(id)) return;
    const vector = numbersOf(path, number, line);
    if (vector.length !== wordDim) {
      throw new UserError(`${path}:${number}: ${vector.length} numbers, where ${wordDim} are expected.`);
    }
    vectors.set(id, vector);
  });
  if (vectors.size > 0) return { vectors, checksum };
  throw new UserError(
    `${path}: none of the ${number} lines starts with a word of the vocabulary, such as ` +
      `${quote(vocabulary.idxToWord.at(-1))}. Is it the right file?`,
  );
}

/**
 * SHA-256 of the file; null where there is none.
 *
 * @throws UserError when what is there cannot be read
 */
export function wordVectorsChecksum(path: string): string | null {
  try {
    return readLines(path, () => {});
  } catch (error) {
    if (error instanceof NoFileError) return null;
    throw error;
  }
}

class NoFileError extends UserError {}

/** The numbers of a vector by word2vec's first line; null for any other line. */
function headerOf(line: Buffer): number | null {
  const columns = /^\d+ (\d+)\s*$/.exec(line.toString('latin1'))?.[1];
  return columns === undefined ? null : Number(columns);
}

function checkLength(path: string, found: number, wordDim: number): void {
  if (found === wordDim) return;
  throw new UserError(
    `${path}: vectors of ${found} numbers, but model.wordDim is ${wordDim}. Set model.wordDim to ${found}, or take other ` +
      'vectors.',
  );
}

function numbersOf(path: string, number: number, line: Buffer): Float64Array {
  const [word, ...fields] = line
    .toString('utf8')
    .trimEnd()
    .split(/[ \t]+/);
  const values = Float64Array.from(fields, (field) => (field === '' ? Number.NaN : Number(field)));
  if (values.length === 0) {
    throw new UserError(`${path}:${number}: ${quote(word)}, where a word and its numbers are expected.`);
  }
  const wrong = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (wrong < 0) return values;
  throw new UserError(`${path}:${number}: ${quote(fields[wrong])}, where a finite number is expected.`);
}

/** Gives each line, without its end and valid until the next, and returns the SHA-256 of the file. */
function readLines(path: string, take: (line: Buffer) => void): string {
  const hash = createHash('sha256');
  let file: number | undefined;
  try {
    file = openRegularFile(path);
    const buffer = Buffer.allocUnsafe(2 * chunkBytes);
    let kept = 0;
    for (;;) {
      const read = readSync(file, buffer, kept, chunkBytes, null);
      const fresh = buffer.subarray(kept, kept + read);
      hash.update(fresh);
      if (fresh.includes(0)) throw new UserError(`${path}: a binary file, where word vectors as text are expected.`);
      const end = kept + read;
      let from = 0;
      for (let at = buffer.indexOf(0x0a); at >= 0 && at < end; at = buffer.indexOf(0x0a, from)) {
        take(buffer.subarray(from, at));
        from = at + 1;
      }
      kept = end - from;
      if (kept > chunkBytes)
        throw new UserError(`${path}: a line of more than ${chunkBytes} bytes. Is it the right file?`);
      buffer.copyWithin(0, from, end);
      if (read > 0) continue;
      if (kept > 0) take(buffer.subarray(0, kept));
      return hash.digest('hex');
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof NotAFileError) throw new UserError(`${path}: not a file.`);
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new NoFileError(`${path}: no such file.`);
    throw new UserError(`${path}: cannot be read (${code}).`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
