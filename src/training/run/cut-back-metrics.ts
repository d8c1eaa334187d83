/** What happens to the log of a run that goes on: it is cut back to the checkpoint, or set aside where there is none. */
import { closeSync, existsSync, renameSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { UserError } from '../../errors.js';
import { AtomicFile } from '../../files/atomic-file.js';
import { openRegularFile } from '../../files/regular-file.js';
import { cannot, chunkBytes, type Line, type LoggedRecord, linesOf, readChunk, recordIn } from './log-lines.js';
import { StepSet } from './step-set.js';

/** What was found of a log. */
export interface CutBack {
  readonly existed: boolean;
  /** Training steps kept, each once. */
  readonly steps: number;
}

/**
 * Prepares a log for going on after step `step`: keeps each training step up to it once, and drops every later line of
 * any type, lines that are no JSON objects and a last line that was cut short. The file is replaced whole or not at all.
 * It is read piece by piece, so its size does not matter.
 *
 * @param isAfter whether a record belongs to what the resumed run will do anew, though its step is not later
 * @param onKept told of every record that stays
 * @throws UserError when the log cannot be read or replaced
 */
export function cutBackMetrics(
  path: string,
  step: number,
  isAfter: (record: LoggedRecord) => boolean = () => false,
  onKept: (record: LoggedRecord) => void = () => {},
): CutBack {
  let file: number;
  try {
    file = openRegularFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { existed: false, steps: 0 };
    throw cannot('read', path, error);
  }
  const seen = new StepSet();
  const kept = new KeptLines(path, file);
  try {
    for (const line of linesOf(path, file)) {
      const record = line.text === null ? null : recordIn(line.text.toString('utf8'));
      if (record !== null && !isAfter(record) && belongs(record, step, seen)) {
        kept.keep(line);
        onKept(record);
      } else kept.drop(line);
    }
    kept.commit();
  } catch (error) {
    kept.abandon();
    if (error instanceof UserError) throw error;
    throw cannot('replaced', path, error);
  } finally {
    closeSync(file);
  }
  return { existed: true, steps: seen.size };
}

/**
 * Renames a log out of the way of a run that begins again, to `metrics-1.jsonl` or the next number that is free.
 *
 * @returns its new name; null where there is no log or it is empty
 * @throws UserError when it cannot be renamed
 */
export function setAsideMetrics(path: string): string | null {
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return null;
    const free = freeName(path);
    renameSync(path, free);
    return basename(free);
  } catch (error) {
    throw cannot('renamed', path, error);
  }
}

function freeName(path: string): string {
  for (let n = 1; ; n++) {
    const name = path.replace(/(\.\w+)?$/, (extension) => `-${n}${extension}`);
    if (!existsSync(name)) return name;
  }
}

/** Writes what is kept of a file beside it, from the first line on that is dropped; a file that loses none stays. */
class KeptLines {
  private copy: AtomicFile | null = null;

  constructor(
    private readonly path: string,
    private readonly file: number,
  ) {}

  keep({ text }: Line): void {
    if (text !== null) this.copy?.append(text);
  }

  drop({ begin }: Line): void {
    if (this.copy !== null) return;
    this.copy = new AtomicFile(this.path);
    const chunk = Buffer.alloc(chunkBytes);
    for (let at = 0; at < begin; ) {
      const read = readChunk(this.path, this.file, chunk, at);
      const bytes = chunk.subarray(0, Math.min(read, begin - at));
      if (bytes.length === 0) throw new Error('it became shorter while it was read');
      this.copy.append(bytes);
      at += bytes.length;
    }
  }

  commit(): void {
    this.copy?.commit();
  }

  abandon(): void {
    this.copy?.abandon();
  }
}

function belongs({ type, step }: LoggedRecord, lastStep: number, seen: StepSet): boolean {
  if (typeof step !== 'number') return true;
  if (step > lastStep) return false;
  return type !== 'step' || seen.add(step);
}
