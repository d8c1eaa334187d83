/** Ctrl-C and its relatives: the first asks the run to stop at the next step, the second stops at once. */
import { constants } from 'node:os';
import type { Interruption } from '../training/run-events.js';

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The exit code by convention of a process that a signal ended: 128 and the signal's number. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** @param onFirst called once, when the first signal comes */
export function watchSignals(onFirst: (signal: NodeJS.Signals) => void): Interruption {
  const interruption: { signal: NodeJS.Signals | null } = { signal: null };
  for (const signal of signals) {
    process.on(signal, () => {
      if (interruption.signal !== null) process.exit(exitCodeOf(signal));
      interruption.signal = signal;
      onFirst(signal);
    });
  }
  return interruption;
}
