/** The folders of runs below a folder. */
import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { isFolder } from '../../files/make-folder.js';
import { bestName, stepOfName } from '../checkpoints/checkpoint-format.js';
import { filesOf, runIdOf } from './run-files.js';

export interface FoundRuns {
  /** Folders that are runs, or hold what only runs have. */
  readonly runs: readonly string[];
  /** Why a folder could not be looked into; a text each. */
  readonly unreadable: readonly string[];
}

/**
 * `root` itself where it is a run, or else all at whatever depth below it. Links, folders whose names begin with a
 * dot and node_modules are passed over, and what lies within a run is not looked at.
 *
 * @throws UserError when there is no such folder
 */
export function findRuns(root: string): FoundRuns {
  if (!isFolder(root)) {
    const what = existsSync(root) ? `${root} is a file` : `There is no folder ${root}`;
    throw new UserError(`${what}; expected a run, or a folder that runs are in.`);
  }
  const runs: string[] = [];
  const unreadable: string[] = [];
  const look = (dir: string): void => {
    const isRun = isCertainlyRun(dir);
    if (isRun || existsSync(filesOf(dir).metrics)) runs.push(dir);
    // A log alone may be a stray one, in a folder of runs.
    if (isRun) return;
    let entries: Dirent[] = [];
    try {
      entries = readdirSync(dir, { withFileTypes: true });
    } catch (error) {
      unreadable.push(`${dir} cannot be listed: ${(error as Error).message}`);
    }
    for (const entry of entries) {
      const { name } = entry;
      if (entry.isDirectory() && !name.startsWith('.') && name !== 'node_modules') look(join(dir, name));
    }
  };
  look(root);
  return { runs, unreadable };
}

/** Whether the config is a run's, or checkpoints lie where a run has them. */
function isCertainlyRun(dir: string): boolean {
  const { config, checkpoints } = filesOf(dir);
  return hasRunLine(config) || holdsCheckpoints(checkpoints);
}

function hasRunLine(config: string): boolean {
  try {
    return runIdOf(config) !== undefined;
  } catch {
    return false;
  }
}

function holdsCheckpoints(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name === bestName || stepOfName(name) !== null);
  } catch {
    return false;
  }
}
