/** The runs in a folder, and in the folders in it, such as those of a sweep. */
import { type Dirent, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { UserError } from '../errors.js';
import { isFolder } from '../files/make-folder.js';

/** Folders within folders that are looked into. */
const deepest = 3;
const mostRuns = 2000;
/** Of a run; they hold no runs. */
const ownFolders: readonly string[] = ['checkpoints', 'images', 'tensorboard', 'node_modules'];

export interface FoundRun {
  /** By which people know it, and no other of these runs. */
  readonly name: string;
  readonly dir: string;
}

/** @throws UserError where one of them is no folder */
export function refuseNoFolders(folders: readonly string[]): void {
  const missing = folders.find((folder) => !isFolder(folder));
  if (missing === undefined) return;
  throw new UserError(`There is no folder ${missing}; expected that of a run, or one that holds runs.`);
}

/**
 * @param folders of runs, or that hold runs; links within them are not followed
 * @returns by name
 */
export function findRuns(folders: readonly string[]): FoundRun[] {
  const found = new Map<string, FoundRun>();
  for (const folder of folders) {
    const real = realpathSync(folder);
    for (const dir of runsIn(real, deepest)) {
      if (found.size === mostRuns) break;
      const name = relative(real, dir).split(sep).join('/') || basename(real);
      const isTaken = found.has(name) && found.get(name)!.dir !== dir;
      found.set(isTaken ? dir : name, { name: isTaken ? dir : name, dir });
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function* runsIn(dir: string, depth: number): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch {
    // It is gone, or not to be read by this user.
    return;
  }
  if (entries.some((entry) => entry.name === 'metrics.jsonl' || entry.name === 'config.yaml') && isRun(dir)) yield dir;
  if (depth === 0) return;
  for (const entry of entries) {
    const isInner = entry.isDirectory() && !entry.name.startsWith('.') && !ownFolders.includes(entry.name);
    if (isInner) yield* runsIn(join(dir, entry.name), depth - 1);
  }
}

/** Recap makes this folder with the config of every run. */
function isRun(dir: string): boolean {
  return ['checkpoints', 'metrics.jsonl'].some((name) => lstatSync(join(dir, name), { throwIfNoEntry: false }));
}
