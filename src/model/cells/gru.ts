/**
 * The gated recurrent unit (Cho et al. 2014) in the form of PyTorch's nn.GRU, the reset gate after the product. With
 * x = x_t·Wx + b and u = h_{t-1}·Wh split into three in the order r, z, n: r = σ(x_r + u_r), z = σ(x_z + u_z),
 * n = tanh(x_n + r∘(u_n + b_hn)) and h_t = (1-z)∘n + z∘h_{t-1}. PyTorch's biases of r and z for the input and the state
 * are one here, since only their sum matters.
 */
import { parameter } from '../../tensor/model-spec.js';
import { differentiate } from './forward-only.js';

export const gru = differentiate({
  name: 'gru',
  gates: 3,
  state: ['h'],
  parameters: (H) => [parameter('Wh', [H, 3 * H], { normal: 1 / Math.sqrt(H) }), parameter('b_hn', [H], 'zeros')],
  forward(ops, { Wh, b_hn }, x, { h }) {
    const H = h!.columns;
    const u = ops.matmul(h!, Wh!);
    const gates = ops.sigmoid(ops.add(ops.columnsOf(x, 0, 2 * H), ops.columnsOf(u, 0, 2 * H)));
    const r = ops.columnsOf(gates, 0, H);
    const z = ops.columnsOf(gates, H, H);
    const un = ops.addRow(ops.columnsOf(u, 2 * H, H), b_hn!);
    const n = ops.tanh(ops.add(ops.columnsOf(x, 2 * H, H), ops.multiply(r, un)));
    return { h: ops.add(ops.multiply(ops.oneMinus(z), n), ops.multiply(z, h!)) };
  },
});
