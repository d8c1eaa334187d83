/** The lists of a data set's images, `SPLIT2014_images.txt`: a path a line, in the order of their rows. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { type FolderSplit, folderSplits } from './dataset.js';
import { imageListName } from './folder-files.js';
import { readText } from './text-file.js';

export interface ImageList {
  readonly split: FolderSplit;
  /** As they stand in the file: absolute, or seen from the data folder. */
  readonly lines: readonly string[];
  readonly paths: readonly string[];
}

/** @throws UserError when there is no list, or an empty line in one */
export function readImageLists(folder: string): ImageList[] {
  const lists: ImageList[] = [];
  for (const split of folderSplits) {
    const path = join(folder, imageListName(split));
    if (!existsSync(path)) continue;
    const lines = readText(path)
      .replace(/\r?\n$/, '')
      .split(/\r?\n/);
    const empty = lines.indexOf('');
    if (empty >= 0) throw new UserError(`${path}: line ${empty + 1} is empty, where the path of an image is expected.`);
    lists.push({ split, lines, paths: lines.map((line) => resolve(folder, line)) });
  }
  if (lists.length > 0) return lists;
  throw new UserError(
    `${folder}: no list of images is there, such as train2014_images.txt with a path a line. recap prepare writes them.`,
  );
}
