/** The last records of metrics.jsonl, whose size does not matter. */
import { readEnd } from '../../files/file-ends.js';
import { recordIn } from './log-lines.js';

export interface LogEnd {
  /** Of the last training step; null where none is near the end. */
  readonly step: number | null;
  /** Null too where it was not finite. */
  readonly loss: number | null;
  /** What was not finite, where the log ends with that. */
  readonly nonFinite: string | null;
}

const firstBytes = 2 ** 14;
const mostBytes = 2 ** 20;

const empty: LogEnd = { step: null, loss: null, nonFinite: null };

/**
 * Nothing but nulls where there is no log, or no step in its last megabyte.
 * @throws the error of the system call when it cannot be read
 */
export function readLogEnd(path: string): LogEnd {
  for (let bytes = firstBytes; ; bytes *= 8) {
    const end = readEndOrNothing(path, bytes);
    const found = lastStepIn(end.toString('utf8'));
    if (found.step !== null || end.length < bytes || bytes >= mostBytes) return found;
  }
}

function readEndOrNothing(path: string, bytes: number): Buffer {
  try {
    return readEnd(path, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function lastStepIn(text: string): LogEnd {
  let nonFinite: string | null = null;
  for (const [fromEnd, line] of text.trimEnd().split('\n').reverse().entries()) {
    const record = recordIn(line);
    // The last line may be under way.
    if (record?.type === 'nonFinite' && fromEnd <= 1) nonFinite = String(record.fault);
    if (record?.type !== 'step' || typeof record.step !== 'number') continue;
    return { step: record.step, loss: typeof record.loss === 'number' ? record.loss : null, nonFinite };
  }
  return { ...empty, nonFinite };
}
