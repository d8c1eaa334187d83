"""The captioner's training step in numpy: forward, loss, every gradient by hand, Adam.

Written for speed: live rows only, one product for all time steps wherever the recurrence allows it, no temporary of
the size of a minibatch in the time loop, sigmoid through tanh, the embedding's gradient by sorting, Adam in blocks
that stay in the cache.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from workload import NULL, PARAMETER_NAMES, PackedCaptions

ADAM_BLOCK = 16384


class FlatParameters:
    """The parameters, one after another in one array, and their named views."""

    def __init__(self, shape, dtype):
        shapes = shape.parameter_shapes()
        self.flat = np.zeros(sum(int(np.prod(s)) for s in shapes.values()), dtype)
        self.named = {}
        offset = 0
        for name in PARAMETER_NAMES:
            size = int(np.prod(shapes[name]))
            self.named[name] = self.flat[offset : offset + size].reshape(shapes[name])
            offset += size


class Gradient:
    """Loss and gradients of some captions of a minibatch, in buffers kept from step to step."""

    def __init__(self, shape, captions, dtype):
        self.shape = shape
        self.gradients = FlatParameters(shape, dtype)
        M, H, G = captions * shape.T, shape.H, shape.G
        lstm = shape.cell == "lstm"
        self.a = np.empty((M, G), dtype)
        self.da = np.empty((M, G), dtype) if lstm else self.a
        self.h = np.empty((M, H), dtype)
        self.h_before = np.empty((M, H), dtype)
        self.dh = np.empty((M, H), dtype)
        self.scores = np.empty((M, shape.V), dtype)
        self.x = np.empty((M, shape.W), dtype)
        self.dx = np.empty((M, shape.W), dtype)
        self.recurrent = np.empty((captions, G), dtype)
        self.dh_next = np.empty((captions, H), dtype)
        if lstm:
            self.c = np.empty((M, H), dtype)
            self.c_before = np.empty((M, H), dtype)
            self.tanh_c = np.empty((M, H), dtype)
            self.dc = np.empty((captions, H), dtype)
            self.scratch = np.empty((captions, H), dtype)
        self.ones = np.ones(M, dtype)

    def compute(self, parameters, features, captions, divisor):
        """Sum of the cross-entropies over `divisor`; its gradients are left in self.gradients."""
        packed = PackedCaptions(captions)
        M = packed.offset[-1]
        features = features[packed.order]
        p, g = parameters, self.gradients.named
        x, a, h = self.x[:M], self.a[:M], self.h[:M]

        h0 = features @ p["W_proj"]
        h0 += p["b_proj"]
        np.take(p["W_embed"], packed.words, axis=0, out=x, mode="clip")
        np.matmul(x, p["Wx"], out=a)
        a += p["b"]
        forward = self._lstm_forward if self.shape.cell == "lstm" else self._rnn_forward
        forward(p["Wh"], packed, h0)

        scores = self.scores[:M]
        np.matmul(h, p["W_vocab"], out=scores)
        scores += p["b_vocab"]
        loss = softmax_loss(scores, packed.targets, divisor)

        np.matmul(h.T, scores, out=g["W_vocab"])
        np.matmul(self.ones[:M], scores, out=g["b_vocab"])
        np.matmul(scores, p["W_vocab"].T, out=self.dh[:M])
        backward = self._lstm_backward if self.shape.cell == "lstm" else self._rnn_backward
        dh0 = backward(p["Wh"], packed)

        da = self.da[:M]
        np.matmul(self.h_before[:M].T, da, out=g["Wh"])
        np.matmul(x.T, da, out=g["Wx"])
        np.matmul(self.ones[:M], da, out=g["b"])
        np.matmul(da, p["Wx"].T, out=self.dx[:M])
        embedding_gradient(packed.words, self.dx[:M], g["W_embed"])
        np.matmul(features.T, dh0, out=g["W_proj"])
        np.sum(dh0, axis=0, out=g["b_proj"])
        return loss

    def _rnn_forward(self, Wh, packed, h):
        for live, first in zip(packed.live, packed.offset):
            rows = slice(first, first + live)
            self.h_before[rows] = h[:live]
            a = self.a[rows]
            a += np.matmul(h[:live], Wh, out=self.recurrent[:live])
            h = np.tanh(a, out=self.h[rows])

    def _rnn_backward(self, Wh, packed):
        alive = 0
        for live, first in zip(packed.live[::-1], packed.offset[-2::-1]):
            rows = slice(first, first + live)
            h, dh, da = self.h[rows], self.dh[rows], self.a[rows]
            dh[:alive] += self.dh_next[:alive]
            np.multiply(h, h, out=da)
            np.subtract(1, da, out=da)
            da *= dh
            np.matmul(da, Wh.T, out=self.dh_next[:live])
            alive = live
        return self.dh_next[:alive]

    def _lstm_forward(self, Wh, packed, h):
        H = self.shape.H
        c = np.zeros_like(h)
        for live, first in zip(packed.live, packed.offset):
            rows = slice(first, first + live)
            self.h_before[rows] = h[:live]
            self.c_before[rows] = c[:live]
            a = self.a[rows]
            a += np.matmul(h[:live], Wh, out=self.recurrent[:live])
            a[:, : 3 * H] *= 0.5
            np.tanh(a, out=a)
            a[:, : 3 * H] += 1
            a[:, : 3 * H] *= 0.5
            i, f, o, gate = a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
            h = np.multiply(i, gate, out=self.h[rows])
            c = np.multiply(f, c[:live], out=self.c[rows])
            c += h
            np.multiply(o, np.tanh(c, out=self.tanh_c[rows]), out=h)

    def _lstm_backward(self, Wh, packed):
        H = self.shape.H
        alive = 0
        for live, first in zip(packed.live[::-1], packed.offset[-2::-1]):
            rows = slice(first, first + live)
            a, da, dh, tanh_c = self.a[rows], self.da[rows], self.dh[rows], self.tanh_c[rows]
            i, f, o, gate = a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
            di, df, do, dgate = da[:, :H], da[:, H : 2 * H], da[:, 2 * H : 3 * H], da[:, 3 * H :]
            dc, scratch = self.dc[:live], self.scratch[:live]
            dh[:alive] += self.dh_next[:alive]
            dc[alive:] = 0
            np.multiply(dh, tanh_c, out=do)
            np.multiply(tanh_c, tanh_c, out=scratch)
            np.subtract(1, scratch, out=scratch)
            scratch *= o
            scratch *= dh
            dc += scratch
            np.multiply(dc, gate, out=di)
            np.multiply(dc, self.c_before[rows], out=df)
            np.multiply(gate, gate, out=scratch)
            np.subtract(1, scratch, out=scratch)
            scratch *= i
            np.multiply(scratch, dc, out=dgate)
            dc *= f
            for gates, dgates in ((i, di), (f, df), (o, do)):
                dgates *= gates
                np.subtract(1, gates, out=scratch)
                dgates *= scratch
            np.matmul(da, Wh.T, out=self.dh_next[:live])
            alive = live
        return self.dh_next[:alive]


def softmax_loss(scores, targets, divisor):
    """Cross-entropy over the rows that have a target, divided; scores (M, V) become their gradient."""
    scores -= scores.max(axis=1, keepdims=True)
    rows = np.arange(len(targets))
    correct = scores[rows, targets]
    np.exp(scores, out=scores)
    total = scores.sum(axis=1)
    masked = targets == NULL
    losses = np.log(total) - correct
    losses[masked] = 0
    scores *= (1 / (total * divisor))[:, None]
    scores[rows, targets] -= scores.dtype.type(1 / divisor)
    scores[masked] = 0
    return float(losses.sum(dtype=np.float64) / divisor)


def embedding_gradient(words, dx, gradient):
    """gradient[word] = sum of the rows of dx that read that word."""
    order = np.argsort(words, kind="stable")
    ordered = words[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    gradient.fill(0)
    gradient[ordered[first]] = np.add.reduceat(dx[order], first, axis=0)


class NumpyTrainer:
    """Training steps, on one thread of Python or data-parallel on several (numpy releases the lock in its loops)."""

    def __init__(self, shape, parameters, batch, parts=1, dtype=np.float32, learning_rate=1e-3):
        self.parameters = FlatParameters(shape, dtype)
        for name, value in parameters.items():
            self.parameters.named[name][...] = value
        self.m = np.zeros_like(self.parameters.flat)
        self.v = np.zeros_like(self.parameters.flat)
        self.bounds = [batch * part // parts for part in range(parts + 1)]
        self.gradients = [Gradient(shape, b - a, dtype) for a, b in zip(self.bounds, self.bounds[1:])]
        self.pool = ThreadPoolExecutor(parts - 1) if parts > 1 else None
        self.learning_rate = learning_rate
        self.t = 0

    def loss_and_gradients(self, features, captions):
        """The loss; gradients, summed over the parts, are left in self.gradients[0].gradients."""

        def part(index):
            rows = slice(self.bounds[index], self.bounds[index + 1])
            return self.gradients[index].compute(
                self.parameters.named, features[rows], captions[rows], len(captions)
            )

        return sum(self._in_parallel(part))

    def step(self, features, captions):
        """One training step; returns the loss before the update."""
        loss = self.loss_and_gradients(features, captions)
        self.t += 1
        step_size = self.learning_rate * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        parts = len(self.gradients)
        size = self.parameters.flat.size

        def part(index):
            self._adam(step_size, size * index // parts, size * (index + 1) // parts)

        self._in_parallel(part)
        return loss

    def _in_parallel(self, work):
        others = [self.pool.submit(work, index) for index in range(1, len(self.gradients))]
        return [work(0)] + [other.result() for other in others]

    def _adam(self, step_size, start, end, beta1=0.9, beta2=0.999, epsilon=1e-8):
        """The course's form: epsilon is added to the uncorrected root."""
        scratch = np.empty(ADAM_BLOCK, self.m.dtype)
        for first in range(start, end, ADAM_BLOCK):
            block = slice(first, min(first + ADAM_BLOCK, end))
            m, v, w = self.m[block], self.v[block], self.parameters.flat[block]
            g = self.gradients[0].gradients.flat[block]
            s = scratch[: len(g)]
            for other in self.gradients[1:]:
                g += other.gradients.flat[block]
            m *= beta1
            m += np.multiply(g, 1 - beta1, out=s)
            v *= beta2
            np.multiply(g, g, out=s)
            s *= 1 - beta2
            v += s
            np.sqrt(v, out=s)
            s += epsilon
            np.divide(m, s, out=s)
            s *= step_size
            w -= s
