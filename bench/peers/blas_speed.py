"""Measures numpy's matrix product on shapes of the captioner, so that peers can be given the BLAS settings that suit
the machine. OPENBLAS_CORETYPE is read when the library is loaded: one process a setting."""

import json
import time

import numpy as np


def main(rounds=5, seconds=0.06):
    """Prints one JSON line: billions of operations a second, the best of `rounds`."""
    a = np.ones((100, 512), np.float32)
    b = np.ones((512, 2048), np.float32)
    out = np.empty((100, 2048), np.float32)
    best = 0
    for _ in range(rounds):
        start, calls = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            np.matmul(a, b, out=out)
            calls += 1
        best = max(best, 2e-9 * 100 * 512 * 2048 * calls / (time.perf_counter() - start))
    print(json.dumps({"gflops": round(best, 1)}))


if __name__ == "__main__":
    main()
