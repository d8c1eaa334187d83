/**
 * The affine layer out = x·w + b, on rows of any meaning: images, or the packed positions of all captions (the course's
 * temporal affine layer, which applies one affine map at every time step). CS231n assignment 3, rnn_layers.py.
 */
import type { Ops } from '../../engine/engine.js';
import type { ParameterName } from '../parameters.js';

/** x (N,D), w (D,M), b (1,M) → (N,M). */
export function affineForward<T>(ops: Ops<T>, x: T, w: T, b: T): T {
  return ops.matmul(x, w, { bias: b });
}

export interface AffineGradients<T> {
  readonly dw: T;
  readonly db: T;
}

/** Gradients of w (D,M) and b (1,M), given dout (N,M). `names` are the parameters they belong to. */
export function affineBackward<T>(
  ops: Ops<T>,
  dout: T,
  x: T,
  names: readonly [ParameterName, ParameterName],
): AffineGradients<T> {
  return {
    dw: ops.matmul(x, dout, { transposeA: true, gradientOf: names[0] }),
    db: ops.columnSums(dout, { gradientOf: names[1] }),
  };
}

/** Gradient of x (N,D), given dout (N,M). */
export function affineInputGradient<T>(ops: Ops<T>, dout: T, w: T): T {
  return ops.matmul(dout, w, { transposeB: true });
}
