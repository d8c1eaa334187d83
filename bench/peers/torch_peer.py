"""Measures the PyTorch captioner. OMP_NUM_THREADS and OPENBLAS_NUM_THREADS fix the threads of each process;
--processes runs DistributedDataParallel over gloo, an equal part of the minibatch in each process."""

import argparse
import os
import socket
import warnings

import torch

from measurement import measure, report
from torch_attention import ATTENTION_FORMS
from torch_captioner import TorchTrainer
from torch_compiled import compilations
from torch_forms import ALL_FORMS, model_of
from workload import captioning_folder, coco_shape


def train(rank, options, port):
    """Runs the measured steps; process 0 prints one JSON line."""
    warnings.filterwarnings("ignore")
    # Debian's PyTorch starts with one thread whatever OMP_NUM_THREADS says.
    torch.set_num_threads(options.omp_threads)
    torch.manual_seed(231)
    if options.data:
        work = captioning_folder(options.cell, options.data)
    else:
        work = coco_shape(options.cell, attention=options.form in ATTENTION_FORMS)
    model = model_of(options.form, work.shape, work.shape.initial_parameters())
    if options.processes > 1:
        torch.distributed.init_process_group(
            "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=options.processes
        )
        model = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    trainer = TorchTrainer(model, options.precision)
    part = slice(
        options.batch * rank // options.processes, options.batch * (rank + 1) // options.processes
    )
    milliseconds = measure(
        lambda rows: trainer.step(*work.gather(rows[part])),
        work.rows_of_steps(options.batch),
        options.steps,
        options.warm_up,
        compilations if "compiled" in options.form else lambda: 0,
    )
    if rank == 0:
        blas = int(os.environ.get("OPENBLAS_NUM_THREADS", os.cpu_count()))
        threads = options.processes * max(options.omp_threads, blas)
        report(options.name, options.cell, work.lengths, threads, options.precision, options.batch, milliseconds)
    if options.processes > 1:
        torch.distributed.destroy_process_group()


def free_port():
    """A TCP port for the processes to find each other."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    """Runs one process, or several side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="torch")
    parser.add_argument("--form", choices=ALL_FORMS, default="padded")
    parser.add_argument("--cell", choices=("lstm", "rnn"), default="lstm")
    parser.add_argument("--data", help="folder in CS231n's layout; without it, random captions at full length")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--omp-threads", type=int, default=1, help="threads of PyTorch's own loops, a process")
    options = parser.parse_args()
    if options.processes == 1:
        train(0, options, None)
    else:
        torch.multiprocessing.spawn(train, (options, free_port()), nprocs=options.processes)


if __name__ == "__main__":
    main()
