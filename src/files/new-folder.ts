/** A folder that appears under its name whole or not at all. */
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { syncFolder, temporaryName } from './atomic-file.js';
import { makeFolder, removeIfEmpty } from './make-folder.js';

/**
 * What is written into `temporary` appears as `path` when it is committed, and is removed when it is abandoned or the
 * process exits before. Methods throw the error of the system call that failed.
 */
export class NewFolder {
  /** Beside the final place. */
  readonly temporary: string;
  private readonly path: string;
  private readonly parents: readonly string[];

  /** @param path not there, or an empty folder: see `isFree` */
  constructor(path: string) {
    this.path = existsSync(path) ? realpathSync(path) : resolve(path);
    this.parents = makeFolder(dirname(this.path));
    this.temporary = temporaryName(this.path);
    mkdirSync(this.temporary);
    process.once('exit', this.abandon);
  }

  commit(): void {
    syncFolder(this.temporary);
    // Not every system renames over a folder; one that has been filled meanwhile is not removed.
    if (existsSync(this.path)) rmdirSync(this.path);
    renameSync(this.temporary, this.path);
    process.off('exit', this.abandon);
    syncFolder(dirname(this.path));
  }

  readonly abandon = (): void => {
    process.off('exit', this.abandon);
    rmSync(this.temporary, { recursive: true, force: true });
    for (const parent of [...this.parents].reverse()) removeIfEmpty(parent);
  };
}

/** Whether nothing would be lost if a new folder took this name. */
export function isFree(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || (stat.isDirectory() && readdirSync(path).length === 0);
}
