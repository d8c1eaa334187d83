/** The runs in some folders, by names that tell them apart. */
import { realpathSync } from 'node:fs';
import { basename, relative, sep } from 'node:path';
import { findRuns } from '../training/run/find-runs.js';

const mostRuns = 2000;

export interface NamedRun {
  /** By which people know it, and no other of these runs. */
  readonly name: string;
  readonly dir: string;
}

/**
 * @param folders of runs, or that hold runs
 * @returns by name
 * @throws UserError where one of them is no folder
 */
export function namedRuns(folders: readonly string[]): NamedRun[] {
  const named = new Map<string, NamedRun>();
  for (const folder of folders) {
    for (const run of findRuns(folder).runs) {
      if (named.size === mostRuns) break;
      const dir = realpathSync(run);
      const short = relative(realpathSync(folder), dir).split(sep).join('/') || basename(dir);
      const name = named.has(short) && named.get(short)!.dir !== dir ? dir : short;
      named.set(name, { name, dir });
    }
  }
  return [...named.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
