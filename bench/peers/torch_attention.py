"""The training step of the captioner with additive attention over a grid, in PyTorch: recap's formulas and names.

attention-loop      a loop over rows sorted by length, live rows only, gradients by autograd.
attention-compiled  the same loop, each step's attention compiled by torch.compile (needs a C++ compiler).
attention-fused     the loop with its backward written by hand, so that each weight gradient is one product, and what is
                    kept of a step's attention written once.
"""

import torch
from torch import nn
from torch.nn import functional as F

from torch_captioner import live_rows, not_bf16

ATTENTION_FORMS = ("attention-loop", "attention-compiled", "attention-fused")


def attend(projected, grid, query, gate, w_att):
    """projected (n, L, A), grid (n, L, C), query (n, A), gate (n) -> context (n, C)."""
    scores = torch.tanh(projected + query[:, None]) @ w_att
    weights = torch.softmax(scores, 1)
    return torch.sigmoid(gate)[:, None] * (weights[:, :, None] * grid).sum(1)


def attend_by_products(projected, grid, query, gate, w_att):
    """The same with a batched product in place of the weighted sum, which is faster unless it is compiled."""
    scores = torch.tanh(projected + query[:, None]) @ w_att
    weights = torch.softmax(scores, 1)
    return torch.sigmoid(gate)[:, None] * torch.bmm(weights[:, None], grid)[:, 0]


def attention_loop(look):
    """The loop over time steps, with `look` as its attention."""

    def recur(x, h0, projected, grid, model, live):
        H = h0.size(1)
        h, c = h0, torch.zeros_like(h0)
        hidden, contexts = [], []
        for n, x_t in zip(live, x.split(live)):
            h, c = h[:n], c[:n]
            gate = torch.addmv(model.b_beta, h, model.w_beta)
            context = look(projected[:n], grid[:n], h @ model.W_query, gate, model.w_att)
            a = torch.addmm(torch.addmm(x_t, h, model.Wh), context, model.Wz)
            gates = torch.sigmoid(a[:, : 3 * H])
            i, f, o = gates.chunk(3, 1)
            c = f * c + i * torch.tanh(a[:, 3 * H :])
            h = o * torch.tanh(c)
            hidden.append(h)
            contexts.append(context)
        return torch.cat(hidden), torch.cat(contexts)

    return recur


class FusedAttention(torch.autograd.Function):
    """The loop with its backward written out."""

    @staticmethod
    def forward(ctx, x, h0, projected, grid, Wh, W_query, w_att, w_beta, b_beta, Wz, live):
        M, H, A, C = x.size(0), h0.size(1), W_query.size(1), grid.size(2)
        gates = x.detach()
        h_all, c_all, tanh_c_all, h_before, c_before = (x.new_empty(M, H) for _ in range(5))
        u_all = x.new_empty(M, grid.size(1), A)
        weights_all = x.new_empty(M, grid.size(1))
        beta_all, context_all = x.new_empty(M), x.new_empty(M, C)
        h, c = h0, torch.zeros_like(h0)
        first = 0
        for n in live:
            rows = slice(first, first + n)
            h_before[rows] = h[:n]
            c_before[rows] = c[:n]
            h = h_before[rows]
            u = torch.add(projected[:n], (h @ W_query)[:, None], out=u_all[rows]).tanh_()
            weights = torch.softmax(u @ w_att, 1, out=weights_all[rows])
            beta = torch.sigmoid(torch.addmv(b_beta, h, w_beta), out=beta_all[rows])
            context = torch.bmm(weights[:, None], grid[:n])[:, 0]
            context = torch.mul(context, beta[:, None], out=context_all[rows])
            a = gates[rows]
            torch.addmm(a, h, Wh, out=a)
            torch.addmm(a, context, Wz, out=a)
            a[:, : 3 * H].sigmoid_()
            i, f, o, g = a.chunk(4, 1)
            g.tanh_()
            c = torch.mul(f, c[:n], out=c_all[rows])
            c.addcmul_(i, g)
            h = torch.mul(o, torch.tanh(c, out=tanh_c_all[rows]), out=h_all[rows])
            first += n
        ctx.live = live
        ctx.save_for_backward(
            gates, tanh_c_all, h_before, c_before, u_all, weights_all, beta_all, context_all, grid,
            Wh, W_query, w_att, w_beta, Wz,
        )
        return h_all, context_all

    @staticmethod
    def backward(ctx, dh_all, dcontext_above):
        (
            gates, tanh_c_all, h_before, c_before, u_all, weights_all, beta_all, context_all, grid,
            Wh, W_query, w_att, w_beta, Wz,
        ) = ctx.saved_tensors
        live, H = ctx.live, Wh.size(0)
        L, A = u_all.size(1), u_all.size(2)
        da_all = gates
        dc_all, dh_next = (dh_all.new_zeros(live[0], H) for _ in range(2))
        by_gate_all, slope_all = (dh_all.new_empty(live[0], 4 * H) for _ in range(2))
        dquery_all = dh_all.new_empty(gates.size(0), A)
        dgate_all = dh_all.new_empty(gates.size(0))
        dw_att = torch.zeros_like(w_att)
        dprojected = dh_all.new_zeros(live[0], L, A)
        alive, first = 0, gates.size(0)
        Wh_T, Wz_T, W_query_T = Wh.t(), Wz.t(), W_query.t()
        for n in reversed(live):
            first -= n
            rows = slice(first, first + n)
            dh, tanh_c, dc = dh_all[rows], tanh_c_all[rows], dc_all[:n]
            slope, by_gate = slope_all[:n], by_gate_all[:n]
            i, f, o, g = gates[rows].chunk(4, 1)
            by_i, by_f, by_o, by_g = by_gate.chunk(4, 1)
            dh[:alive] += dh_next[:alive]
            dc.addcmul_(dh, (1 - tanh_c * tanh_c) * o)
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
            dcontext = torch.addmm(dcontext_above[rows], da, Wz_T)
            weights, beta, u = weights_all[rows], beta_all[rows], u_all[rows]
            dgate = torch.mul((dcontext * context_all[rows]).sum(1), 1 - beta, out=dgate_all[rows])
            dweights = torch.bmm(grid[:n], (dcontext * beta[:, None])[:, :, None])[:, :, 0]
            dscores = weights * (dweights - (weights * dweights).sum(1, keepdim=True))
            dw_att.addmv_(u.view(n * L, A).t(), dscores.reshape(-1))
            # What was tanh becomes its gradient, in place.
            du = u.mul_(u).neg_().add_(1).mul_(w_att).mul_(dscores[:, :, None])
            dprojected[:n] += du
            dquery = torch.sum(du, 1, out=dquery_all[rows])
            dh_next[:n].addmm_(dquery, W_query_T).addr_(dgate, w_beta)
            alive = n
        return (
            da_all, dh_next, dprojected, None, h_before.t().mm(da_all), h_before.t().mm(dquery_all), dw_att,
            h_before.t().mv(dgate_all), dgate_all.sum().view(1), context_all.t().mm(da_all), None,
        )


def fused(x, h0, projected, grid, model, live):
    """The loop over time steps by FusedAttention."""
    own = (model.Wh, model.W_query, model.w_att, model.w_beta, model.b_beta, model.Wz)
    return FusedAttention.apply(x, h0, projected, grid, *own, live)


class AttentionCaptioner(nn.Module):
    """The captioner over live rows; `recur` is the loop over time steps."""

    def __init__(self, parameters, recur):
        super().__init__()
        self.recur = recur
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(value.copy())))

    def to_cs231n(self):
        """Gradients under recap's names."""
        return {name: parameter.grad for name, parameter in self.named_parameters()}

    def forward(self, images, captions, divisor):
        features, grid = images
        order, live, words, targets = live_rows(captions)
        h0 = torch.addmm(self.b_proj, torch.from_numpy(features)[order], self.W_proj)
        grid = torch.from_numpy(grid)[order]
        n, L, C = grid.shape
        projected = torch.addmm(self.b_att, grid.view(n * L, C), self.W_grid).view(n, L, -1)
        x = torch.addmm(self.b, F.embedding(words, self.W_embed), self.Wx)
        h, context = self.recur(x, h0, projected, grid, self, live)
        scores = torch.addmm(torch.addmm(self.b_vocab, h, self.W_vocab), context, self.W_context)
        return F.cross_entropy(not_bf16(scores), targets, ignore_index=0, reduction="sum") / divisor


def attention_captioner(form, parameters):
    """The model in one of ATTENTION_FORMS."""
    if form == "attention-fused":
        return AttentionCaptioner(parameters, fused)
    look = torch.compile(attend, dynamic=True) if form == "attention-compiled" else attend_by_products
    return AttentionCaptioner(parameters, attention_loop(look))
