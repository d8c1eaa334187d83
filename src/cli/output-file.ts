/** Files that options name for what a command has made. */
import { UserError } from '../errors.js';
import { AtomicFile, writeFileAtomically } from '../files/atomic-file.js';
import { isFolder } from '../files/make-folder.js';

/**
 * Looks whether a file could be written, before anything is computed for it. What is there stays, and nothing comes.
 *
 * @param option that names it, such as `--out`
 * @throws UserError when it could not
 */
export function checkOutputFile(option: string, path: string): void {
  named(option, path, () => {
    if (path === '') throw new Error('it has no name');
    if (isFolder(path)) throw new Error('it is a folder');
    new AtomicFile(path).abandon();
  });
}

/** @throws UserError when it cannot be written; what was there before is still whole */
export function writeOutputFile(option: string, path: string, content: string | Uint8Array): void {
  named(option, path, () => writeFileAtomically(path, content));
}

function named(option: string, path: string, use: () => void): void {
  try {
    use();
  } catch (error) {
    throw new UserError(`${option} ${path} cannot be written: ${(error as Error).message}`);
  }
}
