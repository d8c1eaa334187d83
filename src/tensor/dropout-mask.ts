/**
 * Masks of inverted dropout (Srivastava et al. 2014): an element is 0 with the given probability and float32(1/(1-p))
 * otherwise, whatever the engine computes in, so that the mean of what is multiplied by it stays.
 *
 * Element j of a row is word j mod 4 of block ⌊j/4⌋ of the row's address (see draws.ts), and kept if that is at least
 * round(p·2³²).
 */
import { type Draws, keyOf, thresholdOf, wordsAt } from './draws.js';
import type { NumberArray } from './matrix.js';
import type { StepPlan } from './step-plan.js';

/** What has a row in a mask: each image (live(0) rows, position 0), or each packed position (M), its time step. */
export type MaskRows = 'images' | 'positions';

export interface DropoutMask {
  /** Which mask of the model it is. */
  readonly place: string;
  /** Of an element to be 0; less than 1. */
  readonly probability: number;
  readonly of: MaskRows;
  readonly columns: number;
}

/** Where each row of a mask stands in the minibatch. */
export interface RowAddresses {
  readonly rows: Int32Array;
  readonly positions: Int32Array;
}

export function maskRowCount({ live, tokens }: Pick<StepPlan, 'live' | 'tokens'>, of: MaskRows): number {
  return of === 'images' ? live[0]! : tokens;
}

export function rowAddresses(plan: StepPlan, { rows }: Draws, of: MaskRows): RowAddresses {
  const { live, offset, steps } = plan;
  if (of === 'images') return { rows: rows.slice(0, live[0]!), positions: new Int32Array(live[0]!) };
  const addresses = { rows: new Int32Array(plan.tokens), positions: new Int32Array(plan.tokens) };
  for (let t = 0; t < steps; t++) {
    addresses.rows.set(rows.subarray(0, live[t]!), offset[t]!);
    addresses.positions.fill(t, offset[t]!, offset[t + 1]!);
  }
  return addresses;
}

/** What an element that is kept is multiplied by. */
export function keptScale(probability: number): number {
  return Math.fround(1 / (1 - probability));
}

/** Fills `out` (rows,columns) with the mask. */
export function fillDropoutMask(out: NumberArray, mask: DropoutMask, plan: StepPlan, draws: Draws): void {
  const { place, probability, of, columns } = mask;
  const { rows, positions } = rowAddresses(plan, draws, of);
  const key = keyOf(draws, place);
  const threshold = thresholdOf(probability);
  const scale = keptScale(probability);
  for (let r = 0; r < rows.length; r++) {
    for (let j = 0; j < columns; j += 4) {
      const words = wordsAt(key, draws.step, rows[r]!, positions[r]!, j >> 2);
      for (let k = 0; k < 4 && j + k < columns; k++) out[r * columns + j + k] = words[k]! >= threshold ? scale : 0;
    }
  }
}
