/**
 * Inverted dropout (Srivastava et al. 2014): while training, elements are zeroed with a probability and the others grow,
 * so that nothing has to change when the model is used. With probability 0 it is nothing at all.
 */
import type { MaskRows } from '../../tensor/dropout-mask.js';
import type { Shape } from '../../tensor/matrix.js';
import type { Ops } from '../../tensor/ops.js';
import { byPosition, type Sequence } from './sequence.js';

export interface Dropout<T> {
  readonly y: T;
  /** The gradient of x, given that of y. */
  backward(dy: T): T;
}

/**
 * @param place names the mask among those of the model
 * @param of what has a row in x: (live(0),C) or (M,C)
 */
export function dropout<T extends Shape>(
  ops: Ops<T>,
  x: T,
  place: string,
  probability: number,
  of: MaskRows,
): Dropout<T> {
  if (probability === 0) return { y: x, backward: (dy) => dy };
  const mask = ops.dropoutMask({ place, probability, of, columns: x.columns });
  return { y: ops.multiply(x, mask), backward: (dy) => ops.multiply(dy, mask) };
}

export interface SequenceDropout<T> {
  readonly y: Sequence<T>;
  /** The gradient of `x.values`, given that of `y.values`. */
  backward(dy: T): T;
}

/** Each position has a mask of its own, also where equal words share a row. */
export function sequenceDropout<T extends Shape>(
  ops: Ops<T>,
  x: Sequence<T>,
  place: string,
  probability: number,
): SequenceDropout<T> {
  if (probability === 0) return { y: x, backward: (dy) => dy };
  const { y, backward } = dropout(ops, x.positions(), place, probability, 'positions');
  return { y: byPosition(ops, y), backward: (dy) => x.gather(backward(dy)) };
}
