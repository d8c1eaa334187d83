/** Cells written forward only. Two of them are in the model with a way back written by hand too. */
import { differentiate } from '../../src/model/cells/forward-only.js';
import { parameter } from '../../src/tensor/model-spec.js';

export const forwardRnn = differentiate({
  name: 'rnn written forward only',
  gates: 1,
  state: ['h'],
  parameters: (H) => [parameter('Wh', [H, H], { normal: 1 / Math.sqrt(H) })],
  forward: (ops, { Wh }, x, { h }) => ({ h: ops.tanh(ops.add(x, ops.matmul(h!, Wh!))) }),
});

export const forwardLstm = differentiate({
  name: 'lstm written forward only',
  gates: 4,
  state: ['h', 'c'],
  parameters: (H) => [parameter('Wh', [H, 4 * H], { normal: 1 / Math.sqrt(H) })],
  forward(ops, { Wh }, x, { h, c }) {
    const H = h!.columns;
    const a = ops.add(x, ops.matmul(h!, Wh!));
    const gates = ops.sigmoid(ops.columnsOf(a, 0, 3 * H));
    const [i, f, o] = [0, 1, 2].map((gate) => ops.columnsOf(gates, gate * H, H));
    const g = ops.tanh(ops.columnsOf(a, 3 * H, H));
    const nextC = ops.add(ops.multiply(f!, c!), ops.multiply(i!, g));
    return { h: ops.multiply(o!, ops.tanh(nextC)), c: nextC };
  },
});

/** The gradients of its state and of its input are the one from above. */
export const sum = differentiate({
  name: 'cell that adds up its inputs',
  gates: 1,
  state: ['h'],
  parameters: () => [],
  forward: (ops, _, x, { h }) => ({ h: ops.add(h!, x) }),
});

/** Its second state, and the parameters of that, reach what it puts out only a step later. */
export const late = differentiate({
  name: 'cell with a late state',
  gates: 1,
  state: ['h', 'm'],
  parameters: (H) => [
    parameter('Wh', [H, H], { normal: 1 / Math.sqrt(H) }),
    parameter('Wm', [H, H], { normal: 1 / Math.sqrt(H) }),
    parameter('b_m', [H], 'zeros'),
  ],
  forward: (ops, { Wh, Wm, b_m }, x, { h, m }) => ({
    m: ops.matmul(h!, Wm!, { bias: b_m! }),
    h: ops.tanh(ops.add(ops.add(x, m!), ops.matmul(h!, Wh!))),
  }),
});
