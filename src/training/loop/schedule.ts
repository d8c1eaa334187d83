/** Learning rates, pure functions of where a run stands, so that nothing of a schedule needs to be stored. */
import type { Config } from '../../config/schema.js';

/** Where a run stands. */
export interface Moment {
  /** From 1. */
  readonly step: number;
  /** From 1. */
  readonly epoch: number;
  /** How often the validation loss has come to a plateau; see patience.ts. */
  readonly plateaus: number;
}

/** The learning rate of the step. */
export type Schedule = (moment: Moment) => number;

/** @param lastStep of the run, at which a schedule without a length of its own has come to its end */
export function scheduleOf({ optimizer, schedule, lrDecay }: Config['train'], lastStep: number): Schedule {
  const initial = optimizer.learningRate;
  switch (schedule.name) {
    case 'exponential':
      return warmedUp(schedule.warmup, ({ epoch }) => initial * (lrDecay ?? 1) ** (epoch - 1));
    case 'constant':
      return warmedUp(schedule.warmup, () => initial);
    case 'step': {
      const { every, factor } = schedule;
      return warmedUp(schedule.warmup, ({ epoch }) => initial * factor ** Math.floor((epoch - 1) / every));
    }
    case 'cosine': {
      const { warmup, end } = schedule;
      const steps = (schedule.steps ?? lastStep) - warmup;
      return warmedUp(warmup, ({ step }) => cosine(initial, initial * end, (step - 1 - warmup) / Math.max(1, steps)));
    }
    case 'plateau':
      return warmedUp(schedule.warmup, ({ plateaus }) => initial * schedule.factor ** plateaus);
    case 'oneCycle':
      return oneCycle(initial, schedule, schedule.steps ?? lastStep);
  }
}

/** Rises in a straight line to the schedule's own rate, which is reached at step `warmup`. */
function warmedUp(warmup: number, schedule: Schedule): Schedule {
  return (moment) => schedule(moment) * (moment.step < warmup ? moment.step / warmup : 1);
}

/** Half a cosine from `start`, where `share` is 0, to `end`, where it is 1. */
function cosine(start: number, end: number, share: number): number {
  return end + ((start - end) * (1 + Math.cos(Math.PI * Math.min(1, Math.max(0, share))))) / 2;
}

/** The cycle of Smith and Topin (2018) in the form of PyTorch's OneCycleLR: up to the learning rate, and down. */
function oneCycle(
  highest: number,
  { rise, startDivisor, endDivisor }: { rise: number; startDivisor: number; endDivisor: number },
  steps: number,
): Schedule {
  const start = highest / startDivisor;
  const top = Math.max(0, rise * steps - 1);
  return ({ step }) => {
    const done = step - 1;
    if (done < top) return cosine(start, highest, done / top);
    return cosine(highest, start / endDivisor, (done - top) / Math.max(1, steps - 1 - top));
  };
}
