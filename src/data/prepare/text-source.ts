/** Reads texts of any length piece by piece. */
import { closeSync, read as readInto } from 'node:fs';
import { promisify } from 'node:util';
import { UserError } from '../../errors.js';
import { NotAFileError, openRegularFile } from '../../files/regular-file.js';

/** A text in UTF-8 that is read from its beginning, piece by piece, as often as wanted. */
export interface TextSource {
  readonly path: string;
  /** @throws UserError when the file cannot be read or is not UTF-8 */
  chunks(): AsyncIterable<Buffer>;
}

const chunkBytes = 64 << 10;
/** Far more than an image and its caption take. */
const longestLine = 1 << 20;

const read = promisify(readInto);

/** @param progress told how many bytes have been read */
export function textFile(path: string, progress: (bytes: number) => void = () => {}): TextSource {
  return { path, chunks: () => readChunks(path, progress) };
}

async function* readChunks(path: string, progress: (bytes: number) => void): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let file: number | undefined;
  try {
    file = openRegularFile(path);
    for (let done = 0; ; ) {
      const { bytesRead, buffer } = await read(file, Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, null);
      const chunk = buffer.subarray(0, bytesRead);
      checkUtf8(path, decoder, chunk);
      if (bytesRead === 0) return;
      done += bytesRead;
      yield chunk;
      progress(done);
    }
  } catch (error) {
    if (error instanceof NotAFileError)
      throw new UserError(`${path}: ${error.kind}, where a file of captions is expected.`);
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new UserError(`${path}: ${missing ? 'no such file' : `cannot be read (${code})`}.`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function checkUtf8(path: string, decoder: TextDecoder, chunk: Buffer): void {
  try {
    decoder.decode(chunk, { stream: chunk.length > 0 });
  } catch {
    throw new UserError(`${path}: not UTF-8 text. Save it in that encoding.`);
  }
}

/** How messages name a line. */
export function linePlace(path: string, line: number): string {
  return `${path}:${line}`;
}

/** The beginning of a text, without a byte order mark. */
export async function headOf(file: TextSource): Promise<string> {
  for await (const chunk of file.chunks()) return new TextDecoder().decode(chunk);
  return '';
}

/** Empty where the text is. */
export async function firstLineOf(file: TextSource): Promise<string> {
  return /^.*/.exec(await headOf(file))![0];
}

/**
 * Gives each line without its end, numbered from 1.
 *
 * @throws UserError as `chunks`, or when a line is longer than any caption
 */
export async function readLines(file: TextSource, take: (line: string, number: number) => void): Promise<void> {
  const decoder = new TextDecoder();
  let number = 0;
  let rest = '';
  for await (const chunk of file.chunks()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) take(line.endsWith('\r') ? line.slice(0, -1) : line, ++number);
    if (rest.length > longestLine) {
      throw new UserError(
        `${linePlace(file.path, number + 1)}: a line of more than ${longestLine} characters. Is it the right file?`,
      );
    }
  }
  if (rest !== '') take(rest, number + 1);
}
