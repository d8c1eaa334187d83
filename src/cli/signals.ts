/**
 * Ctrl-C and its relatives: the first asks the run to stop at the next step, the second stops at once; so does the first
 * while there is nothing to save yet.
 */
import { constants } from 'node:os';
import { isUnderNohup } from './nohup.js';

const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Milliseconds within which a second signal is the same one: `timeout` sends its own to the process and then to the
 * process's group, and npm hands on the Ctrl-C that the terminal has sent to both.
 */
const sameSignal = 500;

/** The exit code by convention of a process that a signal ended: 128 and the signal's number. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/**
 * @param onFirst called once, when the first signal comes; tells whether there is anything to finish before the end
 * @returns aborts at the first signal, with its name as the reason
 */
export function watchSignals(onFirst: (signal: NodeJS.Signals) => boolean): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  const take = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (performance.now() - firstAt > sameSignal) process.exit(exitCodeOf(signal));
      return;
    }
    firstAt = performance.now();
    controller.abort(signal);
    if (!onFirst(signal)) process.exit(exitCodeOf(signal));
  };
  for (const signal of signals) {
    const isIgnored = signal === 'SIGHUP' && isUnderNohup();
    process.on(signal, isIgnored ? () => {} : take);
  }
  return controller.signal;
}
