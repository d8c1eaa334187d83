/** Recurrent layers one above the other; the first one reads the input, each other one the hidden states below it. */
import type { GradientSink } from '../../tensor/gradient-sink.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import type { Ops } from '../../tensor/ops.js';
import type { Cell, State } from '../cells/cell.js';
import type { AttentionAbove } from './attention.js';
import { type SequenceDropout, sequenceDropout } from './dropout.js';
import { type LayerGradients, type LayerInput, type RecurrentLayer, recurrentLayer } from './recurrent.js';

/** What stands behind the names of layer k's parameters and states, from 1: nothing, 2, 3, … */
export function layerSuffix(layer: number): string {
  return layer === 1 ? '' : String(layer);
}

export interface RecurrentStack<T> {
  /** What the top layer puts out (M,H). */
  readonly y: T;
  /** After the last time step, of all layers, `h` and `h2` and so on. */
  readonly state: State<T>;
  /** As of RecurrentLayer: gradients of what the lowest layer reads, and of the first states of all layers. */
  backward(dy: T, attentionAbove?: AttentionAbove<T>): LayerGradients<T>;
}

/**
 * @param layers n
 * @param residual whether each layer from the second on adds what it reads to what it puts out (He et al. 2016)
 * @param dropout probability that an element of what a layer puts out is zero
 * @param state0 the first states of all layers (live(0),H) each
 */
export function recurrentStack<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  cell: Cell,
  layers: number,
  residual: boolean,
  dropout: number,
  parameters: Named<T>,
  input: LayerInput<T>,
  state0: State<T>,
): RecurrentStack<T> {
  const stack: { readonly layer: RecurrentLayer<T>; readonly dropped: SequenceDropout<T> }[] = [];
  const state: Record<string, T> = {};
  let y = input.x;
  for (let k = 1; k <= layers; k++) {
    const suffix = layerSuffix(k);
    const first = Object.fromEntries(cell.state.map((name) => [name, state0[name + suffix]!]));
    const reads = k === 1 ? input : { x: y, beside: null };
    const layer = recurrentLayer(ops, sink, cell, parameters, suffix, reads, first);
    for (const name of cell.state) state[name + suffix] = layer.state[name]!;
    const dropped = sequenceDropout(ops, layer.y, `hidden${suffix}`, dropout);
    y = residual && k > 1 ? dropped.y.with(ops.add(dropped.y.values, y.values)) : dropped.y;
    stack.push({ layer, dropped });
  }
  return {
    y: y.values,
    state,
    backward(dy, attentionAbove) {
      const dstate0: Record<string, T> = {};
      let above = dy;
      for (let k = layers; ; k--) {
        const { layer, dropped } = stack[k - 1]!;
        const fromElsewhere = k === 1 ? attentionAbove : undefined;
        const { dx, dbeside, dstate0: first } = layer.backward(dropped.backward(above), fromElsewhere);
        for (const name of cell.state) dstate0[name + layerSuffix(k)] = first[name]!;
        if (k === 1) return { dx, dbeside, dstate0 };
        above = residual ? ops.add(above, dx()) : dx();
      }
    },
  };
}
