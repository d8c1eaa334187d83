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
 * @param folders of runs, or that hold runs; a run in two of them has the name that the first gives it
 * @returns by name
 * @throws UserError where one of them is no folder
 */
export function namedRuns(folders: readonly string[]): NamedRun[] {
  return nameRuns(folders, (folder) => findRuns(folder).runs);
}

/** As `namedRuns`, and what is gone by now or cannot be read is passed over. */
export function remainingRuns(folders: readonly string[]): NamedRun[] {
  return nameRuns(folders, (folder) => {
    try {
      return findRuns(folder).runs;
    } catch {
      return [];
    }
  });
}

function nameRuns(folders: readonly string[], runsIn: (folder: string) => readonly string[]): NamedRun[] {
  const byFolder = new Map<string, NamedRun>();
  const names = new Set<string>();
  for (const folder of folders) {
    for (const run of runsIn(folder)) {
      if (byFolder.size === mostRuns) break;
      const real = realPaths(folder, run);
      if (real === null || byFolder.has(real.run)) continue;
      const dir = real.run;
      const short = relative(real.folder, dir).split(sep).join('/') || basename(dir);
      const name = names.has(short) ? dir : short;
      names.add(name);
      byFolder.set(dir, { name, dir });
    }
  }
  return [...byFolder.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @returns null where one of them has gone since it was found */
function realPaths(folder: string, run: string): { readonly folder: string; readonly run: string } | null {
  try {
    return { folder: realpathSync(folder), run: realpathSync(run) };
  } catch {
    return null;
  }
}
