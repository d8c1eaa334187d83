/**
 * The files of a lock: each process that wants a folder puts one of a name of its own into it, `lock-UUID`. Its first
 * line says who made it; a second line says that it holds the folder. `lock` alone is what recap 0.1.0 wrote first.
 */
import {
  closeSync,
  constants,
  fstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { UserError } from '../errors.js';
import { removeQuietly, temporaryName } from './atomic-file.js';
import { bootId, isNumberTaken, isRunning, type ProcessIdentity, startOf } from './process-identity.js';
import { NotAFileError, openRegularFile } from './regular-file.js';

const lockName = /^lock(-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/;
const holdsLine = 'holds\n';

export interface LockFile {
  readonly path: string;
  /** Null where the file cannot be read or its text is torn. */
  readonly owner: ProcessIdentity | null;
  /** Whether its maker has the folder, or only asks for it. */
  readonly holds: boolean;
  /** Whether its maker runs, by the table of processes; null where that can say nothing. */
  readonly isAlive: boolean | null;
  /** Whether it is the lock of recap 0.1.0, whose holder gives no sign of life. */
  readonly isFirstFormat: boolean;
  /** Changes with every sign of life. */
  readonly stamp: string;
}

/** Whether a file of this name is one of a lock, by its name. */
export function isLockName(name: string): boolean {
  return lockName.test(name);
}

/**
 * The locks in a folder, but for the file `own`.
 *
 * @throws UserError when the folder cannot be listed, or something other than a file has the name of a lock
 */
export function otherLocks(folder: string, own: string): LockFile[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new UserError(`${folder} cannot be listed: ${(error as Error).message}`);
  }
  return names
    .filter((name) => isLockName(name) && name !== own)
    .map((name) => readLock(join(folder, name)))
    .filter((lock) => lock !== null);
}

/** @returns null where the file is gone */
export function readLock(path: string): LockFile | null {
  let stat: Stats;
  let text: string | null = null;
  try {
    const file = openRegularFile(path);
    try {
      stat = fstatSync(file);
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // ESTALE is what a network folder says of a file that was removed by another machine.
    if (code === 'ENOENT' || code === 'ESTALE') return null;
    if (error instanceof NotAFileError) {
      throw new UserError(`The lock ${path} is ${error.kind}, which recap never makes. Remove it.`);
    }
    // A lock of another user's may be closed to us, and its signs of life can be seen all the same.
    if (code !== 'EACCES') throw new UserError(`The lock ${path} cannot be read: ${message}`);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return null;
    stat = found;
  }
  const stamp = `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
  const isFirstFormat = basename(path) === 'lock';
  if (isFirstFormat) return { path, holds: true, stamp, isFirstFormat, ...firstFormat(text) };
  const owner = text === null ? null : parse(text);
  // Whose text cannot be read may hold the folder.
  const holds = owner === null || text!.endsWith(`\n${holdsLine}`);
  return { path, owner, holds, stamp, isFirstFormat, isAlive: owner === null ? null : isRunning(owner) };
}

function parse(text: string): ProcessIdentity | null {
  try {
    const { pid, host, boot, namespace, started } = JSON.parse(text.slice(0, text.indexOf('\n')));
    const isSound = Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string';
    return isSound ? { pid, host, boot, namespace, started } : null;
  } catch {
    return null;
  }
}

/**
 * The one file of recap 0.1.0, `{pid, host, started: "BOOT/TICK"}`. It gives no sign of life, so one of another machine
 * counts as alive until a person deletes it, and a torn one as dead.
 */
function firstFormat(text: string | null): Pick<LockFile, 'owner' | 'isAlive'> {
  const owner = text === null ? null : parse(`${text.trim()}\n`);
  if (owner === null) return { owner, isAlive: text === null };
  if (owner.host !== hostname()) return { owner, isAlive: true };
  const start = startOf(owner.pid);
  const isSame = start === null || owner.started === null || owner.started === `${bootId()}/${start}`;
  return { owner, isAlive: isNumberTaken(owner.pid) && isSame };
}

/**
 * Makes a lock file appear with its text in it.
 *
 * @returns false where whoever has the folder cleared the draft away
 * @throws UserError when it cannot be written
 */
export function writeLock(path: string, owner: ProcessIdentity): boolean {
  const draft = temporaryName(path);
  try {
    writeFileSync(draft, `${JSON.stringify(owner)}\n`, { flag: 'wx' });
    renameSync(draft, path);
    return true;
  } catch (error) {
    removeQuietly(draft);
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && syscall === 'rename') return false;
    throw new UserError(`The lock ${path} cannot be written: ${message}`);
  }
}

/**
 * Notes in a lock file that its maker has the folder. It is added to the file as it stands: a file that is renamed over
 * its older self may be missing from the list that another process reads at that moment.
 *
 * @returns its inode; null where the file is gone, because another process took its maker for dead
 * @throws UserError when it cannot be written
 */
export function markHolding(path: string): number | null {
  try {
    const file = openRegularFile(path, constants.O_WRONLY | constants.O_APPEND);
    try {
      writeSync(file, holdsLine);
      return fstatSync(file).ino;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UserError(`The lock ${path} cannot be written: ${(error as Error).message}`);
  }
}

/** The maker of a lock, in messages. */
export function makerOf({ path, owner, isFirstFormat }: LockFile): string {
  if (owner === null) return `a process that ${path} does not name`;
  const isSeen = isFirstFormat ? owner.host === hostname() : isRunning(owner) !== null;
  return `process ${owner.pid}${isSeen ? '' : ` on ${owner.host}, which cannot be seen from here`}`;
}
