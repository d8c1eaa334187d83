/** The gradient check, told to people on a screen or to programs as JSON. */
import type { GradientCheckOptions, ParameterCheck } from '../training/checks/gradient-check.js';
import { trainerRecord } from './json-report.js';
import type { Screen } from './screen.js';
import { sentence } from './text.js';
import { more, trainerLines } from './trainer-lines.js';

/** The course calls anything above this a likely mistake. */
export const allowed = 1e-5;

export interface GradcheckReport extends Required<Pick<GradientCheckOptions, 'preparing' | 'started' | 'compared'>> {
  checked(check: ParameterCheck): void;
  /** @param worst the largest relative error of all parameters */
  ended(worst: number): void;
  /** By a signal. */
  stopped(): void;
}

export function gradcheckOnScreen(screen: Screen): GradcheckReport {
  return {
    preparing: (what, done, of) => screen.wait({ what, done, of }),
    started: (trainer, switchedOff) => {
      screen.endLive();
      for (const line of trainerLines(trainer)) screen.print(line);
      if (switchedOff.length > 0) screen.print(more(`switched off for this: ${switchedOff.join(', ')}`));
      screen.print('');
    },
    compared: (name, done, of) => screen.wait({ what: name.padEnd(8), done, of, unit: 'elements' }),
    checked: ({ name, compared, relativeError }) => {
      const verdict = relativeError < allowed ? '' : '  TOO LARGE';
      screen.print({
        label: `${name.padEnd(8)}  `,
        text: `relative error ${relativeError.toExponential(2)} over ${compared} elements${verdict}`,
      });
    },
    ended: (worst) => {
      screen.endLive();
      screen.result(sentence(`largest relative error ${worst.toExponential(2)}, allowed ${allowed}`));
    },
    stopped: () => screen.endLive(),
  };
}

export function gradcheckAsJson(print: (record: object) => void): GradcheckReport {
  const verdict = (error: number) => (error < allowed ? 'passed' : 'failed');
  return {
    preparing: () => {},
    started: (trainer, switchedOff) => print({ type: 'start', ...trainerRecord(trainer), switchedOff }),
    compared: () => {},
    checked: (check) => print({ type: 'gradient', ...check, outcome: verdict(check.relativeError) }),
    ended: (worst) => print({ type: 'end', outcome: verdict(worst), relativeError: worst, allowed }),
    stopped: () => print({ type: 'end', outcome: 'stopped' }),
  };
}
