/** The files of a run that the board reads: none that lies outside of the run's folder, whatever it is called. */
import { closeSync, constants, fstatSync, readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { openRegularFile } from '../files/regular-file.js';

/** Bytes of a picture. */
const largestPicture = 4 * 2 ** 20;

/** A picture's path within a run's folder: no folder but this one, no hidden file. */
const picturePath = /^images\/[\p{L}\p{N}_][\p{L}\p{N}_. -]{0,199}\.(jpe?g|png|webp)$/iu;

const types: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
};

export interface Picture {
  /** Its media type. */
  readonly type: string;
  readonly bytes: Buffer;
}

/** Whether a path that a record names can be that of a picture. */
export function isPicturePath(path: string): boolean {
  return picturePath.test(path);
}

/** @returns null where there is none, it is too large, or the path leads elsewhere */
export function readPicture(dir: string, path: string): Picture | null {
  if (!isPicturePath(path)) return null;
  const bytes = readInside(dir, path, largestPicture);
  const type = types[path.slice(path.lastIndexOf('.') + 1).toLowerCase()]!;
  return bytes === null ? null : { type, bytes };
}

/**
 * @param path within the folder
 * @param most bytes
 * @returns null where it cannot be read, has more bytes, or is or lies behind a link that leads out of the folder
 */
export function readInside(dir: string, path: string, most: number): Buffer | null {
  let file: number | undefined;
  try {
    const folder = realpathSync(dir);
    const real = realpathSync(join(folder, path));
    if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return null;
    // What was looked at is no link any more: one that comes in its place is not followed.
    file = openRegularFile(real, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    return fstatSync(file).size > most ? null : readFileSync(file);
  } catch {
    return null;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
