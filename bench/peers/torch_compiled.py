"""The captioner's training step with the loop written by hand and compiled by torch.compile (PyTorch 2 and a C++ compiler).

compiled-loop  loop and loss over all T time steps, padding included, as one graph of fixed shapes.
compiled-step  a loop over rows sorted by length, live rows only, with each time step's arithmetic compiled.
"""

import torch
from torch.nn import functional as F

from torch_captioner import LoopCaptioner, lstm_loop, not_bf16, rnn_loop
from workload import NULL

COMPILED_FORMS = ("compiled-loop", "compiled-step")


def compilations():
    """Graphs that torch.compile has made, in all processes together, so that they agree on which steps count."""
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    if not torch.distributed.is_initialized():
        return graphs
    total = torch.tensor(graphs)
    torch.distributed.all_reduce(total)
    return int(total)


class CompiledLoopCaptioner(LoopCaptioner):
    """All time steps at once: captions of every minibatch have one shape, so it is compiled once."""

    def __init__(self, shape, parameters):
        super().__init__(shape, parameters, lstm_loop if shape.cell == "lstm" else rnn_loop)
        self.compiled_loss = torch.compile(self._loss, dynamic=False)

    def forward(self, features, captions, divisor):
        tokens = torch.from_numpy(captions).t().contiguous()
        return self.compiled_loss(torch.from_numpy(features), tokens[:-1], tokens[1:]) / divisor

    def _loss(self, features, words, targets):
        """features (N, D), words and targets (T, N) -> the sum of all losses."""
        T, N = words.shape
        h0 = torch.addmm(self.b_proj, features, self.W_proj)
        x = torch.addmm(self.b, F.embedding(words.flatten(), self.W_embed), self.Wx)
        h = self.recur(x, h0, self.Wh.to(x.dtype), [N] * T)
        scores = not_bf16(torch.addmm(self.b_vocab, h, self.W_vocab))
        return F.cross_entropy(scores, targets.flatten(), ignore_index=NULL, reduction="sum")


def lstm_step(x_t, h, c, Wh):
    """x_t (n, 4H), h and c (n, H) -> the next h and c."""
    H = h.size(1)
    a = torch.addmm(x_t, h, Wh)
    i, f, o = torch.sigmoid(a[:, : 3 * H]).chunk(3, 1)
    c = f * c + i * torch.tanh(a[:, 3 * H :])
    return o * torch.tanh(c), c


def rnn_step(x_t, h, c, Wh):
    """x_t and h (n, H) -> the next h; an RNN has no c."""
    return torch.tanh(torch.addmm(x_t, h, Wh)), c


def loop_of(step):
    """The loop over live rows, x (M, G), h0 (N, H) -> h (M, H), with `step` as a time step."""

    def recur(x, h0, Wh, live):
        h, c = h0, torch.zeros_like(h0)
        steps = []
        for n, x_t in zip(live, x.split(live)):
            h, c = step(x_t, h[:n], c[:n], Wh)
            steps.append(h)
        return torch.cat(steps)

    return recur


def compiled_captioner(form, shape, parameters):
    """The model in one of COMPILED_FORMS."""
    if form == "compiled-loop":
        return CompiledLoopCaptioner(shape, parameters)
    step = torch.compile(lstm_step if shape.cell == "lstm" else rnn_step, dynamic=True)
    return LoopCaptioner(shape, parameters, loop_of(step))
