/** Makes folders. */
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing, all of them or none, one at a time from the first that is there:
 * Node's recursive mkdir begins again for ever where a folder cannot be made in one that exists, as in /proc.
 *
 * @returns the folders that were made, the outermost first
 * @throws the error of the system call that failed
 */
export function makeFolder(path: string): string[] {
  const missing: string[] = [];
  for (let at = path; !isThere(at); at = dirname(at)) {
    missing.push(at);
    if (dirname(at) === at) break;
  }
  // The path itself may be there and be no folder.
  if (missing.length === 0) missing.push(path);
  const made: string[] = [];
  try {
    for (const each of missing.reverse()) if (makeOne(each)) made.push(each);
    return made;
  } catch (error) {
    for (const each of made.reverse()) removeIfEmpty(each);
    throw error;
  }
}

/** A folder that someone else has put something into stays, and so do all on a disk that fails. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // As the doc comment says.
  }
}

/** @returns false where another process, or a link, has made the folder */
function makeOne(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && isFolder(path)) return false;
    throw error;
  }
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    // A file stands where a folder should be; making the folder will say so.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return false;
    throw error;
  }
}

/** Links followed. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
