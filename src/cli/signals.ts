/**
 * Ctrl-C and its relatives: the first asks the run to stop at the next step, the second stops at once; so does the first
 * while there is nothing to save yet.
 */
import { constants } from 'node:os';
import { isatty } from 'node:tty';
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
 * @param isLaunched by an MPI launcher, which sends several signals itself and then ends the process in any case
 * @returns aborts at the first signal, with its name as the reason
 */
export function watchSignals(onFirst: (signal: NodeJS.Signals) => boolean, isLaunched = false): AbortSignal {
  const controller = new AbortController();
  const hasTerminal = [0, 1, 2].some((fd) => isatty(fd));
  let firstAt = 0;
  const take = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (!isLaunched && performance.now() - firstAt > sameSignal) process.exit(exitCodeOf(signal));
      return;
    }
    firstAt = performance.now();
    if (signal === 'SIGHUP' && hasTerminal) process.once('exit', hangUp);
    controller.abort(signal);
    if (!onFirst(signal)) process.exit(exitCodeOf(signal));
  };
  for (const signal of signals) {
    const isIgnored = signal === 'SIGHUP' && isUnderNohup();
    process.on(signal, isIgnored ? () => {} : take);
  }
  if (isLaunched) onContinueWithoutStop(() => take('SIGTERM'));
  return controller.signal;
}

/**
 * Ends the process by the signal itself, as it would have ended without a handler: Node aborts at an ordinary exit when the
 * terminal, whose settings it wants to put back, is gone.
 */
function hangUp(): void {
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** Milliseconds between two looks at the clock, and how late one is at least when the process was stopped. */
const tick = 100;
const stoppedFor = 300;
/** Milliseconds after SIGCONT by which a stop before it has been noticed, and for which a stop explains it. */
const noticed = 250;
const explained = 2000;

/**
 * When it has to end its job, Open MPI's launcher sends SIGCONT, SIGTERM a second later, and SIGKILL another second later;
 * but a launcher's child that npx has started is given up at SIGTERM already. So SIGCONT is the signal to act on, unless
 * it lets a process go on that was stopped.
 */
function onContinueWithoutStop(act: () => void): void {
  let lookedAt = performance.now();
  let stoppedUntil = Number.NEGATIVE_INFINITY;
  setInterval(() => {
    const now = performance.now();
    if (now - lookedAt > stoppedFor) stoppedUntil = now;
    lookedAt = now;
  }, tick).unref();
  // Whether the clock or the signal is looked at first after a stop is not said.
  process.on('SIGCONT', () => {
    setTimeout(() => {
      if (performance.now() - stoppedUntil > explained) act();
    }, noticed);
  });
}
