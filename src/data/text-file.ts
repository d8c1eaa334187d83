/** Reads whole text files of a data set. */
import { readFileSync, statSync } from 'node:fs';
import { UserError } from '../errors.js';

/** Far more than any vocabulary or list of images has. */
const largestBytes = 64 << 20;

/** @throws UserError when the file is missing, is no ordinary file, is huge, or is not UTF-8 */
export function readText(path: string): string {
  let bytes: Buffer;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new UserError(`${path}: not a file.`);
    if (stat.size > largestBytes) {
      throw new UserError(
        `${path}: ${stat.size} bytes, where at most ${largestBytes} are expected. Is it the right file?`,
      );
    }
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new UserError(`${path}: ${missing ? 'no such file' : `cannot be read (${code})`}.`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${path}: not UTF-8 text. Save it in that encoding.`);
  }
}

/** @throws UserError as `readText`, or when the text is not JSON */
export function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/[^\x20-\x7e]+/g, ' ').slice(0, 100);
    throw new UserError(`${path}: not JSON (${reason}). Fetch or make the file again.`);
  }
}
