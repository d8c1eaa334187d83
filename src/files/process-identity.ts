/** Who a process is, so that another one, later or elsewhere, can tell whether it still runs. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** The machine's boot; null where there is no /proc. */
  readonly boot: string | null;
  /** The namespace that the pid is a number of; containers on one machine have their own. */
  readonly namespace: string | null;
  /** The clock tick at which the process began: distinguishes it from a later one with its number. */
  readonly started: string | null;
}

export function ownIdentity(): ProcessIdentity {
  return {
    pid: process.pid,
    host: hostname(),
    boot: bootId(),
    namespace: pidNamespace(),
    started: startOf(process.pid),
  };
}

/**
 * What the table of processes says: null where it can say nothing, because the process belongs to another machine, boot
 * or container, or because the system does not tell when a process began.
 */
export function isRunning({ pid, host, boot, namespace, started }: ProcessIdentity): boolean | null {
  if (host !== hostname() || boot !== bootId() || namespace !== pidNamespace()) return null;
  if (!isNumberTaken(pid)) return false;
  const now = startOf(pid);
  if (now === ended) return false;
  return now === null || started === null ? null : now === started;
}

/** Whether any process has this number, of whichever user. */
export function isNumberTaken(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const ended = 'ended';

/**
 * The clock tick at which a process began; null where there is no /proc, or one of another namespace. A killed process
 * that its parent has not yet waited for counts as ended.
 */
export function startOf(pid: number): string | null {
  if (linkOf('/proc/self') !== String(process.pid)) return null;
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field, the program's name in parentheses, may hold anything; the third is the state, the 22nd the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return ended;
  return fields[19] ?? null;
}

export function bootId(): string | null {
  return readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

function pidNamespace(): string | null {
  return linkOf('/proc/self/ns/pid');
}

function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
