/** The sanity run, told to people on a screen or to programs as JSON. */

import { plural } from '../amounts.js';
import type { OverfitOptions, OverfitOutcome } from '../training/checks/overfit.js';
import { captionLines } from './caption-lines.js';
import { trainerRecord } from './json-report.js';
import type { Screen } from './screen.js';
import { sentence } from './text.js';
import { more, trainerLines } from './trainer-lines.js';

/** Share of the captions that must come out word for word. */
export const required = 0.95;
/** Captions that are printed. */
const shown = 10;

export interface OverfitReport extends Required<Pick<OverfitOptions, 'preparing' | 'started' | 'step'>> {
  ended(outcome: OverfitOutcome): void;
}

/** @param captions how many were asked for */
export function overfitOnScreen(screen: Screen, captions: number): OverfitReport {
  return {
    preparing: (what, done, of) => screen.wait({ what, done, of }),
    started: (trainer, switchedOff) => {
      screen.endLive();
      for (const line of trainerLines(trainer)) screen.print(line);
      const { count } = trainer.dataset.train;
      if (count < captions) {
        screen.print(more(`the training split has ${count} images with captions, fewer than ${captions}`));
      }
      if (switchedOff.length > 0) screen.print(more(`switched off for this: ${switchedOff.join(', ')}`));
      screen.print('');
    },
    step: ({ epoch, loss }, done, of) => {
      const reached = `epoch ${epoch}  loss ${loss.toFixed(4)}`;
      const plain = `${reached}  ${done} of ${of} memorised`;
      screen.wait({ name: 'overfit', what: reached, done, of, unit: 'memorised', plain });
    },
    ended: ({ samples, memorised, loss, epochs }) => {
      screen.endLive();
      for (const line of captionLines(samples.slice(0, shown))) screen.print(line);
      if (samples.length > shown) screen.print(`  … and ${samples.length - shown} more`);
      screen.print('');
      const share = Math.round((100 * memorised) / samples.length);
      screen.result(
        sentence(
          `${memorised} of ${samples.length} captions memorised word for word (${share}%), loss ${loss.toFixed(4)} ` +
            `after ${plural(epochs, 'epoch')}`,
        ),
      );
    },
  };
}

export function overfitAsJson(print: (record: object) => void): OverfitReport {
  let last = 0;
  return {
    preparing: () => {},
    started: (trainer, switchedOff) => print({ type: 'start', ...trainerRecord(trainer), switchedOff }),
    step: ({ step, epoch, loss, learningRate, gradientNorm, parameterNorm }, memorised, of) => {
      last = step;
      print({ type: 'step', step, epoch, loss, learningRate, gradientNorm, parameterNorm, memorised, of });
    },
    ended: ({ samples, memorised, loss, epochs, stopped }) => {
      print({ type: 'captions', step: last, samples });
      const verdict = memorised / samples.length < required ? 'failed' : 'passed';
      const outcome = stopped ? 'stopped' : verdict;
      print({ type: 'end', outcome, memorised, of: samples.length, loss, epochs });
    },
  };
}
