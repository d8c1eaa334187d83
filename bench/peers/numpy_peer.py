"""Measures the numpy captioner. OPENBLAS_NUM_THREADS fixes the threads of the products; --parts splits the minibatch
over threads of Python."""

import argparse
import os

from measurement import measure, report
from numpy_captioner import NumpyTrainer
from workload import captioning_folder, coco_shape


def main():
    """Prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="numpy")
    parser.add_argument("--cell", choices=("lstm", "rnn"), default="lstm")
    parser.add_argument("--data", help="folder in CS231n's layout; without it, random captions at full length")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--parts", type=int, default=1, help="parts of the minibatch, one thread each")
    options = parser.parse_args()
    work = captioning_folder(options.cell, options.data) if options.data else coco_shape(options.cell)
    trainer = NumpyTrainer(work.shape, work.shape.initial_parameters(), options.batch, options.parts)
    milliseconds = measure(
        lambda rows: trainer.step(*work.gather(rows)), work.rows_of_steps(options.batch), options.steps, options.warm_up
    )
    threads = options.parts * int(os.environ.get("OPENBLAS_NUM_THREADS", os.cpu_count()))
    report(options.name, options.cell, work.lengths, threads, "float32", options.batch, milliseconds)


if __name__ == "__main__":
    main()
