/**
 * Deletes what of a run nobody needs any more. Whatever moment it is stopped at, what is kept is whole: nothing is
 * deleted that something kept depends on, and of a whole run the config goes last.
 */
import { closeSync, lstatSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../../errors.js';
import { syncFolder } from '../../files/atomic-file.js';
import { contentsOf, type FolderEntry } from '../../files/folder-contents.js';
import { acquireLock } from '../../files/lock.js';
import { removeIfEmpty } from '../../files/make-folder.js';
import { openRegularFile } from '../../files/regular-file.js';
import { stateOrNull, superfluousSteps } from '../checkpoints/checkpoint-folder.js';
import { checkpointName } from '../checkpoints/checkpoint-format.js';
import { linesOf, recordIn } from './log-lines.js';
import { filesOf, isLeftover, isRunFile, runSubfolders } from './run-files.js';
import { type RunSummary, summaryOf } from './run-summary.js';

export interface PruneOptions {
  /** Runs that were last written before this moment alone, in milliseconds since 1970; null: all. */
  readonly writtenBefore: number | null;
  /** Whether runs that ended before their first validation are deleted as a whole. */
  readonly unvalidated: boolean;
}

export interface Pruning {
  readonly dir: string;
  /** In the order in which they are deleted; paths include the run's folder. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Whether the folder goes with them. */
  readonly whole: boolean;
  /** Why something is kept; a text each. */
  readonly notes: readonly string[];
}

/** What would be deleted of a run; nothing while it runs, and nothing of a broken one. */
export async function pruningOf(dir: string, options: PruneOptions, ownLock = ''): Promise<Pruning> {
  const summary = await summaryOf(dir, ownLock);
  const { state, writtenAt, runId } = summary;
  const nothing = { dir, files: [], whole: false, notes: [] };
  if (state === 'running' || state === 'broken' || runId === null) return nothing;
  if (options.writtenBefore !== null && writtenAt >= options.writtenBefore) return nothing;
  const entries = [...contentsOf(dir)].filter(({ path }) => path !== ownLock);
  const isFailed = options.unvalidated && state !== 'finished' && summary.isValidated === false;
  const reason = isFailed ? whyKept(dir, runId, entries) : null;
  if (isFailed && reason === null) return { ...nothing, whole: true, files: wholeRun(dir, entries) };
  const notes = reason === null ? [] : [`${dir} is kept: ${reason}.`];
  return { ...nothing, ...partOfRun(summary, runId, entries, notes) };
}

/** Why a run without a validated checkpoint is more than a false start, or not recap's alone; null where it is neither. */
function whyKept(dir: string, runId: string, entries: readonly FolderEntry[]): string | null {
  for (const { path, isFile } of entries) {
    const full = join(dir, path);
    if (!isFile || !isRunFile(path)) return `${full} is not recap's`;
    if (path.endsWith('.safetensors') && stateOrNull(full)?.runId !== runId) return `${full} is not a checkpoint of it`;
    if (path.endsWith('.jsonl') && tellsOfValidation(full)) return `${full} tells of a validation`;
  }
  return null;
}

/** @throws UserError when it cannot be read */
function tellsOfValidation(log: string): boolean {
  const file = openRegularFile(log);
  try {
    for (const { text } of linesOf(log, file)) {
      if (text !== null && recordIn(text.toString('utf8'))?.type === 'validation') return true;
    }
    return false;
  } finally {
    closeSync(file);
  }
}

/** The config last, so that the folder is a run's until nothing else is in it. */
function wholeRun(dir: string, entries: readonly FolderEntry[]): Pruning['files'] {
  const config = basename(filesOf(dir).config);
  const isLast = ({ path }: FolderEntry) => path === config;
  const files = [...entries.filter((entry) => !isLast(entry)), ...entries.filter(isLast)];
  return files.map(({ path, bytes }) => ({ path: join(dir, path), bytes }));
}

function partOfRun(
  { dir }: RunSummary,
  runId: string,
  entries: readonly FolderEntry[],
  otherNotes: readonly string[],
): Pick<Pruning, 'files' | 'notes'> {
  const notes = [...otherNotes];
  const { checkpoints } = filesOf(dir);
  const names = new Set<string>();
  // A link leads out of the run's folder.
  if (lstatSync(checkpoints, { throwIfNoEntry: false })?.isDirectory()) {
    for (const step of superfluousSteps(checkpoints, runId, (_path, why) => notes.push(why))) {
      names.add(join(basename(checkpoints), checkpointName(step)));
    }
  }
  const files = entries.filter(({ path, isFile }) => isFile && (names.has(path) || isLeftover(path)));
  return { files: files.map(({ path, bytes }) => ({ path: join(dir, path), bytes })), notes };
}

/**
 * Deletes it, holding the run's lock, and decides again what that is when it has the lock.
 *
 * @param waiting told before it is waited for the sign of life of a process that cannot be seen
 * @returns what was deleted
 * @throws UserError when another process has the run, or a file cannot be deleted
 */
export async function prune(
  dir: string,
  options: PruneOptions,
  waiting: (message: string) => void = () => {},
): Promise<Pruning> {
  const lock = await acquireLock(dir, `The run folder ${dir}`, { waiting });
  let pruning: Pruning;
  try {
    pruning = await pruningOf(dir, options, basename(lock.file));
    for (const [i, { path }] of pruning.files.entries()) {
      if (pruning.whole && i === pruning.files.length - 1) syncFolder(dir);
      remove(path);
    }
  } finally {
    lock.release();
  }
  if (pruning.whole) {
    for (const folder of [...runSubfolders.map((name) => join(dir, name)), dir]) removeIfEmpty(folder);
  }
  return pruning;
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new UserError(`${path} cannot be deleted: ${(error as Error).message}`);
  }
}
