/** Finds the files of images that captions name. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '../../errors.js';
import { isFolder } from '../../files/make-folder.js';

/** @throws UserError when one is no folder */
export function checkImageFolders(folders: readonly string[]): void {
  const wrong = folders.find((folder) => !isFolder(folder));
  if (wrong !== undefined) throw new UserError(`--images ${wrong}: no such folder. Name the folder of the images.`);
}

/** The absolute path of an image in the first of the folders that has it; null if none does. */
export function findImage(name: string, folders: readonly string[]): string | null {
  return folders.map((folder) => resolve(folder, name)).find(isFile) ?? null;
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // A name that is too long, holds a null character, or leads through a file.
    return false;
  }
}
