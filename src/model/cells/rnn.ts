/** The vanilla recurrent cell with tanh: h_t = tanh(x_t·Wx + h_{t-1}·Wh + b). CS231n assignment 3, rnn_layers.py. */
import { parameter } from '../../tensor/model-spec.js';
import type { Cell } from './cell.js';

export const rnn: Cell = {
  name: 'rnn',
  gates: 1,
  state: ['h'],
  parameters: (H) => [parameter('Wh', [H, H], { normal: 1 / Math.sqrt(H) })],
  step(ops, parameters, x, { h: prevH }) {
    const Wh = parameters.Wh!;
    const h = ops.rnnCell(x, ops.matmul(prevH!, Wh));
    return {
      state: { h },
      backward(dy, dnext) {
        const da = ops.rnnCellBackward(h, dy, dnext?.h ?? null);
        return {
          dx: da,
          dprev: { h: ops.matmul(da, Wh, { transposeB: true }) },
          products: [{ name: 'Wh', a: prevH!, dout: da }],
          rows: [],
        };
      },
    };
  },
};
