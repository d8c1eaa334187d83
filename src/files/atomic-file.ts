/** Files that appear under their name whole or not at all, whenever the process or the machine stops. */
import { randomInt } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { openRegularFile } from './regular-file.js';

/**
 * A file being written beside its final place as `NAME.tmp-NUMBER`. `commit` flushes it to the disk, renames it and
 * flushes the folder; `abandon` removes it. Every method throws the error of the system call that failed.
 */
export class AtomicFile {
  private readonly temporary: string;
  private readonly file: number;
  private isOpen = true;
  private size = 0;

  constructor(readonly path: string) {
    this.temporary = temporaryName(path);
    this.file = openSync(this.temporary, 'wx');
  }

  append(bytes: Uint8Array): void {
    this.writeAt(this.size, bytes);
    this.size += bytes.length;
  }

  writeAt(position: number, bytes: Uint8Array): void {
    // A write may be cut short, for example by the last free block of a disk; the next one then says why.
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.file, bytes, done, bytes.length - done, position + done);
    }
  }

  /** @param beforeRename runs when the bytes are on the disk but not yet under their name */
  commit(beforeRename?: () => void): void {
    flush(this.file);
    this.close();
    beforeRename?.();
    renameSync(this.temporary, this.path);
    syncFolder(dirname(this.path));
  }

  abandon(): void {
    try {
      this.close();
    } catch {
      // A disk that fails may refuse this too.
    }
    removeQuietly(this.temporary);
  }

  /** Once: a number that was given back may be another thread's file by now. */
  private close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    closeSync(this.file);
  }
}

/** Drawn at random, so that it is that of no other process, in whichever container or machine it runs, nor of another thread of this one. */
export function temporaryName(path: string): string {
  return `${path}.tmp-${randomInt(2 ** 47)}`;
}

export function writeFileAtomically(path: string, content: string | Uint8Array): void {
  const file = new AtomicFile(path);
  try {
    file.append(typeof content === 'string' ? new TextEncoder().encode(content) : content);
    file.commit();
  } catch (error) {
    file.abandon();
    throw error;
  }
}

/**
 * Removes what `AtomicFile` left of killed processes in a folder that nobody else writes to.
 *
 * @param isOwn whether the file that was being written, by its final name, is the caller's
 */
export function removeLeftovers(folder: string, isOwn: (finalName: string) => boolean): void {
  for (const name of readdirSync(folder)) {
    const finalName = /^(.+)\.tmp-\d+$/.exec(name)?.[1];
    if (finalName !== undefined && isOwn(finalName)) rmSync(join(folder, name), { force: true });
  }
}

/** What stopped a writing may also stop the removal of what it left; the next owner of the folder removes it. */
export function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was not there, or see above.
  }
}

/** Makes a rename or removal in `folder` last through a power loss. */
export function syncFolder(folder: string): void {
  // Windows cannot open folders as files and needs no such call.
  if (process.platform === 'win32') return;
  const file = openSync(folder, 'r');
  try {
    flush(file);
  } finally {
    closeSync(file);
  }
}

/** Windows flushes only what is open for writing. */
const forFlushing = process.platform === 'win32' ? constants.O_RDWR : constants.O_RDONLY;

/** Flushes what any process wrote into `path`; a missing file has nothing to flush. */
export function syncFile(path: string): void {
  let file: number;
  try {
    file = openRegularFile(path, forFlushing);
  } catch {
    return;
  }
  try {
    flush(file);
  } finally {
    closeSync(file);
  }
}

/** Waits until the disk has it. Some file systems have no such call, often none for folders: then there is no waiting. */
function flush(file: number): void {
  try {
    fsyncSync(file);
  } catch (error) {
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  }
}
