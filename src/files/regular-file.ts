/**
 * Opens what should be a file. A pipe, a device or a folder of that name is refused at once, where opening or reading
 * it could wait for ever.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';

/** Not on Windows, whose files never make an opening wait. */
const { O_NONBLOCK = 0, O_NOCTTY = 0 } = constants;

/** The path leads to something other than a file. */
export class NotAFileError extends Error {
  /** @param kind what is there: "a folder", "a pipe" */
  constructor(readonly kind: string) {
    super(`it is ${kind}, not a file`);
  }
}

/**
 * @param flags of open(2): how to open it, by default for reading
 * @returns the descriptor of a regular file
 * @throws NotAFileError, or the error of the system call that failed
 */
export function openRegularFile(path: string, flags: number = constants.O_RDONLY): number {
  let file: number;
  try {
    file = openSync(path, flags | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What opening says of a socket, of a pipe that nobody reads, and of a folder that is to be written.
    if (code === 'ENXIO') throw new NotAFileError('a pipe or a socket');
    if (code === 'EISDIR') throw new NotAFileError('a folder');
    throw error;
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new NotAFileError(kindOf(stat));
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** A whole file; throws as `openRegularFile`. */
export function readRegularFile(path: string): Buffer {
  const file = openRegularFile(path);
  try {
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isFIFO()) return 'a pipe';
  return 'a device';
}
