/** Reads the entries of lists in JSON files of any size, one after another. */
import { JSONParser } from '@streamparser/json';
import { UserError } from '../../errors.js';
import { quote } from '../quote.js';
import type { TextSource } from './text-source.js';

/**
 * Gives each entry of the lists that stand under these keys of the file's object, with its place in the list.
 *
 * @throws UserError when the file cannot be read or is not JSON
 */
export async function readEntries(
  file: TextSource,
  lists: Readonly<Record<string, (entry: unknown, at: number) => void>>,
): Promise<void> {
  const parser = new JSONParser({ paths: Object.keys(lists).map((key) => `$.${key}.*`), keepStack: false });
  let fault: Error | null = null;
  // Also what is thrown where an entry is taken.
  parser.onError = (error) => {
    fault ??= error;
  };
  parser.onValue = ({ value, key, stack }) => {
    // Where an object stands in the place of a list, its keys are words.
    if (typeof key === 'number') lists[String(stack[1]!.key)]!(value, key);
  };
  const check = () => {
    if (fault instanceof UserError) throw fault;
    if (fault === null) return;
    throw new UserError(`${file.path}: not JSON (${faultWords(fault.message)}). Fetch or make the file again.`);
  };
  for await (const chunk of file.chunks()) {
    parser.write(chunk);
    check();
  }
  if (!parser.isEnded) parser.end();
  check();
}

/** In place of the parser's words, which name its states. */
function faultWords(message: string): string {
  const position = /absolute position "(\d+)"/.exec(message)?.[1];
  if (position !== undefined) return `unexpected character at byte ${position}`;
  const token = /^Unexpected \w+ \("(.*)"\)/s.exec(message)?.[1];
  return token === undefined ? 'it ends before it is complete' : `unexpected ${quote(token)}`;
}

export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
