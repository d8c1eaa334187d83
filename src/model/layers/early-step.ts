/**
 * A step of all recurrent layers before the first word, from states of zeros: it reads one row a caption, and what it
 * puts out is scored by nobody.
 */
import type { GradientSink } from '../../tensor/gradient-sink.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import type { Ops } from '../../tensor/ops.js';
import type { Cell, CellStep, State } from '../cells/cell.js';
import { type Affine, affine } from './affine.js';
import { type Dropout, dropout } from './dropout.js';
import { ownParameters } from './recurrent.js';
import { layerSuffix } from './stack.js';

export interface EarlyStep<T> {
  /** Of all layers (n,H each), what the words begin from. */
  readonly state: State<T>;
  /** Gives the sink the gradients of the layers' parameters, given those of the state, and returns that of x. */
  backward(dstate: State<T>): T;
}

/**
 * @param dropoutRate of what a layer puts out to the one above
 * @param x (n, columns of a word vector), n the captions alive at the first word
 */
export function earlyStep<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  cell: Cell,
  layers: number,
  residual: boolean,
  dropoutRate: number,
  parameters: Named<T>,
  x: T,
  hiddenDim: number,
): EarlyStep<T> {
  const stack: {
    readonly suffix: string;
    readonly input: Affine<T>;
    readonly step: CellStep<T>;
    readonly dropped: Dropout<T>;
  }[] = [];
  const state: Record<string, T> = {};
  let y = x;
  for (let k = 1; k <= layers; k++) {
    const suffix = layerSuffix(k);
    const input = affine(ops, sink, parameters, [`Wx${suffix}`, `b${suffix}`], y);
    const zeros = Object.fromEntries(cell.state.map((name) => [name, ops.zeros(x.rows, hiddenDim)]));
    const step = cell.step(ops, ownParameters(cell, parameters, suffix, hiddenDim), input.y, zeros);
    for (const name of cell.state) state[name + suffix] = step.state[name]!;
    const rate = k < layers ? dropoutRate : 0;
    const dropped = dropout(ops, step.state.h!, `early hidden${suffix}`, rate, 'images');
    y = residual && k > 1 ? ops.add(dropped.y, y) : dropped.y;
    stack.push({ suffix, input, step, dropped });
  }
  return {
    state,
    backward(dstate) {
      let above = ops.zeros(x.rows, hiddenDim);
      for (let k = layers; ; k--) {
        const { suffix, input, step, dropped } = stack[k - 1]!;
        const own = Object.fromEntries(cell.state.map((name) => [name, dstate[name + suffix]!]));
        const { dx: dprojected, products, rows } = step.backward(dropped.backward(above), own);
        for (const { name, a, dout } of products) {
          sink.add(name + suffix, (options) => ops.matmul(a, dout, { transposeA: true, ...options }));
        }
        for (const { name, dout } of rows) sink.add(name + suffix, (options) => ops.columnSums(dout, options));
        input.backward(dprojected);
        const dx = input.inputGradient(dprojected);
        if (k === 1) return dx;
        above = residual ? ops.add(above, dx) : dx;
      }
    },
  };
}
