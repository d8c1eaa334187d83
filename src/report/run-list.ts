/** Runs on the disk, a line each. */

import { ageWords, bytesWords } from '../amounts.js';
import type { RunSummary } from '../training/run/run-summary.js';
import { tableLines } from './text-table.js';

/** @param now milliseconds since 1970 */
export function runLines(runs: readonly RunSummary[], now: number): string[] {
  const head = ['run', 'state', 'step', 'best', 'loss', 'age', 'size', ''];
  const rows = runs.map((run) => [
    run.dir,
    run.state,
    stepWords(run),
    run.best === null ? '–' : bestWords(run.best),
    run.loss === null ? '–' : run.loss.toFixed(4),
    ageWords(now - run.writtenAt),
    bytesWords(run.bytes),
    run.notes.join('; '),
  ]);
  return tableLines([head, ...rows], [2, 4, 5, 6]);
}

/** For programs: an object that becomes one line of JSON. */
export function runRecord({ dir, writtenAt, ...run }: RunSummary): Readonly<Record<string, unknown>> {
  return { run: dir, ...run, writtenAt: new Date(writtenAt).toISOString() };
}

export function stepWords({ step, lastStep }: Pick<RunSummary, 'step' | 'lastStep'>): string {
  return `${step.toLocaleString('en-US')}/${lastStep === null ? '?' : lastStep.toLocaleString('en-US')}`;
}

function bestWords({ metric, value, step }: NonNullable<RunSummary['best']>): string {
  return `${metric} ${value.toFixed(4)}${step === null ? '' : ` at ${step.toLocaleString('en-US')}`}`;
}
