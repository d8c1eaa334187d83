"""Writes a folder in CS231n's layout with as many rows and columns as the official COCO files: 82,783 x 4096 float32
training features (1.36 GB) and 400,135 captions of 17 columns over 1,004 words. Features and captions are random.

    python3 bench/make-official-size.py FOLDER [--grid]

With --grid: features of 1280 columns, and of 512 as fc7_pca, and float32 grids of 49 x 352 of COCO's 82,783 training and
40,504 validation images (9.4 GB).
"""

import json
import os
import sys

import h5py
import numpy as np

TRAIN_IMAGES, VAL_IMAGES, D = 82783, 2000, 4096
GRID_VAL_IMAGES, GRID_D, GRID_PCA_D, GRID = 40504, 1280, 512, (49, 352)
TRAIN_CAPTIONS, VAL_CAPTIONS, COLUMNS, V = 400135, 10000, 17, 1004
NULL, START, END = 0, 1, 2
BLOCK = 4096


def write_grids(path, images, random):
    """Grids, each block of them the same."""
    block = random.standard_normal((256, *GRID), dtype=np.float32)
    with h5py.File(path, "w") as file:
        grids = file.create_dataset("grid", (images, *GRID), np.float32, chunks=(1, *GRID))
        for first in range(0, images, len(block)):
            grids[first : first + len(block)] = block[: images - first]


def write_features(path, images, random, D=D):
    """Features like those of a rectified layer, half of them 0; written in blocks, each a shift of the first."""
    block = np.maximum(random.standard_normal((BLOCK, D), dtype=np.float32), 0)
    with h5py.File(path, "w") as file:
        features = file.create_dataset("features", (images, D), np.float32)
        for number, first in enumerate(range(0, images, BLOCK)):
            rows = min(BLOCK, images - first)
            features[first : first + rows] = np.roll(block, number, axis=1)[:rows]


def captions(rows, random):
    """<START>, 7 to 15 words, <END>, then <NULL>; small ids more often than large ones, as vocabularies are ordered."""
    tokens = np.minimum(3 + random.exponential(V / 8, size=(rows, COLUMNS)), V - 1).astype(np.int32)
    words = np.clip(random.normal(10.5, 2.2, size=rows).round().astype(int), 7, COLUMNS - 2)
    columns = np.arange(COLUMNS)
    tokens[columns > words[:, None]] = NULL
    tokens[:, 0] = START
    tokens[np.arange(rows), words + 1] = END
    return tokens


def main():
    """Writes every file that a trainer on fc7 features reads."""
    folder, with_grid = sys.argv[1], "--grid" in sys.argv
    val_images, columns = (GRID_VAL_IMAGES, GRID_D) if with_grid else (VAL_IMAGES, D)
    os.makedirs(folder, exist_ok=True)
    random = np.random.default_rng(231)
    with h5py.File(os.path.join(folder, "coco2014_captions.h5"), "w") as file:
        for split, rows, images in (("train", TRAIN_CAPTIONS, TRAIN_IMAGES), ("val", VAL_CAPTIONS, val_images)):
            file[f"{split}_captions"] = captions(rows, random)
            file[f"{split}_image_idxs"] = random.integers(0, images, size=rows, dtype=np.int32)
    words = ["<NULL>", "<START>", "<END>", "<UNK>"] + [f"word{index}" for index in range(4, V)]
    with open(os.path.join(folder, "coco2014_vocab.json"), "w", encoding="utf-8") as file:
        json.dump({"idx_to_word": words, "word_to_idx": {word: index for index, word in enumerate(words)}}, file)
    for split, images in (("train", TRAIN_IMAGES), ("val", val_images)):
        write_features(os.path.join(folder, f"{split}2014_vgg16_fc7.h5"), images, random, columns)
        if with_grid:
            write_features(os.path.join(folder, f"{split}2014_vgg16_fc7_pca.h5"), images, random, GRID_PCA_D)
            write_grids(os.path.join(folder, f"{split}2014_grid.h5"), images, random)
        with open(os.path.join(folder, f"{split}2014_urls.txt"), "w", encoding="utf-8") as file:
            file.writelines(f"http://example.org/{split}/{image}.jpg\n" for image in range(images))


if __name__ == "__main__":
    if sys.argv[2:] not in ([], ["--grid"]) or len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
