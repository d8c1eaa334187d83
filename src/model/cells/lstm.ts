/**
 * The LSTM cell (Hochreiter and Schmidhuber 1997, with forget gates) in the form of CS231n assignment 3: with
 * a = x_t·Wx + h_{t-1}·Wh + b split into four in the order i, f, o, g, i, f and o through the sigmoid and g through
 * tanh, c_t = f∘c_{t-1} + i∘g and h_t = o∘tanh(c_t).
 */
import { parameter } from '../../tensor/model-spec.js';
import type { Cell } from './cell.js';

export const lstm: Cell = {
  name: 'lstm',
  gates: 4,
  forgetGate: 1,
  state: ['h', 'c'],
  parameters: (H) => [parameter('Wh', [H, 4 * H], { normal: 1 / Math.sqrt(H) })],
  step(ops, parameters, x, { h: prevH, c: prevC }) {
    const Wh = parameters.Wh!;
    const { h, c, gates } = ops.lstmCell(x, ops.matmul(prevH!, Wh), prevC!);
    return {
      state: { h, c },
      backward(dy, dnext) {
        const { da, dc } = ops.lstmCellBackward(gates, prevC!, c, dy, dnext?.h ?? null, dnext?.c ?? null);
        return {
          dx: da,
          dprev: { h: ops.matmul(da, Wh, { transposeB: true }), c: dc },
          products: [{ name: 'Wh', a: prevH!, dout: da }],
          rows: [],
        };
      },
    };
  },
};
