"""The work of one training step: shapes, captions, features and first parameters, the same for every peer.

Names and shapes are CS231n's: features (N, D), captions (N, T + 1), W_proj (D, H), W_embed (V, W), Wx (W, G),
Wh (H, G), W_vocab (H, V), with G = H for an RNN and 4H for an LSTM (gates i, f, o, g). With attention there is a grid
(N, L, C) for each image, and recap's parameters of it.
"""

import json
import os

import numpy as np

NULL, START, END = 0, 1, 2
PARAMETER_NAMES = ("W_proj", "b_proj", "W_embed", "Wx", "Wh", "b", "W_vocab", "b_vocab")


class Shape:
    """What fixes the shape of every parameter; `grid` is (L, C), or None without attention."""

    def __init__(self, cell, D, W, H, V, T, grid=None):
        self.cell, self.D, self.W, self.H, self.V, self.T, self.grid = cell, D, W, H, V, T, grid
        self.G = 4 * H if cell == "lstm" else H

    def parameter_shapes(self):
        D, W, H, V, G = self.D, self.W, self.H, self.V, self.G
        return {
            "W_proj": (D, H),
            "b_proj": (H,),
            "W_embed": (V, W),
            "Wx": (W, G),
            "Wh": (H, G),
            "b": (G,),
            "W_vocab": (H, V),
            "b_vocab": (V,),
            **(self.attention_shapes(self.grid[1]) if self.grid else {}),
        }

    def attention_shapes(self, C):
        H, G, V = self.H, self.G, self.V
        return {
            "W_grid": (C, H),
            "b_att": (H,),
            "W_query": (H, H),
            "w_att": (H,),
            "w_beta": (H,),
            "b_beta": (1,),
            "Wz": (C, G),
            "W_context": (C, V),
        }

    def initial_parameters(self, seed=231, dtype=np.float32):
        """W_embed normal/100, other matrices normal/sqrt(fan-in), biases 0."""
        random = np.random.RandomState(seed)
        parameters = {}
        for name, shape in self.parameter_shapes().items():
            if len(shape) == 1 and name not in ("w_att", "w_beta"):
                value = np.zeros(shape)
            elif name == "W_embed":
                value = random.randn(*shape) / 100
            else:
                value = random.randn(*shape) / np.sqrt(shape[0])
            parameters[name] = value.astype(dtype)
        return parameters


class Workload:
    """Captions and features in memory, from which minibatches are gathered."""

    def __init__(self, shape, features, captions, image_idxs, lengths, grid=None):
        self.shape = shape
        self.features = features
        self.grid = grid
        self.captions = captions
        self.image_idxs = image_idxs
        self.lengths = lengths

    def rows_of_steps(self, batch, seed=231):
        """Rows of one minibatch after another: every epoch in a new order, the same for each peer."""
        random = np.random.RandomState(seed)
        while True:
            order = random.permutation(len(self.captions))
            for first in range(0, len(order) - batch + 1, batch):
                yield order[first : first + batch]

    def gather(self, rows):
        """Features (N, D), with attention beside grids (N, L, C), and captions (N, T + 1) of the given rows."""
        images = self.image_idxs[rows]
        if self.grid is None:
            return self.features[images], self.captions[rows]
        return (self.features[images], self.grid[images % len(self.grid)].astype(np.float32)), self.captions[rows]


def coco_shape(cell, seed=231, attention=False):
    """Random captions at full length in the shapes of CS231n's COCO set with PCA features, and grids of 49 x 352."""
    shape = Shape(cell, D=512, W=256, H=512, V=1004, T=16, grid=(49, 352) if attention else None)
    random = np.random.RandomState(seed)
    images, captions = 2000, 4000
    features = random.randn(images, shape.D).astype(np.float32)
    tokens = random.randint(3, shape.V, size=(captions, shape.T + 1))
    tokens[:, 0] = START
    tokens[:, -1] = END
    image_idxs = random.randint(0, images, size=captions)
    # In float16, as recap keeps them.
    grid = random.randn(100, *shape.grid).astype(np.float16) if attention else None
    return Workload(shape, features, tokens, image_idxs, "full", grid)


def captioning_folder(cell, folder, W=256, H=512):
    """Training captions and PCA features of a folder in CS231n's layout, captions as long as they are."""
    import h5py

    with open(os.path.join(folder, "coco2014_vocab.json"), encoding="utf-8") as file:
        V = len(json.load(file)["idx_to_word"])
    with h5py.File(os.path.join(folder, "coco2014_captions.h5"), "r") as file:
        captions = file["train_captions"][:].astype(np.int64)
        image_idxs = file["train_image_idxs"][:].astype(np.int64)
    with h5py.File(os.path.join(folder, "train2014_vgg16_fc7_pca.h5"), "r") as file:
        features = file["features"][:].astype(np.float32)
    shape = Shape(cell, D=features.shape[1], W=W, H=H, V=V, T=captions.shape[1] - 1)
    return Workload(shape, features, captions, image_idxs, "data")


def random_case(cell, dtype, seed=7, grid=None):
    """A small minibatch of captions of unequal lengths, on which peers are compared with each other."""
    shape = Shape(cell, D=12, W=10, H=8, V=31, T=9, grid=grid)
    random = np.random.RandomState(seed)
    N = 14
    captions = np.full((N, shape.T + 1), NULL)
    for row in captions:
        words = random.randint(1, shape.T)
        row[0] = START
        row[1 : 1 + words] = random.randint(3, shape.V, size=words)
        row[1 + words] = END
    features = random.randn(N, shape.D).astype(dtype)
    parameters = shape.initial_parameters(dtype=dtype)
    for name in parameters:
        parameters[name] += (0.1 * random.randn(*parameters[name].shape)).astype(dtype)
    images = (features, random.randn(N, *grid).astype(dtype)) if grid else features
    return shape, parameters, images, captions


class PackedCaptions:
    """Tokens of a minibatch without padding: the live rows of time step 0, then those of step 1, and so on.

    Rows are ordered by length, longest first, so that the live rows of each step are the first ones.
    """

    def __init__(self, captions):
        captions_in, captions_out = captions[:, :-1], captions[:, 1:]
        T = captions_out.shape[1]
        lengths = T - np.argmax(captions_out[:, ::-1] != NULL, axis=1)
        self.order = np.argsort(-lengths, kind="stable")
        self.lengths = lengths[self.order]
        self.live = (self.lengths[None, :] > np.arange(self.lengths[0])[:, None]).sum(axis=1)
        self.offset = np.concatenate([[0], np.cumsum(self.live)])
        alive = np.arange(T)[:, None] < self.lengths[None, :]
        self.words = captions_in[self.order].T[alive]
        self.targets = captions_out[self.order].T[alive]
