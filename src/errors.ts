import { oneLine } from './one-line.js';

/**
 * A mistake the user can mend: a wrong file, key, value or command. Commands print its message alone, without a stack
 * trace, and exit with code 2. Every message says where, what was found, what was expected and what to do.
 */
export class UserError extends Error {
  override readonly name = 'UserError';

  constructor(...lines: readonly string[]) {
    super(lines.map(oneLine).join('\n'));
  }
}

/** A disk that is full, a folder that cannot be written: the message says all, and the fault is not in the program. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** A file of a newer version of recap, which is whole and must not be passed over for an older one. */
export class NewerVersionError extends UserError {}

/** A failure that is not the user's mistake but has a known cause: printed without a stack trace, exit code 1. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';

  constructor(message: string) {
    super(oneLine(message));
  }
}
