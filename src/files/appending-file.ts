/** A file that grows while a program runs, and whose disk may fail meanwhile. */
import { closeSync, constants, writeSync } from 'node:fs';
import { openRegularFile } from './regular-file.js';

/** Milliseconds that a record may stay in memory. */
const writeInterval = 1000;
/** Bytes of records that wait while the disk is full; the oldest go first. */
const mostPendingBytes = 16 * 2 ** 20;

export interface AppendingFileOptions {
  /** What the file is made of, for messages: "lines". */
  readonly records: string;
  /** Told once when the file cannot be written, and once when it can be again. */
  readonly warn: (message: string) => void;
  /** Whether the run's folder is in its place and the run's; records wait while it is not. */
  readonly mayWrite: () => boolean;
  /** Makes what has to be there before the file is; called before each writing, and may throw. */
  readonly prepare?: () => void;
}

/**
 * Appends records to a file. They are gathered and written once a second and at `write`. A disk that cannot take them
 * never stops the program: they wait and are tried again.
 */
export class AppendingFile {
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  /** Bytes of the first pending record that are already in the file, after a write that was cut short. */
  private writtenOfFirst = 0;
  private dropped = 0;
  private failing = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    readonly path: string,
    private readonly options: AppendingFileOptions,
  ) {
    this.timer = setInterval(() => this.write(), writeInterval);
    this.timer.unref();
  }

  append(record: Uint8Array): void {
    this.pending.push(record);
    this.pendingBytes += record.length;
    while (this.pendingBytes > mostPendingBytes && this.pending.length > 2) {
      // The first record may be in the file by half and must be completed.
      const [dropped] = this.pending.splice(1, 1);
      this.pendingBytes -= dropped?.length ?? 0;
      this.dropped++;
    }
  }

  /** Hands all records to the system. Never throws. */
  write(): void {
    if (this.pending.length === 0) return;
    const { records, warn } = this.options;
    const fault = this.writePending();
    if (fault !== null) {
      if (!this.failing) warn(`${this.path} cannot be written, its ${records} wait in memory: ${fault}`);
      this.failing = true;
      return;
    }
    if (!this.failing) return;
    const lost = this.dropped === 0 ? '' : ` Of the ${records} that waited, ${this.dropped} are lost.`;
    warn(`${this.path} can be written again.${lost}`);
    this.failing = false;
    this.dropped = 0;
  }

  close(): void {
    clearInterval(this.timer);
    this.write();
  }

  /** @returns why it could not be done, or null */
  private writePending(): string | null {
    if (!this.options.mayWrite()) return "the run's folder is not in its place";
    try {
      this.options.prepare?.();
      this.appendToFile();
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  private appendToFile(): void {
    // Opened each time, so that a folder that was away for a while is found again.
    const file = openRegularFile(this.path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT);
    try {
      const bytes = Buffer.concat(this.pending).subarray(this.writtenOfFirst);
      let done = 0;
      try {
        while (done < bytes.length) done += writeSync(file, bytes, done);
      } finally {
        this.forget(this.writtenOfFirst + done);
      }
    } finally {
      closeSync(file);
    }
  }

  /** Drops the records within the first `bytes` pending bytes and notes how far the next one is written. */
  private forget(bytes: number): void {
    let rest = bytes;
    let records = 0;
    for (const record of this.pending) {
      if (rest < record.length) break;
      rest -= record.length;
      records++;
    }
    this.pending.splice(0, records);
    this.pendingBytes -= bytes - rest;
    this.writtenOfFirst = rest;
  }
}
