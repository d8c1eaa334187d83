/**
 * A recurrent layer: a cell walked through time.
 *
 * The input product x·Wx + b does not depend on the state, so it is done for all rows at once before the time steps, and
 * each step only looks its rows up. Weight gradients are one product over all time steps.
 */
import type { GradientSink } from '../../tensor/gradient-sink.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import type { Ops } from '../../tensor/ops.js';
import type { Cell, CellGradients, CellStep, State } from '../cells/cell.js';
import { affine } from './affine.js';
import type { Attention, AttentionAbove } from './attention.js';
import { besideRows, byPosition, type Sequence, sumOfSteps } from './sequence.js';

/** What a layer reads. */
export interface LayerInput<T> {
  /** What each position reads: the words, or the hidden states of the layer below. */
  readonly x: Sequence<T>;
  /** (live(0),G) what is added to the input product at every step; null where there is none. */
  readonly beside: T | null;
  /** What is looked at before each step; null where there is nothing. */
  readonly attention?: Attention<T> | null;
}

/** Gradients of what a layer reads and begins from. */
export interface LayerGradients<T> {
  /** Of `x.values`. Costs a product, and is only asked for where something below is trained. */
  dx(): T;
  readonly dbeside: T | null;
  readonly dstate0: State<T>;
}

export interface RecurrentLayer<T> {
  /** Hidden states of all positions (M,H). */
  readonly y: Sequence<T>;
  /** After the last time step. */
  readonly state: State<T>;
  /**
   * Gives the sink the gradients of the layer's parameters.
   *
   * @param dy gradient of `y.values` from above (M,H)
   * @param attentionAbove what comes to the layer's attention from elsewhere
   */
  backward(dy: T, attentionAbove?: AttentionAbove<T>): LayerGradients<T>;
}

/**
 * @param parameters Wx (columns of x, G), b (G) and the cell's own, all with `suffix` behind their names
 * @param state0 (live(0),H) each
 */
export function recurrentLayer<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  cell: Cell,
  parameters: Named<T>,
  suffix: string,
  { x, beside, attention }: LayerInput<T>,
  state0: State<T>,
): RecurrentLayer<T> {
  const { plan } = ops;
  const own = ownParameters(cell, parameters, suffix, state0.h!.columns);
  const input = affine(ops, sink, parameters, [`Wx${suffix}`, `b${suffix}`], x.values);
  const projected = beside ? besideRows(ops, x.with(input.y), beside) : x.with(input.y);
  const steps: CellStep<T>[] = [];
  let state = state0;
  for (let t = 0; t < plan.steps; t++) {
    const alive = plan.live[t]!;
    const previous = Object.fromEntries(cell.state.map((name) => [name, ops.firstRows(state[name]!, alive)]));
    const words = projected.at(t);
    const read = attention ? ops.accumulate(attention.look(t, previous.h!), words) : words;
    const step = cell.step(ops, own, read, previous);
    state = step.state;
    steps.push(step);
  }
  return {
    y: byPosition(ops, ops.pack(steps.map((step) => step.state.h!))),
    state,
    backward(dy, attentionAbove = { dcontext: null, dweights: null }) {
      const attended = attention?.backward(attentionAbove) ?? null;
      const gradients: CellGradients<T>[] = new Array(plan.steps);
      let dnext: State<T> | null = null;
      for (let t = plan.steps - 1; t >= 0; t--) {
        gradients[t] = steps[t]!.backward(ops.stepRows(dy, t), dnext);
        const { dx, dprev } = gradients[t]!;
        // What the cell gives may be the gradient of other values too; what attention gives is its alone.
        dnext = attended ? { ...dprev, h: ops.accumulate(attended.step(t, dx), dprev.h!) } : dprev;
      }
      attended?.finish();
      addParameterGradients(ops, sink, gradients, suffix);
      const dpacked = ops.pack(gradients.map(({ dx }) => dx));
      const dprojected = projected.gather(dpacked);
      input.backward(dprojected);
      return {
        dx: () => input.inputGradient(dprojected),
        dbeside: beside && sumOfSteps(ops, dpacked),
        dstate0: dnext!,
      };
    },
  };
}

/** The cell's own parameters under the names that it knows. */
export function ownParameters<T>(cell: Cell, parameters: Named<T>, suffix: string, hiddenDim: number): Named<T> {
  return Object.fromEntries(cell.parameters(hiddenDim).map(({ name }) => [name, parameters[name + suffix]!]));
}

/** What each step noted, packed over the time steps, gives each of the cell's own parameters its gradient. */
function addParameterGradients<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  gradients: readonly CellGradients<T>[],
  suffix: string,
): void {
  gradients[0]!.products.forEach(({ name }, i) => {
    const uses = gradients.map(({ products }) => products[i]!);
    sink.add(name + suffix, (options) => {
      const a = ops.pack(uses.map((use) => use.a));
      return ops.matmul(a, ops.pack(uses.map(({ dout }) => dout)), { transposeA: true, ...options });
    });
  });
  gradients[0]!.rows.forEach(({ name }, i) => {
    const uses = gradients.map(({ rows }) => rows[i]!.dout);
    sink.add(name + suffix, (options) => ops.columnSums(ops.pack(uses), options));
  });
}
