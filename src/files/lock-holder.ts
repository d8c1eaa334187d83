/** Whether a process has a folder, seen without asking for the folder. */
import { statSync } from 'node:fs';
import { longestSilence } from './lock.js';
import { otherLocks } from './lock-file.js';

/** `gone` is a holder that ended without giving the folder free. */
export type Holder = 'alive' | 'gone' | 'none';

/**
 * Where the table of processes cannot know, a holder counts as alive that has touched its lock as lately as one that asks
 * for the folder would wait for it.
 *
 * @param own the name of a lock of the caller's own, which does not count
 * @throws UserError when the folder or a lock in it cannot be read
 */
export function holderOf(folder: string, own = ''): Holder {
  const locks = otherLocks(folder, own).filter(({ holds }) => holds);
  if (locks.some(({ isAlive, path }) => isAlive ?? touchedLately(path))) return 'alive';
  return locks.length > 0 ? 'gone' : 'none';
}

function touchedLately(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < longestSilence;
}
