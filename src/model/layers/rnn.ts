/**
 * The vanilla recurrent layer with tanh: h_t = tanh(x_t·Wx + h_{t-1}·Wh + b). CS231n assignment 3, rnn_layers.py.
 *
 * The input product x·Wx + b does not depend on h, so it is done for all input rows at once before the time steps, and
 * each step only looks its rows up. Weight gradients are one product over all time steps.
 */
import type { Ops } from '../../engine/engine.js';
import { affineBackward, affineForward, affineInputGradient } from './affine.js';

export interface RecurrentParameters<T> {
  /** (D,G) */
  readonly Wx: T;
  /** (H,G) */
  readonly Wh: T;
  /** (1,G) */
  readonly b: T;
}

export interface RecurrentGradients<T> {
  /** (U,D) by the input rows. */
  readonly dx: T;
  /** (live(0),H) */
  readonly dh0: T;
  readonly dWx: T;
  readonly dWh: T;
  readonly db: T;
}

/** Step t: xWx (U,H) the input product of all input rows, prevH at least (live(t),H) → next h (live(t),H). */
export function rnnStepForward<T>(ops: Ops<T>, t: number, xWx: T, prevH: T, Wh: T): T {
  return ops.rnnCell(t, xWx, ops.matmul(prevH, Wh));
}

/** Gradient of the pre-activation of one step (live,H); dh from above, dhNext from the next step or null. */
export function rnnStepBackward<T>(ops: Ops<T>, h: T, dh: T, dhNext: T | null): T {
  return ops.rnnCellBackward(h, dh, dhNext);
}

export interface RnnForward<T> {
  /** (M,H) packed hidden states of all time steps. */
  readonly h: T;
  readonly steps: readonly T[];
  readonly prevSteps: readonly T[];
}

/** x (U,D) input rows, h0 (live(0),H) → packed hidden states (M,H). */
export function rnnForward<T>(ops: Ops<T>, x: T, h0: T, { Wx, Wh, b }: RecurrentParameters<T>): RnnForward<T> {
  const { plan } = ops;
  const xWx = affineForward(ops, x, Wx, b);
  const steps: T[] = [];
  const prevSteps: T[] = [];
  let h = h0;
  for (let t = 0; t < plan.steps; t++) {
    const prevH = ops.firstRows(h, plan.live[t]!);
    h = rnnStepForward(ops, t, xWx, prevH, Wh);
    prevSteps.push(prevH);
    steps.push(h);
  }
  return { h: ops.pack(steps), steps, prevSteps };
}

/** Mirrors `rnnForward`: dh (M,H) is the gradient from above of every hidden state. */
export function rnnBackward<T>(
  ops: Ops<T>,
  dh: T,
  forward: RnnForward<T>,
  x: T,
  { Wx, Wh }: RecurrentParameters<T>,
): RecurrentGradients<T> {
  const { plan } = ops;
  const da: T[] = new Array(plan.steps);
  let dhNext: T | null = null;
  for (let t = plan.steps - 1; t >= 0; t--) {
    da[t] = rnnStepBackward(ops, forward.steps[t]!, ops.stepRows(dh, t), dhNext);
    dhNext = ops.matmul(da[t]!, Wh, { transposeB: true });
  }
  return recurrentGradients(ops, da, dhNext!, forward.prevSteps, x, Wx);
}

/**
 * What RNN and LSTM share once the gradients of all pre-activations are known: da holds one (live(t),G) a time step.
 */
export function recurrentGradients<T>(
  ops: Ops<T>,
  da: readonly T[],
  dh0: T,
  prevSteps: readonly T[],
  x: T,
  Wx: T,
): RecurrentGradients<T> {
  const packed = ops.pack(da);
  const dWh = ops.matmul(ops.pack(prevSteps), packed, { transposeA: true, gradientOf: 'Wh' });
  const dxWx = ops.sumByInput(packed);
  const { dw: dWx, db } = affineBackward(ops, dxWx, x, ['Wx', 'b']);
  const dx = affineInputGradient(ops, dxWx, Wx);
  return { dx, dh0, dWx, dWh, db };
}
