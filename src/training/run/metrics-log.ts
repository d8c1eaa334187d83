/** metrics.jsonl: one JSON object a line, in the order of events. The records are described in docs/formats.md. */
import { closeSync, constants, writeSync } from 'node:fs';
import { openRegularFile } from '../../files/regular-file.js';

/** Milliseconds that a line may stay in memory. */
const writeInterval = 1000;
/** Bytes of lines that wait while the disk is full; the oldest go first. */
const mostPendingBytes = 16 * 2 ** 20;

export interface MetricsLogOptions {
  /** Told once when the log cannot be written, and once when it can be again. */
  readonly warn: (message: string) => void;
  /** Whether the run's folder is in its place and the run's; lines wait while it is not. */
  readonly mayWrite: () => boolean;
}

/**
 * Appends to metrics.jsonl. Lines are gathered and written once a second and at `write`; the checkpoint writer flushes
 * them to the disk before a checkpoint appears. A disk that cannot take them never stops the run: they wait and are
 * tried again.
 */
export class MetricsLog {
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  /** Bytes of the first pending line that are already in the file, after a write that was cut short. */
  private writtenOfFirst = 0;
  private dropped = 0;
  private failing = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly path: string,
    private readonly options: MetricsLogOptions,
  ) {
    this.timer = setInterval(() => this.write(), writeInterval);
    this.timer.unref();
  }

  /** Numbers keep every digit; what JSON has no number for (NaN, infinities) becomes null. */
  append(record: object): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    this.pending.push(line);
    this.pendingBytes += line.length;
    while (this.pendingBytes > mostPendingBytes && this.pending.length > 2) {
      // The first line may be in the file by half and must be completed.
      const [dropped] = this.pending.splice(1, 1);
      this.pendingBytes -= dropped?.length ?? 0;
      this.dropped++;
    }
  }

  /** Hands all lines to the system; to be called before a checkpoint is saved. Never throws. */
  write(): void {
    if (this.pending.length === 0) return;
    const fault = this.writePending();
    if (fault !== null) {
      if (!this.failing) this.options.warn(`${this.path} cannot be written, its lines wait in memory: ${fault}`);
      this.failing = true;
      return;
    }
    if (!this.failing) return;
    const lost = this.dropped === 0 ? '' : ` Of the lines that waited, ${this.dropped} are lost.`;
    this.options.warn(`${this.path} can be written again.${lost}`);
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

  /** Drops the lines within the first `bytes` pending bytes and notes how far the next one is written. */
  private forget(bytes: number): void {
    let rest = bytes;
    let lines = 0;
    for (const line of this.pending) {
      if (rest < line.length) break;
      rest -= line.length;
      lines++;
    }
    this.pending.splice(0, lines);
    this.pendingBytes -= bytes - rest;
    this.writtenOfFirst = rest;
  }
}
