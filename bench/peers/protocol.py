"""Shared by all peers: the job from the command line, and the line protocol.

    peer.py '{"folder": …, "rows": …, "layers": […], "convolutions": […], "batch": …, "optimizer": "adam", "learning_rate": …, "threads": …}'

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
    """The job, with x (f32, or bytes of pixels as 255ths: see `floats`), y, and `initial`: (weight, bias) a layer.

    Convolutions, each followed by ReLU and a maximum over 2 × 2 pixels, come before the dense layers. A dense weight is
    [out, in], that of a convolution [out, in, lines, pixels]."""
    job = SimpleNamespace(**json.loads(sys.argv[1]))
    folder = pathlib.Path(job.folder)
    job.x = np.load(folder / "x.npy")[: job.rows]
    job.y = np.load(folder / "y.npy")[: job.rows]
    count = len(job.convolutions) + len(job.layers) - 1
    job.initial = [(np.load(folder / f"weight{k}.npy"), np.load(folder / f"bias{k}.npy")) for k in range(count)]
    return job


def floats(x):
    """Pixels as single-precision numbers; other rows as they are."""
    return x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x


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
