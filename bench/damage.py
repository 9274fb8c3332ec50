"""What becomes of caches that are damaged, cut, or cannot be written, and of a file that changes while it is read.

usage: bench/damage.py PROGRAM FOLDER [FLIPS]

Writes small tables, dense and sparse, makes a cache of each, and prints a row of a table for each kind of fault: how often
it was tried, and what came out. Every trial is a process; FLIPS (10,000) take some minutes. The test
`fails_at_every_byte` of thalweg-data (`ingest/tests.rs`) has a writer that fails after every number of bytes.
"""

import pathlib
import random
import resource
import struct
import subprocess
import sys
import time
from collections import Counter

DENSE_ROWS, SPARSE_ROWS = 3_000, 3_000


def dense(out, rows):
    draw = random.Random(3)
    out.write(",".join([f"x{j}" for j in range(12)] + ["colour", "y"]) + "\n")
    for i in range(rows):
        x = [draw.uniform(-1, 1) for _ in range(12)]
        cells = ["" if draw.random() < 0.01 else f"{v:.4f}" for v in x]
        out.write(",".join(cells + [draw.choice(["red", "green", "blue"]), "yes" if x[0] > x[1] else "no"]) + "\n")


def sparse(out, rows):
    draw = random.Random(4)
    for i in range(rows):
        columns = sorted(draw.sample(range(2000), 20))
        label = "+1" if sum(c % 2 for c in columns) > 10 else "-1"
        out.write(label + "".join(f" {c}:{1 if c % 5 else 0.5}" for c in columns) + "\n")


class Trials:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *arguments, limit=None):
        def limited():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        command = [self.program, *map(str, arguments)]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True,
                               preexec_fn=limited if limit is not None else None)
        if ended.returncode not in (0, 2) or "panicked" in ended.stderr:
            sys.exit(f"{' '.join(command)}: exit code {ended.returncode}: {ended.stderr}")
        return ended

    def must(self, *arguments):
        ended = self.run(*arguments)
        if ended.returncode:
            sys.exit(f"{arguments}: {ended.stderr}")
        return ended

    def refused(self, what, *arguments, limit=None):
        """What a run that must be refused says, by its kind."""
        ended = self.run(*arguments, limit=limit)
        lines = ended.stderr.strip().splitlines()
        if ended.returncode != 2 or what not in lines[-1]:
            sys.exit(f"{arguments}: NOT REFUSED: exit code {ended.returncode}: {ended.stderr}")
        return lines[-1]

    def weights(self, run):
        bytes_ = (self.folder / run / "model.safetensors").read_bytes()
        return bytes_[8 + struct.unpack("<Q", bytes_[:8])[0]:]


def kind(message):
    """A message without what is particular to it."""
    for known in ("the checksum of its header is wrong", "its length is not what its header says", "it has no header",
                  "it is none, or was never finished", "the directory of block", "the checksum of the rows of block",
                  "the checksum of column", "a cache of version", "found a damaged cache"):
        if known in message:
            return known
    return message[:100]


def faults(trials, name, data, how, flips):
    folder, draw = trials.folder, random.Random(1)
    cache = folder / f"{name}.cache"
    trials.must("convert", data, cache.name, *how)
    whole = cache.read_bytes()
    trials.must("train", cache.name, "--epochs", 1, "--no-report", "--out", f"{name}-model")
    ask = ("predict", f"{name}-model", f"{name}-bad.cache", "-o", "/dev/null")
    bad = folder / f"{name}-bad.cache"

    def said(variants):
        """What came of files that are not whole: to predict from them is refused."""
        kinds = Counter()
        for variant in variants:
            bad.write_bytes(variant)
            kinds[kind(trials.refused("; ", *ask))] += 1
        return sum(kinds.values()), kinds

    index = struct.unpack("<Q", whole[24:32])[0]
    beginning = 40 + struct.unpack("<I", whole[32:36])[0]

    def flipped(at):
        changed = bytearray(whole)
        changed[at] ^= draw.randrange(1, 256)
        return bytes(changed)

    header = [*range(beginning), *range(index, len(whole))]
    row(name, "a byte of header, description or index changed", *said(flipped(at) for at in header))
    row(name, "a byte elsewhere changed", *said(flipped(draw.randrange(beginning, index)) for _ in range(flips)))
    row(name, "cut", *said(whole[:draw.randrange(len(whole))] for _ in range(200)))

    # In `--cache` it is made anew, and the run ends in the same bits.
    line = ("train", data, *how, "--memory", "32M", "--epochs", 1, "--no-report", "--cache", f"{name}-kept", "--out")
    trials.must(*line, f"{name}-run")
    [kept], expected = (folder / f"{name}-kept").iterdir(), trials.weights(f"{name}-run")
    made, anew = kept.read_bytes(), 0
    for at in range(100):
        kept.write_bytes(b"" if at == 0 else made[:len(made) * at // 100] if at % 2 else flip_in(made, draw))
        ended = trials.must(*line, f"{name}-{at}")
        same = trials.weights(f"{name}-{at}") == expected and kept.read_bytes() == made
        if not same or "made anew" not in ended.stderr:
            sys.exit(f"{name}: damage {at} in --cache: {ended.stderr}")
        anew += 1
        subprocess.run(["rm", "-r", folder / f"{name}-{at}"], check=True)
    row(name, "cut or changed in `--cache`, by runs", 100, {"made anew, the run has the same bits": anew})

    # A limit on the size of files, from nothing to enough.
    said_of, limits = Counter(), sorted({len(whole) * at // 200 for at in range(200)})
    for limit in limits:
        told = trials.refused("a place that cannot be written", "convert", data, f"{name}-new.cache", *how, limit=limit)
        said_of["refused: a place that cannot be written"] += "File too large" in told
        left = [path.name for path in folder.iterdir() if f"{name}-new" in path.name]
        if left:
            sys.exit(f"{name}: RLIMIT_FSIZE {limit} leaves {left}")
    row(name, "`RLIMIT_FSIZE` of 0 to all but 1 in 200 of its bytes", len(limits), said_of)

    # Rows that are added while it is read.
    source, before = folder / data, (folder / data).read_bytes()
    took = time.perf_counter()
    trials.must("convert", data, f"{name}-new.cache", *how)
    took, outcomes = time.perf_counter() - took, Counter()
    last = before.splitlines(keepends=True)[-1]
    for at in range(40):
        command = [trials.program, "convert", data, f"{name}-new.cache", *how]
        running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(took * at / 40)
        with open(source, "ab") as out:
            out.write(last)
        _, told = running.communicate()
        if running.returncode == 0:
            outcomes["done before or after"] += 1
        elif running.returncode == 2 and "a file that changed while it was read" in told:
            outcomes["refused: a file that changed while it was read"] += 1
        else:
            sys.exit(f"{name}: a row added: exit code {running.returncode}: {told}")
        source.write_bytes(before)
    row(name, "a row added to the source while it is read", 40, outcomes)


def flip_in(made, draw):
    changed = bytearray(made)
    changed[draw.randrange(len(made))] ^= draw.randrange(1, 256)
    return bytes(changed)


def row(name, fault, count, kinds):
    text = "; ".join(f"{kind}: {number:,}" for kind, number in sorted(kinds.items(), key=lambda pair: -pair[1]))
    print(f"| {name} | {fault} | {count:,} | {text} |", flush=True)


def main():
    program, folder, *rest = sys.argv[1:]
    flips = int(rest[0]) if rest else 10_000
    folder = pathlib.Path(folder).resolve()
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir(parents=True)
    trials = Trials(str(pathlib.Path(program).resolve()), folder)
    with open(folder / "t.csv", "w") as out:
        dense(out, DENSE_ROWS)
    with open(folder / "t.svm", "w") as out:
        sparse(out, SPARSE_ROWS)
    print("| rows | fault | trials | what came of them |\n|---|---|---|---|")
    faults(trials, "dense", "t.csv", (), flips)
    faults(trials, "sparse", "t.svm", ("--sparse",), flips)


if __name__ == "__main__":
    main()
