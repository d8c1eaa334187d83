/**
 * Additive attention over a grid (Bahdanau et al. 2015; as soft attention in Xu et al. 2015, "Show, Attend and Tell").
 * Before each time step the hidden state h looks at the L vectors of an image's grid: position l scores
 * w_att·tanh(grid_l·W_grid + b_att + h·W_query), a softmax makes weights of the scores, and the context is the weighted
 * sum of the vectors times sigmoid(h·w_beta + b_beta). The cell reads it beside the word, through Wz.
 *
 * The grid is projected once for all time steps.
 */
import type { GradientSink } from '../../tensor/gradient-sink.js';
import type { Named, Shape } from '../../tensor/matrix.js';
import { type ParameterSpec, parameter } from '../../tensor/model-spec.js';
import type { AttentionGradients, AttentionMemory, AttentionStep, Ops } from '../../tensor/ops.js';

/** What comes from above to attention, packed; null where nothing does. */
export interface AttentionAbove<T> {
  /** Gradient of the contexts (M,C). */
  readonly dcontext: T | null;
  /** Gradient of the weights (M,L). */
  readonly dweights: T | null;
}

export interface AttentionBackward<T> {
  /**
   * From the last time step to the first.
   *
   * @param dx gradient of what `look` gave (live(t),G)
   * @returns gradient of h (live(t),H), a tensor of its own, which may be added to
   */
  step(t: number, dx: T): T;
  /** Gives the sink the gradients of the parameters, after the first time step. */
  finish(): void;
}

export interface Attention<T> {
  /** Time step t, in order: given the hidden state before it (live(t),H), what its cell reads beside the word (live(t),G). */
  look(t: number, h: T): T;
  /** Of all positions (M,C), after the last time step. */
  contexts(): T;
  /** Of all positions (M,L), after the last time step. */
  weights(): T;
  backward(above: AttentionAbove<T>): AttentionBackward<T>;
}

/** C, A, H and G: columns of the grid, of its projection, of the hidden state and of the cell's gates. */
export function attentionParameters(C: number, A: number, H: number, G: number): readonly ParameterSpec[] {
  const normal = (fanIn: number) => ({ normal: 1 / Math.sqrt(fanIn) });
  return [
    parameter('W_grid', [C, A], normal(C)),
    parameter('b_att', [A], 'zeros'),
    parameter('W_query', [H, A], normal(H)),
    parameter('w_att', [A], normal(A)),
    parameter('w_beta', [H], normal(H)),
    parameter('b_beta', [1], 'zeros'),
    parameter('Wz', [C, G], normal(C)),
  ];
}

/**
 * @param dropoutRate probability that an element of a context is zero
 * @param projectionBackward takes the gradient of the projection, if anything goes backward
 */
export function additiveAttention<T extends Shape>(
  ops: Ops<T>,
  sink: GradientSink<T>,
  parameters: Named<T>,
  { grid, projected, positions }: Omit<AttentionMemory<T>, 'scorer'>,
  dropoutRate: number,
  projectionBackward: (dprojected: T) => void,
): Attention<T> {
  const { W_query, w_att, w_beta, b_beta, Wz } = parameters;
  const memory = { positions, grid, projected, scorer: w_att! };
  const hidden: T[] = [];
  const steps: AttentionStep<T>[] = [];
  const { columns } = grid;
  const mask =
    dropoutRate > 0 && ops.dropoutMask({ place: 'context', probability: dropoutRate, of: 'positions', columns });
  const dropped = (t: number, context: T) => (mask ? ops.multiply(context, ops.stepRows(mask, t)) : context);
  /** As they are read, after dropout. */
  const seen: T[] = [];
  const contexts = () => ops.pack(seen);
  return {
    look(t, h) {
      const gate = ops.matmul(h, w_beta!, { transposeB: true, bias: b_beta! });
      const step = ops.attend(memory, ops.matmul(h, W_query!), gate, t);
      hidden.push(h);
      steps.push(step);
      seen.push(dropped(t, step.context));
      return ops.matmul(seen[t]!, Wz!);
    },
    contexts,
    weights: () => ops.pack(steps.map(({ weights }) => weights)),
    backward({ dcontext: fromAbove, dweights }) {
      const gradients: AttentionGradients<T>[] = new Array(steps.length);
      const inputs: T[] = new Array(steps.length);
      return {
        step(t, dx) {
          let dcontext = ops.matmul(dx, Wz!, { transposeB: true });
          if (fromAbove) dcontext = ops.accumulate(dcontext, ops.stepRows(fromAbove, t));
          const dweightsOfStep = dweights && ops.stepRows(dweights, t);
          const next = gradients[t + 1]?.dprojected ?? null;
          const found = ops.attendBackward(memory, steps[t]!, dropped(t, dcontext), dweightsOfStep, next, t);
          gradients[t] = found;
          inputs[t] = dx;
          const dh = ops.matmul(found.dquery, W_query!, { transposeB: true });
          return ops.accumulate(dh, ops.matmul(found.dgate, w_beta!));
        },
        finish() {
          projectionBackward(gradients[0]!.dprojected);
          const h = ops.pack(hidden);
          const dgate = ops.pack(gradients.map((each) => each.dgate));
          const transposeA = true;
          sink.add('W_query', (options) =>
            ops.matmul(h, ops.pack(gradients.map(({ dquery }) => dquery)), { transposeA, ...options }),
          );
          sink.add('w_att', (options) => ops.columnSums(ops.pack(gradients.map(({ dscorer }) => dscorer)), options));
          sink.add('w_beta', (options) => ops.matmul(dgate, h, { transposeA, ...options }));
          sink.add('b_beta', (options) => ops.columnSums(dgate, options));
          sink.add('Wz', (options) => ops.matmul(contexts(), ops.pack(inputs), { transposeA, ...options }));
        },
      };
    },
  };
}
