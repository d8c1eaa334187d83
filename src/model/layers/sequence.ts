/**
 * What flows between layers: a tensor with a row for each live position of the captions, stored either once for each
 * distinct input word (the embedding's output and what is computed from it row by row) or once for each position.
 */
import type { Shape } from '../../tensor/matrix.js';
import type { Ops } from '../../tensor/ops.js';

export interface Sequence<T> {
  /** (U,C) or (M,C) */
  readonly values: T;
  /** The live rows of time step t (live(t),C). */
  at(t: number): T;
  /** The gradient of `values`, given that of each position (M,C). */
  gather(gradient: T): T;
  /** Other values, computed from these row by row. */
  with(values: T): Sequence<T>;
  /** A row for each live position (M,C). */
  positions(): T;
}

/** values (U,C), a row for each of the plan's input rows. */
export function byInput<T extends Shape>(ops: Ops<T>, values: T): Sequence<T> {
  return {
    values,
    at: (t) => ops.inputRows(values, t),
    gather: (gradient) => ops.sumByInput(gradient),
    with: (others) => byInput(ops, others),
    positions: () => ops.pack(Array.from({ length: ops.plan.steps }, (_, t) => ops.inputRows(values, t))),
  };
}

/** values (M,C), packed. */
export function byPosition<T extends Shape>(ops: Ops<T>, values: T): Sequence<T> {
  return {
    values,
    at: (t) => ops.stepRows(values, t),
    gather: (gradient) => gradient,
    with: (others) => byPosition(ops, others),
    positions: () => values,
  };
}

/** The sequence, with the row of its caption (live(0),C) added to each position. */
export function besideRows<T extends Shape>(ops: Ops<T>, sequence: Sequence<T>, rows: T): Sequence<T> {
  const at = (t: number) => ops.add(sequence.at(t), ops.firstRows(rows, ops.plan.live[t]!));
  return {
    ...sequence,
    at,
    with: (others) => besideRows(ops, sequence.with(others), rows),
    positions: () => ops.pack(Array.from({ length: ops.plan.steps }, (_, t) => at(t))),
  };
}

/** The gradient of `rows` of `besideRows`: that of each position (M,C) summed over the time steps → (live(0),C). */
export function sumOfSteps<T extends Shape>(ops: Ops<T>, gradient: T): T {
  const { live, steps } = ops.plan;
  let sum = ops.stepRows(gradient, 0);
  for (let t = 1; t < steps; t++) {
    const padded = ops.padRows(ops.stepRows(gradient, t), live[0]!);
    // The first sum must be a tensor of its own: the rows of the first step are still in use.
    sum = t === 1 ? ops.add(sum, padded) : ops.accumulate(sum, padded);
  }
  return sum;
}
