/** Photos in files, in folders, and from a pipe. */
import { closeSync, fstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { isFolder } from '../files/make-folder.js';
import { NotAFileError, openRegularFile } from '../files/regular-file.js';

export interface Photo {
  /** For messages, and in results. */
  readonly name: string;
  /** @throws UserError when it cannot be read */
  readonly read: () => Uint8Array | Promise<Uint8Array>;
}

/** What `-` on a command line stands for. */
export const standardInput = '/dev/stdin';

/** Bytes of a file. */
const largestFile = 128 << 20;

/** HEIC is not read, which is said of each. */
const photoName = /\.(jpe?g|png|gif|webp|tiff?|avif|hei[cf])$/i;

/** A path with a part that begins with a dot. */
const hidden = /(^|[/\\])\./;

/** Photos named on a command line: files, all photos of a folder by their names' endings, and `standardInput`. */
export function photosNamed(names: readonly string[], pipe: AsyncIterable<Uint8Array>): Photo[] {
  return names.flatMap((name) => {
    if (name === standardInput) return [fromPipe(pipe)];
    return isFolder(name) ? photosOf(name) : [photoFile(name)];
  });
}

/** @param name what messages call it, by default its path */
export function photoFile(path: string, name = path): Photo {
  return { name, read: () => readPhoto(path, name) };
}

/** Those of folders within it too, but for hidden ones. A folder that has none is a photo that cannot be read. */
function photosOf(folder: string): Photo[] {
  let why = 'holds no photo (.jpg, .png, .gif, .webp, .tif or .avif)';
  try {
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const names = paths.filter((path) => photoName.test(path) && !hidden.test(path));
    if (names.length > 0) return names.sort().map((name) => photoFile(join(folder, name)));
  } catch (error) {
    why = `cannot be listed (${(error as NodeJS.ErrnoException).code})`;
  }
  const read = () => {
    throw new UserError(`${folder}: ${why}.`);
  };
  return [{ name: folder, read }];
}

/** It is read once, however often it is looked at. */
function fromPipe(pipe: AsyncIterable<Uint8Array>): Photo {
  let bytes: Promise<Uint8Array> | undefined;
  const read = () => {
    bytes ??= readPipe(pipe);
    return bytes;
  };
  return { name: '-', read };
}

async function readPipe(pipe: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of pipe) {
    parts.push(part);
    size += part.length;
    if (size > largestFile) throw new UserError(`-: more than ${largestFile} bytes, which is the most that is read.`);
  }
  return Buffer.concat(parts);
}

function readPhoto(path: string, name: string): Uint8Array {
  let file: number | undefined;
  try {
    file = openRegularFile(path);
    const { size } = fstatSync(file);
    if (size > largestFile) throw new UserError(`${name}: ${size} bytes, where at most ${largestFile} are read.`);
    return readFileSync(file);
  } catch (error) {
    if (error instanceof UserError) throw error;
    if (error instanceof NotAFileError) throw new UserError(`${name}: ${error.message}.`);
    const { code } = error as NodeJS.ErrnoException;
    const missing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new UserError(`${name}: ${missing ? 'no such file' : `cannot be read (${code})`}.`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
