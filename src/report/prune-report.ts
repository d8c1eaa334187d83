/** What of runs is deleted, or would be. */

import { bytesWords } from '../amounts.js';
import type { Pruning } from '../training/run/prune.js';

/** A line for each file of a run, or one for the whole run. */
export function pruningLines(pruning: Pruning): string[] {
  if (pruning.whole) return [line(bytesOf(pruning), `${pruning.dir} (the whole run)`)];
  return pruning.files.map(({ path, bytes }) => line(bytes, path));
}

function line(bytes: number, what: string): string {
  return `${bytesWords(bytes).padStart(longestAmount)}  ${what}`;
}

const longestAmount = '99.9 MB'.length;

/** "12 files of 3 runs, 1.20 GB" */
export function totalWords(prunings: readonly Pruning[]): string {
  const files = prunings.reduce((sum, pruning) => sum + pruning.files.length, 0);
  const runs = prunings.filter((pruning) => pruning.files.length > 0).length;
  const bytes = prunings.reduce((sum, pruning) => sum + bytesOf(pruning), 0);
  return `${plural(files, 'file')} of ${plural(runs, 'run')}, ${bytesWords(bytes)}`;
}

/** For programs: an object that becomes one line of JSON. */
export function pruningRecord({ dir, ...pruning }: Pruning, deleted: boolean): Readonly<Record<string, unknown>> {
  return { run: dir, deleted, bytes: bytesOf({ dir, ...pruning }), ...pruning };
}

function bytesOf({ files }: Pruning): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function plural(value: number, noun: string): string {
  return `${value.toLocaleString('en-US')} ${noun}${value === 1 ? '' : 's'}`;
}
