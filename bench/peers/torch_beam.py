"""Beam search by an LSTM captioner of recap's in PyTorch, batched over images: seconds for all images of a feature file.

A beam's hypotheses are rows; one that has ended keeps its place, images whose beam is full are dropped. Reads a checkpoint
and features, prints one JSON line with the captions' word ids.
"""

import argparse
import json
import time

import h5py
import numpy as np
import torch

NULL, START, END, UNK = range(4)


def read_checkpoint(path):
    """The tables of a safetensors file, under their CS231n names, and the number of time steps."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    state = json.loads(header.pop("__metadata__")["recap"])
    tables = {}
    for name, entry in header.items():
        if "." in name:
            continue
        first, last = entry["data_offsets"]
        values = np.frombuffer(data[first:last], {"F32": np.float32, "F64": np.float64}[entry["dtype"]])
        tables[name] = torch.from_numpy(values.reshape(entry["shape"]).astype(np.float32))
    return tables, state["model"]["dimensions"]["steps"]


def beam_search(p, features, width, longest):
    """features (n, D) -> word ids (n, longest) of the best caption of each image, by mean log probability."""
    n, H, V = features.size(0), p["Wh"].size(0), p["W_vocab"].size(1)
    h = torch.addmm(p["b_proj"], features, p["W_proj"]).repeat_interleave(width, 0)
    c = torch.zeros_like(h)
    word = torch.full((n * width,), START)
    logs = torch.full((n, width), -torch.inf)
    logs[:, 0] = 0
    ended = torch.zeros(n, width, dtype=torch.bool)
    lengths = torch.zeros(n, width)
    written = torch.full((n, width, longest), NULL)
    image = torch.arange(n)
    best = torch.full((n, longest), NULL)
    stay = torch.full((V,), -torch.inf)
    stay[END] = 0

    def finish(rows):
        choice = (logs[rows] / lengths[rows]).argmax(1)
        best[image[rows]] = written[rows, choice]

    for t in range(longest):
        a = torch.addmm(torch.addmm(p["b"], p["W_embed"][word], p["Wx"]), h, p["Wh"])
        i, f, o = torch.sigmoid(a[:, : 3 * H]).chunk(3, 1)
        c = f * c + i * torch.tanh(a[:, 3 * H :])
        h = o * torch.tanh(c)
        next_logs = torch.log_softmax(torch.addmm(p["b_vocab"], h, p["W_vocab"]), 1)
        next_logs[:, [NULL, START, UNK]] = -torch.inf
        images = image.numel()
        next_logs = torch.where(ended.view(-1, 1), stay, next_logs).view(images, width, V)
        totals = logs[:, :, None] + next_logs
        # What has ended is ranked before anything else, so that it stays.
        rank = totals + 1e4 * ended[:, :, None]
        chosen = rank.view(images, -1).topk(width, 1).indices
        parent, token = chosen // V, chosen % V
        logs = totals.view(images, -1).gather(1, chosen)
        was_ended = ended.gather(1, parent)
        written = written.gather(1, parent[:, :, None].expand(-1, -1, longest))
        written[:, :, t] = torch.where(was_ended, NULL, token)
        lengths = lengths.gather(1, parent) + ~was_ended
        ended = was_ended | (token == END)
        row = (parent + torch.arange(images)[:, None] * width).view(-1)
        h, c, word = h[row], c[row], token.view(-1)
        full = ended.all(1)
        if full.any():
            finish(full)
            if full.all():
                return best
            left = ~full
            rows = left.repeat_interleave(width)
            h, c, word = h[rows], c[rows], word[rows]
            logs, ended, lengths, written, image = logs[left], ended[left], lengths[left], written[left], image[left]
    finish(torch.ones(image.numel(), dtype=torch.bool))
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--features", required=True)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--batch", type=int, default=50, help="images at a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    parameters, longest = read_checkpoint(options.checkpoint)
    with h5py.File(options.features) as file:
        features = torch.from_numpy(file["features"][:].astype(np.float32))
    seconds = []
    with torch.inference_mode():
        for _ in range(options.rounds):
            start = time.perf_counter()
            batches = features.split(options.batch)
            words = torch.cat([beam_search(parameters, batch, options.beam, longest) for batch in batches])
            seconds.append(time.perf_counter() - start)
    captions = [[word for word in row if word != NULL] for row in words.tolist()]
    print(json.dumps({"images": len(captions), "seconds": min(seconds), "captions": captions}))


main()
