/** The lines of a log of any size. */
import { fstatSync, readSync } from 'node:fs';
import { UserError } from '../../errors.js';
import { NotAFileError } from '../../files/regular-file.js';

export const chunkBytes = 2 ** 20;
/** A longer line is no record. */
const longestLine = 16 * 2 ** 20;
const newline = 0x0a;

export interface Line {
  readonly begin: number;
  readonly end: number;
  /** With its newline; null where it is too long, or the last one and cut short. */
  readonly text: Buffer | null;
}

/**
 * The lines of a file, one at a time; what lies beyond its size at the start is not read.
 * @throws UserError when it cannot be read
 */
export function* linesOf(path: string, file: number): Generator<Line, void, void> {
  const size = fstatSync(file).size;
  const chunk = Buffer.alloc(chunkBytes);
  /** The beginning of a line whose end has not been read yet. */
  let parts: Buffer[] = [];
  let begin = 0;
  for (let at = 0; at < size; ) {
    const read = readChunk(path, file, chunk, at);
    if (read === 0) break;
    let from = 0;
    for (let to = chunk.indexOf(newline) + 1; to > 0 && to <= read; to = chunk.indexOf(newline, from) + 1) {
      const end = at + to;
      const text = end - begin > longestLine ? null : Buffer.concat([...parts, chunk.subarray(from, to)]);
      yield { begin, end, text };
      parts = [];
      begin = end;
      from = to;
    }
    at += read;
    if (at - begin > longestLine) parts = [];
    else if (from < read) parts.push(Buffer.from(chunk.subarray(from, read)));
  }
  // The last line of a log ends in a newline unless its writing was interrupted.
  if (begin < size) yield { begin, end: size, text: null };
}

/** @throws UserError when it cannot be read */
export function readChunk(path: string, file: number, chunk: Buffer, at: number): number {
  try {
    return readSync(file, chunk, 0, chunk.length, at);
  } catch (error) {
    throw cannot('read', path, error);
  }
}

/** @param what could not be done, such as "read" */
export function cannot(what: string, path: string, error: unknown): UserError {
  const reason = error instanceof NotAFileError ? `${error.message}.` : (error as Error).message;
  return new UserError(`${path} cannot be ${what}: ${reason}`);
}

/** An object of the log, which anyone may have changed. */
export interface LoggedRecord {
  readonly type?: unknown;
  readonly step?: unknown;
  readonly kind?: unknown;
}

/** Null for what is no record, such as a line whose begin was not read. */
export function recordIn(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const record: unknown = JSON.parse(line);
    const isRecord = typeof record === 'object' && record !== null && !Array.isArray(record);
    return isRecord ? (record as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
