/** Waiting for a better validation: what a run that stops early, or a schedule that goes by plateaus, remembers. */
import type { Config } from '../../config/schema.js';

export type ValidationMetric = Config['validate']['metric'];

export interface Patience {
  /** The value of the metric that has to be beaten; null before the first validation. */
  readonly best: number | null;
  /** Validations in a row that did not beat it. */
  readonly waited: number;
}

export interface Plateaus extends Patience {
  /** How many there were. */
  readonly count: number;
}

export const noPatience: Patience = { best: null, waited: 0 };
export const noPlateaus: Plateaus = { ...noPatience, count: 0 };

/**
 * Whether a validation beats another one by more than `minDelta`: a loss that is lower, or a score that is higher.
 *
 * @param best null where there was none
 */
export function isBetter(metric: ValidationMetric, value: number, best: number | null, minDelta = 0): boolean {
  if (best === null) return true;
  return metric === 'loss' ? value < best - minDelta : value > best + minDelta;
}

export function afterValidation(
  metric: ValidationMetric,
  { best, waited }: Patience,
  value: number,
  minDelta: number,
): Patience {
  return isBetter(metric, value, best, minDelta) ? { best: value, waited: 0 } : { best, waited: waited + 1 };
}

/** A plateau is `patience` validations in a row that were no better; the next one begins anew. */
export function plateausAfter(
  metric: ValidationMetric,
  before: Plateaus,
  value: number,
  { patience, minDelta }: { readonly patience: number; readonly minDelta: number },
): Plateaus {
  const { best, waited } = afterValidation(metric, before, value, minDelta);
  return waited < patience ? { best, waited, count: before.count } : { best, waited: 0, count: before.count + 1 };
}
