"""What every peer shares: its job from the command line, and the line protocol.

    peer.py DATA ROWS LAYERS BATCH THREADS

The peer prints `ready`; then for every line `epoch` on standard input it trains one epoch and prints
`{"seconds": …, "loss": …}`: the time of the epoch, reshuffling included, and the mean training loss over its
batches. Between epochs it blocks on standard input, so it takes no time from the others. It ends with the
input. Everything that libraries print goes to standard error.
"""

import json
import os
import pathlib
import sys
import time
from types import SimpleNamespace

import numpy as np

_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def job():
    """The workload: x, y, layers, batch, threads, and the initial parameters as (weight [out, in], bias)."""
    folder, rows, layers, batch, threads = sys.argv[1:]
    folder, rows = pathlib.Path(folder), int(rows)
    layers = [int(n) for n in layers.split(",")]
    initial = [
        (np.load(folder / f"weight{k}.npy"), np.load(folder / f"bias{k}.npy")) for k in range(len(layers) - 1)
    ]
    return SimpleNamespace(
        x=np.load(folder / "x.npy")[:rows],
        y=np.load(folder / "y.npy")[:rows],
        layers=layers,
        batch=int(batch),
        threads=int(threads),
        initial=initial,
    )


def say(line):
    _answers.write(line + "\n")
    _answers.flush()


def answer(seconds, loss):
    say(json.dumps({"seconds": seconds, "loss": float(loss)}))


def wait():
    """Blocks until the next epoch is asked for; ends the process when none will be."""
    if sys.stdin.readline().strip() != "epoch":
        sys.exit()


def serve(epoch):
    """Answers every request by running `epoch()`, which returns the mean loss once all work is done."""
    say("ready")
    while True:
        wait()
        start = time.perf_counter()
        loss = float(epoch())
        answer(time.perf_counter() - start, loss)
