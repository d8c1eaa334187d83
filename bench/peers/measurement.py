"""Timing of a peer's training steps and the JSON line that reports them."""

import json
import time


def measure(step, rows_of_steps, steps, warm_up, compilations=lambda: 0):
    """Milliseconds of each of `steps` calls of step(rows), after `warm_up` untimed ones. A call in which the count of
    compilations() rises is made again, so that every peer is timed on the same minibatches."""
    for _ in range(warm_up):
        step(next(rows_of_steps))
    milliseconds = []
    compiled = compilations()
    for _ in range(steps):
        rows = next(rows_of_steps)
        while True:
            start = time.perf_counter()
            step(rows)
            took = 1000 * (time.perf_counter() - start)
            before, compiled = compiled, compilations()
            if compiled == before:
                break
        milliseconds.append(took)
    return milliseconds


def report(peer, cell, lengths, threads, precision, batch, milliseconds):
    """Prints one line; captions per second are those of all measured steps together."""
    ordered = sorted(milliseconds)
    line = {
        "peer": peer,
        "cell": cell,
        "lengths": lengths,
        "threads": threads,
        "precision": precision,
        "captionsPerSecond": round(1000 * batch * len(ordered) / sum(ordered), 1),
        "stepMs": {
            "min": round(ordered[0], 2),
            "median": round(ordered[len(ordered) // 2], 2),
            "max": round(ordered[-1], 2),
        },
        "steps": len(ordered),
    }
    print(json.dumps(line), flush=True)
