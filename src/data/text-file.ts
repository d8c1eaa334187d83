/** Reads whole text files. */
import { closeSync, fstatSync, readFileSync } from 'node:fs';
import { UserError } from '../errors.js';
import { NotAFileError, openRegularFile } from '../files/regular-file.js';

/** Far more than any vocabulary or list of images has. */
const largestOfDataSet = 64 << 20;

/** @throws UserError when the file is missing, is no ordinary file, is huge, or is not UTF-8 */
export function readText(path: string, largestBytes = largestOfDataSet): string {
  let file: number | undefined;
  let bytes: Buffer;
  try {
    file = openRegularFile(path);
    const { size } = fstatSync(file);
    if (size > largestBytes) {
      throw new UserError(`${path}: ${size} bytes, where at most ${largestBytes} are expected. Is it the right file?`);
    }
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof NotAFileError) throw new UserError(`${path}: not a file.`);
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new UserError(`${path}: ${missing ? 'no such file' : `cannot be read (${code})`}.`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${path}: not UTF-8 text. Save it in that encoding.`);
  }
}

/** @throws UserError as `readText`, or when the text is not JSON */
export function readJson(path: string, largestBytes = largestOfDataSet): unknown {
  const text = readText(path, largestBytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 100);
    throw new UserError(`${path}: not JSON (${reason}). Fetch or make the file again.`);
  }
}
