/**
 * Ctrl-C and its relatives: the first asks the run to stop at the next step, the second stops at once; so does the first
 * while there is nothing to save yet.
 */
import { constants } from 'node:os';
import type { Interruption } from '../training/run-events.js';

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The exit code by convention of a process that a signal ended: 128 and the signal's number. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** @param onFirst called once, when the first signal comes; tells whether there is anything to finish before the end */
export function watchSignals(onFirst: (signal: NodeJS.Signals) => boolean): Interruption {
  const interruption: { signal: NodeJS.Signals | null } = { signal: null };
  for (const signal of signals) {
    process.on(signal, () => {
      if (interruption.signal !== null) process.exit(exitCodeOf(signal));
      interruption.signal = signal;
      if (!onFirst(signal)) process.exit(exitCodeOf(signal));
    });
  }
  return interruption;
}
