"""Prints gru.json: what PyTorch's nn.GRU computes in float64, in the layout of recap's GRU.

    pip install torch==2.* && python test/golden/make-gru.py > test/golden/gru.json && npm run format

Packed rows are those of PyTorch's packed sequences: the live rows of step 0, then those of step 1, and so on. PyTorch's
weights are (3H, columns), here they are transposed; its two biases of the gates r and z are one sum here, and the
state's bias of n is b_hn.
"""

import json

import torch
from torch.nn.utils.rnn import PackedSequence

D, H = 5, 4


def waves(seed, *shape):
    """Numbers in (-1, 1) that look irregular and are the same everywhere."""
    count = torch.Size(shape).numel()
    index = torch.arange(count, dtype=torch.float64)
    return torch.sin(12.9898 * index + 78.233 * seed).reshape(shape)


def case(lengths):
    steps = max(lengths)
    live = [sum(length > t for length in lengths) for t in range(steps)]
    packed_rows = sum(live)
    gru = torch.nn.GRU(D, H, dtype=torch.float64)
    given = {
        "weight_ih_l0": waves(1, 3 * H, D),
        "weight_hh_l0": waves(2, 3 * H, H),
        "bias_ih_l0": waves(3, 3 * H),
        "bias_hh_l0": waves(4, 3 * H),
    }
    for name, values in given.items():
        getattr(gru, name).data.copy_(values)
    x = waves(5, packed_rows, D).requires_grad_()
    h0 = waves(6, len(lengths), H).requires_grad_()
    dh = waves(7, packed_rows, H)
    output, _ = gru(PackedSequence(x, torch.tensor(live)), h0[None])
    (output.data * dh).sum().backward()
    bias = gru.bias_ih_l0.detach().clone()
    bias[: 2 * H] += gru.bias_hh_l0.detach()[: 2 * H]
    values = {
        "x": x,
        "h0": h0,
        "Wx": gru.weight_ih_l0.T,
        "Wh": gru.weight_hh_l0.T,
        "b": bias[None],
        "b_hn": gru.bias_hh_l0[None, 2 * H :],
        "dh": dh,
    }
    gradients = {
        "x": x.grad,
        "h0": h0.grad,
        "Wx": gru.weight_ih_l0.grad.T,
        "Wh": gru.weight_hh_l0.grad.T,
        "b": gru.bias_ih_l0.grad[None],
        "b_hn": gru.bias_hh_l0.grad[None, 2 * H :],
    }
    return {
        "lengths": lengths,
        "given": {name: value.tolist() for name, value in values.items()},
        "h": output.data.tolist(),
        "gradients": {name: value.tolist() for name, value in gradients.items()},
    }


about = f"nn.GRU of PyTorch {torch.__version__} in float64, by make-gru.py; gradients of the sum of h * dh."
print(json.dumps({"about": about, "cases": [case([4, 4, 4]), case([4, 3, 1]), case([1])]}))
