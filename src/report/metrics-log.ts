/** metrics.jsonl: one JSON object a line, in the order of events. The records are described in docs/formats.md. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { UserError } from '../errors.js';
import { writeFileAtomically } from '../files/atomic-file.js';

/** Milliseconds that a line may stay in memory. */
const writeInterval = 1000;
/** Bytes of lines that wait while the disk is full; the oldest go first. */
const mostPendingBytes = 16 * 2 ** 20;
const newline = 0x0a;

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
  private failing = false;
  private readonly timer: NodeJS.Timeout;

  /** @param warn told once when the log cannot be written, and once when it can be again */
  constructor(
    private readonly path: string,
    private readonly warn: (message: string) => void,
  ) {
    this.timer = setInterval(() => this.write(), writeInterval);
    this.timer.unref();
  }

  /** Numbers keep every digit; what JSON has no number for (NaN, infinities) becomes null. */
  append(record: Readonly<Record<string, unknown>>): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    this.pending.push(line);
    this.pendingBytes += line.length;
    while (this.pendingBytes > mostPendingBytes && this.pending.length > 2) {
      // The first line may be in the file by half and must be completed.
      const [dropped] = this.pending.splice(1, 1);
      this.pendingBytes -= dropped?.length ?? 0;
    }
  }

  /** Hands all lines to the system; to be called before a checkpoint is saved. Never throws. */
  write(): void {
    if (this.pending.length === 0) return;
    try {
      this.writePending();
      if (this.failing) this.warn(`${this.path} can be written again.`);
      this.failing = false;
    } catch (error) {
      if (!this.failing)
        this.warn(`${this.path} cannot be written, its lines wait in memory: ${(error as Error).message}`);
      this.failing = true;
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.write();
  }

  private writePending(): void {
    // Opened each time, so that a folder that was away for a while is found again.
    const file = openSync(this.path, 'a');
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

/**
 * Prepares a log for going on after step `step`: keeps each training step up to it once, and drops every later line of
 * any type, lines that are no JSON objects and a last line that was cut short. The file is replaced whole or not at all.
 *
 * @param lastStepOf a lower limit for types of record that the resumed run will log anew for step `step`
 * @returns training steps kept
 * @throws UserError when the log cannot be read or replaced
 */
export function cutBackMetrics(path: string, step: number, lastStepOf: Readonly<Record<string, number>> = {}): number {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw new UserError(`${path} cannot be read: ${(error as Error).message}`);
  }
  const kept: Buffer[] = [];
  const seen = new Set<number>();
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(newline, start) + 1;
    // The last line of a log ends in a newline unless its writing was interrupted.
    if (end === 0) break;
    const line = bytes.subarray(start, end);
    if (belongs(line, step, lastStepOf, seen)) kept.push(line);
    start = end;
  }
  const content = Buffer.concat(kept);
  if (content.length === bytes.length) return seen.size;
  try {
    writeFileAtomically(path, content);
  } catch (error) {
    throw new UserError(`${path} cannot be replaced: ${(error as Error).message}`);
  }
  return seen.size;
}

function belongs(
  line: Buffer,
  lastStep: number,
  lastStepOf: Readonly<Record<string, number>>,
  seen: Set<number>,
): boolean {
  let record: { type?: unknown; step?: unknown } | null;
  try {
    record = JSON.parse(line.toString('utf8'));
  } catch {
    return false;
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return false;
  if (typeof record.step !== 'number') return true;
  const { type } = record;
  const limit = typeof type === 'string' && Object.hasOwn(lastStepOf, type) ? lastStepOf[type]! : lastStep;
  if (record.step > limit) return false;
  if (type !== 'step') return true;
  const isNew = !seen.has(record.step);
  seen.add(record.step);
  return isNew;
}
