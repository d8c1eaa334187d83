/**
 * One process at a time: a lock file that says who holds it.
 *
 * Packages such as proper-lockfile tell a dead holder by a time stamp that the living one renews. After `kill -9` the
 * next run would have to wait until the stamp is old (10 s), and a process too busy to renew it would lose its lock.
 * The holder's identity answers at once: a process of this machine is alive or it is not.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { UserError } from '../errors.js';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Distinguishes a process from a later one with its number; null where the system does not tell. */
  readonly started: string | null;
}

export interface Lock {
  /** Removes the lock file; a second call does nothing. It is called at the process's exit in any case. */
  release(): void;
}

/**
 * @param what the thing locked, for the message: "The run folder runs/a"
 * @throws UserError naming the process that holds the lock
 */
export function acquireLock(path: string, what: string): Lock {
  const self: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const text = `${JSON.stringify(self)}\n`;
  for (let attempt = 0; attempt < 3; attempt++) {
    if (create(path, text)) return held(path, text);
    const found = readIfThere(path);
    if (found === null) continue;
    const holder = parse(found);
    if (holder && isAlive(holder)) throw new UserError(refusal(path, what, holder));
    setAside(path, found);
  }
  throw new UserError(`${what} is being taken by another process at this moment.`);
}

function held(path: string, text: string): Lock {
  const release = (): void => {
    process.removeListener('exit', release);
    // Whoever took the lock since, because a person deleted the file, keeps it.
    if (readIfThere(path) === text) rmSync(path, { force: true });
  };
  process.on('exit', release);
  return { release };
}

/** Makes the lock appear with its text in it, or returns false where there is one. */
function create(path: string, text: string): boolean {
  const draft = `${path}.tmp-${process.pid}`;
  try {
    writeFileSync(draft, text);
    linkSync(draft, path);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP') return createWithoutLink(path, text);
    throw new UserError(`The lock ${path} cannot be written: ${message}`);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** For file systems without hard links. */
function createWithoutLink(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new UserError(`The lock ${path} cannot be written: ${(error as Error).message}`);
  }
}

/**
 * Takes a stale lock out of the way. Another process may have done so already and hold the lock now, so what was moved
 * is looked at again and put back if it is not the stale one.
 */
function setAside(path: string, stale: string): void {
  const aside = `${path}.tmp-${process.pid}`;
  try {
    renameSync(path, aside);
    if (readFileSync(aside, 'utf8') !== stale) linkSync(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new UserError(`The lock ${path} cannot be read: ${message}`);
  }
}

function parse(text: string): Holder | null {
  try {
    const { pid, host, started } = JSON.parse(text);
    return Number.isSafeInteger(pid) && pid > 0 && typeof host === 'string' ? { pid, host, started } : null;
  } catch {
    return null;
  }
}

function isAlive({ pid, host, started }: Holder): boolean {
  // Nothing can be said of another machine's process.
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const now = startOf(pid);
  return now === null || started === null || now === started;
}

/**
 * The boot and the clock tick at which a process began; null where there is no /proc. A killed process that its parent
 * has not yet waited for counts as ended.
 */
function startOf(pid: number): string | null {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field, the program's name in parentheses, may hold anything; the third is the state, the 22nd the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return 'ended';
  return `${readProc('/proc/sys/kernel/random/boot_id')?.trim()}/${fields[19]}`;
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function refusal(path: string, what: string, { pid, host }: Holder): string {
  if (host === hostname()) return `${what} is in use by process ${pid}. Stop it, or use another folder.`;
  return `${what} is in use by process ${pid} on the machine ${host}. If it no longer runs there, delete ${path}.`;
}
