/** What lies in a folder, links not followed. */
import { type Dirent, lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';

export interface FolderEntry {
  /** Below the folder. */
  readonly path: string;
  /** A file of its own, not a link, a pipe or a device. */
  readonly isFile: boolean;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

/**
 * Everything in a folder and the folders below it but those folders themselves. What vanishes meanwhile is left out.
 *
 * @throws the error of the system call when a folder cannot be listed
 */
export function* contentsOf(folder: string, below = ''): Generator<FolderEntry, void, void> {
  for (const entry of entriesOf(join(folder, below))) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) yield* contentsOf(folder, path);
    else {
      const stat = statOf(join(folder, path));
      if (stat) yield { path, isFile: stat.isFile(), bytes: stat.size, writtenAt: stat.mtimeMs };
    }
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
