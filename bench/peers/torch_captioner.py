"""The captioner's training step in PyTorch, in the ways people write it.

padded      nn.LSTM or nn.RNN over all T time steps, the vocabulary product for every position.
packed      the same over pack_padded_sequence, the vocabulary product for unmasked positions only.
loop        a loop over rows sorted by length, live rows only, gradients by autograd.
fused-loop  the same loop with its backward written by hand, so that each weight gradient is one product.

Parameters carry their CS231n names, shapes and gate order in the loops; nn.LSTM has its own gate order (i, f, g, o) and
transposed matrices, see `to_cs231n`.
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from workload import NULL, PackedCaptions

FORMS = ("padded", "packed", "loop", "fused-loop")


def live_rows(captions):
    """The minibatch without its padding, as tensors; offsets and live counts stay numbers."""
    packed = PackedCaptions(captions)
    return (
        torch.from_numpy(packed.order),
        packed.live.tolist(),
        torch.from_numpy(packed.words),
        torch.from_numpy(packed.targets),
    )


def not_bf16(scores):
    """Scores as the softmax takes them: bfloat16 widened to float32."""
    return scores.float() if scores.dtype == torch.bfloat16 else scores


class LibraryCaptioner(nn.Module):
    """nn.LSTM or nn.RNN between nn.Embedding and nn.Linear, padded or packed."""

    def __init__(self, shape, parameters, packed):
        super().__init__()
        self.shape, self.packed = shape, packed
        self.project = nn.Linear(shape.D, shape.H)
        self.embed = nn.Embedding(shape.V, shape.W)
        kind = nn.LSTM if shape.cell == "lstm" else nn.RNN
        self.recurrent = kind(shape.W, shape.H)
        self.vocabulary = nn.Linear(shape.H, shape.V)
        self.to(torch.from_numpy(parameters["Wx"]).dtype)
        # The model has one bias before the gates; the library's second stays zero.
        self.recurrent.bias_hh_l0.requires_grad_(False).zero_()
        with torch.no_grad():
            for name, tensor, transposed in self._places():
                value = torch.from_numpy(parameters[name])
                if name in ("Wx", "Wh", "b"):
                    value = self._swap_gates(value)
                tensor.copy_(value.T if transposed else value)

    def _places(self):
        return (
            ("W_proj", self.project.weight, True),
            ("b_proj", self.project.bias, False),
            ("W_embed", self.embed.weight, False),
            ("Wx", self.recurrent.weight_ih_l0, True),
            ("Wh", self.recurrent.weight_hh_l0, True),
            ("b", self.recurrent.bias_ih_l0, False),
            ("W_vocab", self.vocabulary.weight, True),
            ("b_vocab", self.vocabulary.bias, False),
        )

    def _swap_gates(self, value):
        """Between the orders i, f, o, g and i, f, g, o; its own inverse."""
        if self.shape.cell == "rnn":
            return value
        i, f, third, fourth = value.chunk(4, dim=-1)
        return torch.cat((i, f, fourth, third), dim=-1)

    def to_cs231n(self):
        """Gradients under CS231n's names, shapes and gate order."""
        gradients = {}
        for name, tensor, transposed in self._places():
            value = tensor.grad.T if transposed else tensor.grad
            gradients[name] = self._swap_gates(value) if name in ("Wx", "Wh", "b") else value
        return gradients

    def forward(self, features, captions, divisor):
        if self.packed:
            return self._packed_loss(features, captions, divisor)
        tokens = torch.from_numpy(captions).t()
        h0 = self.project(torch.from_numpy(features))
        h, _ = self.recurrent(self.embed(tokens[:-1]), self._first_state(h0))
        scores = not_bf16(self.vocabulary(h)).flatten(0, 1)
        return F.cross_entropy(scores, tokens[1:].flatten(), ignore_index=NULL, reduction="sum") / divisor

    def _packed_loss(self, features, captions, divisor):
        plan = PackedCaptions(captions)
        tokens = torch.from_numpy(captions[plan.order]).t()
        h0 = self.project(torch.from_numpy(features[plan.order]))
        x = pack_padded_sequence(self.embed(tokens[:-1]), torch.from_numpy(plan.lengths))
        h, _ = self.recurrent(x, self._first_state(h0))
        scores = not_bf16(self.vocabulary(h.data))
        targets = torch.from_numpy(plan.targets)
        return F.cross_entropy(scores, targets, ignore_index=NULL, reduction="sum") / divisor

    def _first_state(self, h0):
        h0 = h0.unsqueeze(0)
        return (h0, torch.zeros_like(h0)) if self.shape.cell == "lstm" else h0


class LoopCaptioner(nn.Module):
    """CS231n's formulas over live rows; `recur` is the loop over time steps."""

    def __init__(self, shape, parameters, recur):
        super().__init__()
        self.recur = recur
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(value.copy())))

    def to_cs231n(self):
        """Gradients under CS231n's names."""
        return {name: parameter.grad for name, parameter in self.named_parameters()}

    def forward(self, features, captions, divisor):
        order, live, words, targets = live_rows(captions)
        h0 = torch.addmm(self.b_proj, torch.from_numpy(features)[order], self.W_proj)
        x = torch.addmm(self.b, F.embedding(words, self.W_embed), self.Wx)
        h = self.recur(x, h0, self.Wh.to(x.dtype), live)
        scores = not_bf16(torch.addmm(self.b_vocab, h, self.W_vocab))
        return F.cross_entropy(scores, targets, ignore_index=NULL, reduction="sum") / divisor


def lstm_loop(x, h0, Wh, live):
    """x (M, 4H), h0 (N, H) -> h (M, H)."""
    H = h0.size(1)
    h, c = h0, torch.zeros_like(h0)
    steps = []
    for n, x_t in zip(live, x.split(live)):
        a = torch.addmm(x_t, h[:n], Wh)
        gates = torch.sigmoid(a[:, : 3 * H])
        i, f, o = gates.chunk(3, 1)
        c = f * c[:n] + i * torch.tanh(a[:, 3 * H :])
        h = o * torch.tanh(c)
        steps.append(h)
    return torch.cat(steps)


def rnn_loop(x, h0, Wh, live):
    """x (M, H), h0 (N, H) -> h (M, H)."""
    h = h0
    steps = []
    for n, x_t in zip(live, x.split(live)):
        h = torch.tanh(torch.addmm(x_t, h[:n], Wh))
        steps.append(h)
    return torch.cat(steps)


class FusedLSTM(torch.autograd.Function):
    """lstm_loop with its backward written out.

    Gates take the place of x and their gradients the place of the gates: neither the product that made x nor anybody
    else needs them, and a fresh 13 MB tensor costs more than the arithmetic on it.
    """

    @staticmethod
    def forward(ctx, x, h0, Wh, live):
        H = h0.size(1)
        gates = x.detach()
        h_all, c_all, tanh_c_all, h_before, c_before = (x.new_empty(x.size(0), H) for _ in range(5))
        h, c = h0, torch.zeros_like(h0)
        first = 0
        for n in live:
            rows = slice(first, first + n)
            h_before[rows] = h[:n]
            c_before[rows] = c[:n]
            a = gates[rows]
            torch.addmm(a, h[:n], Wh, out=a)
            a[:, : 3 * H].sigmoid_()
            i, f, o, g = a.chunk(4, 1)
            g.tanh_()
            c = torch.mul(f, c[:n], out=c_all[rows])
            c.addcmul_(i, g)
            h = torch.mul(o, torch.tanh(c, out=tanh_c_all[rows]), out=h_all[rows])
            first += n
        ctx.live = live
        ctx.save_for_backward(gates, tanh_c_all, h_before, c_before, Wh)
        return h_all

    @staticmethod
    def backward(ctx, dh_all):
        gates, tanh_c_all, h_before, c_before, Wh = ctx.saved_tensors
        live = ctx.live
        H = Wh.size(0)
        da_all = gates
        dc_all, dh_next = (dh_all.new_zeros(live[0], H) for _ in range(2))
        # Derivatives by the gates' values, and of the gates by their pre-activations: s(1 - s) for i, f, o, 1 - g^2.
        by_gate_all, slope_all = (dh_all.new_empty(live[0], 4 * H) for _ in range(2))
        slope_c_all = dh_all.new_empty(live[0], H)
        alive, first = 0, gates.size(0)
        Wh_T = Wh.t()
        for n in reversed(live):
            first -= n
            rows = slice(first, first + n)
            dh, tanh_c, dc = dh_all[rows], tanh_c_all[rows], dc_all[:n]
            slope, by_gate, slope_c = slope_all[:n], by_gate_all[:n], slope_c_all[:n]
            i, f, o, g = gates[rows].chunk(4, 1)
            by_i, by_f, by_o, by_g = by_gate.chunk(4, 1)
            dh[:alive] += dh_next[:alive]
            torch.mul(tanh_c, tanh_c, out=slope_c).neg_().add_(1).mul_(o)
            dc.addcmul_(dh, slope_c)
            torch.mul(dc, g, out=by_i)
            torch.mul(dc, c_before[rows], out=by_f)
            torch.mul(dh, tanh_c, out=by_o)
            torch.mul(dc, i, out=by_g)
            dc *= f
            torch.mul(gates[rows], gates[rows], out=slope).neg_()
            slope[:, : 3 * H] += gates[rows, : 3 * H]
            slope[:, 3 * H :] += 1
            da = torch.mul(by_gate, slope, out=da_all[rows])
            torch.mm(da, Wh_T, out=dh_next[:n])
            alive = n
        return da_all, dh_next, h_before.t().mm(da_all), None


class FusedRNN(torch.autograd.Function):
    """rnn_loop with its backward written out; h takes the place of x and the gradient of x that of the gradient of h."""

    @staticmethod
    def forward(ctx, x, h0, Wh, live):
        h_all = x.detach()
        h_before = torch.empty_like(h_all)
        h, first = h0, 0
        for n in live:
            rows = slice(first, first + n)
            h_before[rows] = h[:n]
            h_t = h_all[rows]
            h = torch.addmm(h_t, h[:n], Wh, out=h_t).tanh_()
            first += n
        ctx.live = live
        ctx.save_for_backward(h_all, h_before, Wh)
        return h_all

    @staticmethod
    def backward(ctx, dh_all):
        h_all, h_before, Wh = ctx.saved_tensors
        da_all = dh_all
        slope_all = dh_all.new_empty(ctx.live[0], Wh.size(0))
        dh_next = dh_all.new_empty(ctx.live[0], Wh.size(0))
        alive, first = 0, h_all.size(0)
        Wh_T = Wh.t()
        for n in reversed(ctx.live):
            first -= n
            da, h = da_all[first : first + n], h_all[first : first + n]
            da[:alive] += dh_next[:alive]
            da *= torch.mul(h, h, out=slope_all[:n]).neg_().add_(1)
            torch.mm(da, Wh_T, out=dh_next[:n])
            alive = n
        return da_all, dh_next, h_before.t().mm(da_all), None


def captioner(form, shape, parameters):
    """The model in one of FORMS, started from parameters under CS231n's names."""
    if form in ("padded", "packed"):
        return LibraryCaptioner(shape, parameters, packed=form == "packed")
    if form == "fused-loop":
        function = FusedLSTM if shape.cell == "lstm" else FusedRNN
        return LoopCaptioner(shape, parameters, function.apply)
    loop = lstm_loop if shape.cell == "lstm" else rnn_loop
    return LoopCaptioner(shape, parameters, loop)


def adam_in_one_pass():
    """The argument for Adam as one loop over memory, from PyTorch 2.4 on."""
    release = tuple(int(number) for number in torch.__version__.split(".")[:2])
    return {"fused": True} if release >= (2, 4) else {}


class TorchTrainer:
    """Training steps of a captioner, or of its DistributedDataParallel wrapper."""

    def __init__(self, model, precision="float32", learning_rate=1e-3):
        self.model = model
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        # torch.optim.Adam adds epsilon after the bias correction, the course before; the work is the same.
        self.optimizer = torch.optim.Adam(trained, lr=learning_rate, **adam_in_one_pass())
        self.precision = precision

    def loss_and_gradients(self, features, captions):
        """The loss; gradients are left in the parameters' .grad."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.precision == "bf16":
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = self.model(features, captions, len(captions))
        else:
            loss = self.model(features, captions, len(captions))
        loss.backward()
        return float(loss.detach())

    def step(self, features, captions):
        """One training step; returns the loss before the update."""
        loss = self.loss_and_gradients(features, captions)
        self.optimizer.step()
        return loss
