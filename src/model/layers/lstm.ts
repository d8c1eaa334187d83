/**
 * The LSTM layer (Hochreiter and Schmidhuber 1997, with forget gates) in the form of CS231n assignment 3: with
 * a = x_t·Wx + h_{t-1}·Wh + b split into four in the order i, f, o, g, i, f and o through the sigmoid and g through
 * tanh, c_t = f∘c_{t-1} + i∘g and h_t = o∘tanh(c_t). The first cell state is zero.
 *
 * As in rnn.ts, the input product is done before the time steps and weight gradients once after them.
 */
import type { Ops } from '../../engine/engine.js';
import { affineForward } from './affine.js';
import { type RecurrentGradients, type RecurrentParameters, recurrentGradients } from './rnn.js';

export interface LstmStep<T> {
  /** (live(t),H) */
  readonly prevH: T;
  readonly prevC: T;
  readonly h: T;
  readonly c: T;
  /** (live(t),4H), activated. */
  readonly gates: T;
}

/** Step t: xWx (U,4H) the input product of all input rows; prevH, prevC (live(t),H). */
export function lstmStepForward<T>(ops: Ops<T>, t: number, xWx: T, prevH: T, prevC: T, Wh: T): LstmStep<T> {
  const { h, c, gates } = ops.lstmCell(t, xWx, ops.matmul(prevH, Wh), prevC);
  return { prevH, prevC, h, c, gates };
}

/** Gradients of one step's pre-activation da (live,4H) and previous cell state dc (live,H). */
export function lstmStepBackward<T>(
  ops: Ops<T>,
  step: LstmStep<T>,
  dh: T,
  dhNext: T | null,
  dcNext: T | null,
): { readonly da: T; readonly dc: T } {
  return ops.lstmCellBackward(step.gates, step.prevC, step.c, dh, dhNext, dcNext);
}

export interface LstmForward<T> {
  /** (M,H) packed hidden states of all time steps. */
  readonly h: T;
  readonly steps: readonly LstmStep<T>[];
}

/** x (U,D) input rows, h0 (live(0),H) → packed hidden states (M,H). */
export function lstmForward<T>(
  ops: Ops<T>,
  x: T,
  h0: T,
  hiddenDim: number,
  { Wx, Wh, b }: RecurrentParameters<T>,
): LstmForward<T> {
  const { plan } = ops;
  const xWx = affineForward(ops, x, Wx, b);
  const steps: LstmStep<T>[] = [];
  let h = h0;
  let c = ops.zeros(plan.live[0]!, hiddenDim);
  for (let t = 0; t < plan.steps; t++) {
    const alive = plan.live[t]!;
    const step = lstmStepForward(ops, t, xWx, ops.firstRows(h, alive), ops.firstRows(c, alive), Wh);
    ({ h, c } = step);
    steps.push(step);
  }
  return { h: ops.pack(steps.map((step) => step.h)), steps };
}

/** Mirrors `lstmForward`: dh (M,H) is the gradient from above of every hidden state. */
export function lstmBackward<T>(
  ops: Ops<T>,
  dh: T,
  forward: LstmForward<T>,
  x: T,
  { Wx, Wh }: RecurrentParameters<T>,
): RecurrentGradients<T> {
  const { plan } = ops;
  const gradients: T[] = new Array(plan.steps);
  let dhNext: T | null = null;
  let dcNext: T | null = null;
  for (let t = plan.steps - 1; t >= 0; t--) {
    const { da, dc }: { da: T; dc: T } = lstmStepBackward(ops, forward.steps[t]!, ops.stepRows(dh, t), dhNext, dcNext);
    gradients[t] = da;
    dcNext = dc;
    dhNext = ops.matmul(da, Wh, { transposeB: true });
  }
  const prevSteps = forward.steps.map((step) => step.prevH);
  return recurrentGradients(ops, gradients, dhNext!, prevSteps, x, Wx);
}
