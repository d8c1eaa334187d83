/** Whether a process was started so that a hang-up of its terminal is nothing to it. */
import { constants, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * `nohup` tells the system to ignore SIGHUP, and Node undoes that as it starts. What `nohup` leaves behind all the same
 * is a standard input that can only be written, and, from most shells, its name in `_`.
 */
export function isUnderNohup(): boolean {
  return ignoresHangUp() || hasUnreadableInput() || basename(process.env._ ?? '') === 'nohup';
}

/** Where Node leaves it as it was. */
function ignoresHangUp(): boolean {
  const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readProc('/proc/self/status'))?.[1];
  // The first bit is signal 1, SIGHUP.
  return ignored !== undefined && (Number.parseInt(ignored.slice(-1), 16) & 1) === 1;
}

function hasUnreadableInput(): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readProc('/proc/self/fdinfo/0'))?.[1];
  if (flags === undefined || (Number.parseInt(flags.slice(-1), 8) & 3) !== constants.O_WRONLY) return false;
  try {
    return readlinkSync('/proc/self/fd/0') === '/dev/null';
  } catch {
    return false;
  }
}

/** Empty where the system has no such file. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
