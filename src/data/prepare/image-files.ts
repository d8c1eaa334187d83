/** Looks for images on the disk. */
import { statSync } from 'node:fs';
import { UserError } from '../../errors.js';
import { isFolder } from '../../files/make-folder.js';

/** @throws UserError when one is no folder */
export function checkImageFolders(folders: readonly string[]): void {
  const wrong = folders.find((folder) => !isFolder(folder));
  if (wrong !== undefined) throw new UserError(`--images ${wrong}: no such folder. Name the folder of the images.`);
}

/** Links followed. */
export function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    // A name that is too long, holds a null character, or leads through a file.
    return false;
  }
}
