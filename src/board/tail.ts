/** Reads a file of lines that grows, that is cut back when a run goes on, and whose last line may still be under way. */
import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { openRegularFile } from '../files/regular-file.js';

const newline = 0x0a;
const chunkBytes = 2 ** 20;
/** A longer line is no record. */
const longestLine = 16 * 2 ** 20;
/** Bytes before the place that was read up to, by which a file is known again. */
const rememberedBytes = 256;

/** Takes the bytes of one line, without its newline; they are the reader's and gone after the call. */
export type TakesLine = (bytes: Uint8Array, begin: number, end: number) => void;

export interface TailEvents {
  /** A line at which it throws is passed over. */
  readonly line: TakesLine;
  /** What was read before is no longer in the file: it was replaced, cut back or is gone. All lines come again. */
  readonly restarted: () => void;
}

export class LineTail {
  private offset = 0;
  private inode: number | null = null;
  /** The last bytes before `offset`. */
  private remembered = Buffer.alloc(0);
  /** What has come of a line that is under way; null while one is passed over that is too long. */
  private rest: Buffer | null = Buffer.alloc(0);
  private readonly chunk = Buffer.alloc(chunkBytes);

  constructor(
    private readonly path: string,
    private readonly events: TailEvents,
  ) {}

  /**
   * Reads what has come, a part of it: a long log takes many calls.
   *
   * @returns whether there is more to read now
   * @throws the error of the system call that failed, or NotAFileError; a file that is not there is an empty one
   */
  read(): boolean {
    let file: number;
    try {
      file = openRegularFile(this.path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if (this.inode !== null) this.restart();
      return false;
    }
    try {
      const { ino, size } = fstatSync(file);
      if (this.inode !== null && !this.isSame(file, ino, size)) this.restart();
      this.inode = ino;
      const length = readSync(file, this.chunk, 0, Math.min(chunkBytes, size - this.offset), this.offset);
      this.take(this.chunk.subarray(0, length));
      return this.offset < size && length > 0;
    } finally {
      closeSync(file);
    }
  }

  /** A number of an inode is given again once its file is gone, so the bytes are looked at too. */
  private isSame(file: number, inode: number, size: number): boolean {
    if (inode !== this.inode || size < this.offset) return false;
    if (size === this.offset) return true;
    const before = Buffer.alloc(this.remembered.length);
    readSync(file, before, 0, before.length, this.offset - before.length);
    return before.equals(this.remembered);
  }

  private restart(): void {
    this.offset = 0;
    this.inode = null;
    this.remembered = Buffer.alloc(0);
    this.rest = Buffer.alloc(0);
    this.events.restarted();
  }

  private take(bytes: Buffer): void {
    let begin = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, begin)) {
      if (this.rest === null) this.rest = Buffer.alloc(0);
      else if (this.rest.length === 0) this.give(bytes, begin, end);
      else {
        const line = Buffer.concat([this.rest, bytes.subarray(begin, end)]);
        this.rest = Buffer.alloc(0);
        this.give(line, 0, line.length);
      }
      begin = end + 1;
    }
    if (this.rest !== null && begin < bytes.length) {
      const rest = Buffer.concat([this.rest, bytes.subarray(begin)]);
      this.rest = rest.length > longestLine ? null : rest;
    }
    this.offset += bytes.length;
    const end = bytes.subarray(-rememberedBytes);
    const kept = rememberedBytes - end.length;
    this.remembered = Buffer.concat(kept > 0 ? [this.remembered.subarray(-kept), end] : [end]);
  }

  private give(bytes: Uint8Array, begin: number, end: number): void {
    try {
      this.events.line(bytes, begin, end);
    } catch {
      // Reading would stay at this place for ever, and take what comes before it again each time.
    }
  }
}
