/** The words by which files of captions name splits. */
import { basename } from 'node:path';
import { UserError } from '../../errors.js';
import type { FolderSplit } from '../dataset.js';
import { quote } from '../quote.js';
import type { CaptionSink } from './caption-entry.js';

const splitOf: ReadonlyMap<string, FolderSplit> = new Map([
  ['train', 'train'],
  ['restval', 'train'],
  ['val', 'val'],
  ['dev', 'val'],
  ['test', 'test'],
]);

/**
 * Karpathy's restval, the validation images of COCO that he trains on, is train; dev, as Flickr8k says, is val.
 *
 * @param where starts the message of an error
 * @param sink told of a word that is not the split's name
 * @throws UserError for any other word
 */
export function splitNamed(word: unknown, where: string, sink?: CaptionSink): FolderSplit {
  const split = splitOf.get(String(word).trim().toLowerCase());
  if (split === undefined) {
    throw new UserError(`${where}: split ${quote(word)}, where train, val or test is expected (also dev and restval).`);
  }
  if (word !== split) sink?.splitTaken(String(word).trim(), split);
  return split;
}

/** The split that a file's name tells, as captions_train2014.json does; null where it names none, or several. */
export function splitOfFileName(path: string): FolderSplit | null {
  const words = basename(path)
    .toLowerCase()
    .match(/(?<![a-z])(?:train|val|dev|test)(?![a-z])/g);
  const named = new Set(words?.map((word) => splitOf.get(word)!));
  return named.size === 1 ? [...named][0]! : null;
}
