"""Sparse rows: rows/s of a logistic regression, its accuracy, and memory by non-zeros, beside
Vowpal Wabbit and scikit-learn's SGDClassifier.

usage: bench/sparse.py PROGRAM FOLDER [A9A A9A_TEST] [AGARICUS AGARICUS_TEST]

Generates rows as click logs have them (39 non-zeros of 10^6 columns, one of each of 39 fields, whose
values are distributed by a power law) into FOLDER, trains on them and on the files that are given
(libsvm, may be .gz), and prints a row of a table for each contestant. They take turns, one at a time: rates
are medians of TURNS turns (9), and ratios to Vowpal Wabbit medians of those within a turn, with the least
and the largest. ONLY in the environment names one of `click log`, `a9a`, `agaricus` and `memory`. Needs
numpy, scipy, scikit-learn and vowpalwabbit, at the versions of requirements-sparse.txt.

On the click log, batches of 2,048 rows want a rate of 0.08 to end at Vowpal Wabbit's test loss.
"""

import gzip
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

COLUMNS, FIELDS, ROWS, TEST_ROWS = 1_000_000, 39, 300_000, 50_000
TURNS, ONLY = int(os.environ.get("TURNS", 9)), os.environ.get("ONLY")

# What is asked of `thalweg train`.
BY_BATCH = {
    "`adagrad`, batches of 256": ["--batch-size", "256"],
    "`adagrad`, batches of 1,024": ["--batch-size", "1024"],
    "`adagrad`, batches of 2,048, `--lr 0.08`": ["--batch-size", "2048", "--lr", "0.08"],
    "`gd`, batches of 256": ["--optimizer", "gd", "--lr", "0.5", "--batch-size", "256"],
}


def epochs(rows):
    """Enough to be timed, at least five."""
    return max(5, 2_000_000 // rows)


def open_text(path):
    return gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)


def click_log(path, rows, seed):
    """Field f has the columns f, f + 39, ...; small numbers are frequent."""
    if path.exists():
        return
    random = np.random.default_rng(seed)
    per_field = COLUMNS // FIELDS
    weights = np.random.default_rng(1).normal(0, 0.6, COLUMNS)
    with open(path, "w") as out:
        for start in range(0, rows, 10_000):
            count = min(10_000, rows - start)
            value = (per_field ** random.random((count, FIELDS)) - 1).astype(np.int64)
            column = np.sort(value * FIELDS + np.arange(FIELDS))
            p = 1 / (1 + np.exp(1 - weights[column].sum(1)))
            label = np.where(random.random(count) < p, 1, -1)
            for y, row in zip(label, column):
                out.write(f"{y} " + " ".join(f"{j + 1}:1" for j in row) + "\n")


def to_vw(source, path):
    if path.exists():
        return
    with open_text(source) as rows, open(path, "w") as out:
        for row in rows:
            label, *pairs = row.split()
            label = 1 if float(label) > 0 else -1
            out.write(f"{label} |f " + " ".join(p.removesuffix(":1") for p in pairs) + "\n")


def peak(folder, command):
    """Seconds and the most memory of a process, in MiB; a child of this one would begin with its memory."""
    before, report = time.perf_counter(), folder / "memory.txt"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["/usr/bin/time", "-f", "%M", "-o", report, *command], check=True, **quiet)
    return time.perf_counter() - before, int(report.read_text()) / 1024


def thalweg(program, folder, train, test, passes, how):
    out = folder / "run"
    subprocess.run(["rm", "-rf", out], check=True)
    command = [program, "train", str(train), "--test", str(test), "--no-validation", "--sparse",
               "--hidden", "none", "--epochs", str(passes), "--no-report", "--quiet", "--out", str(out)]
    seconds, memory = peak(folder, command + how)
    log = [json.loads(line) for line in open(out / "log.jsonl")]
    rate = np.median([e["rows_per_second"] for e in log if e["event"] == "epoch"])
    end = log[-1]
    return rate, end["test"]["accuracy"], end["test"]["loss"], seconds, memory


class Wabbit:
    """Vowpal Wabbit, from its cache."""

    def __init__(self, folder, train, name, passes):
        self.model, self.passes = folder / f"{name}.model", passes
        self.how = (f"-d {train} --cache_file {folder}/{name}.cache --loss_function logistic --holdout_off "
                    "-b 21 --quiet")
        self.seconds(1)  # makes the cache

    def seconds(self, count, model=""):
        import vowpalwabbit

        before = time.perf_counter()
        vowpalwabbit.Workspace(f"{self.how} --passes {count} {model}").finish()
        return time.perf_counter() - before

    def passes_per_second(self):
        return self.passes / (self.seconds(1 + self.passes) - self.seconds(1))

    def judge(self, test):
        import vowpalwabbit

        self.seconds(self.passes, f"-f {self.model}")
        w = vowpalwabbit.Workspace(f"-i {self.model} -t --quiet --link logistic")
        p, y = [], []
        for row in open(test):
            p.append(w.predict(row))
            y.append(float(row.split()[0]) > 0)
        p, y = np.clip(np.array(p), 1e-7, 1 - 1e-7), np.array(y)
        loss = -np.mean(np.log(np.where(y, p, 1 - p)))
        return np.mean((p > 0.5) == y), loss


def sgd(train, test, passes):
    from sklearn.datasets import load_svmlight_file
    from sklearn.linear_model import SGDClassifier

    x, y = load_svmlight_file(str(train))
    x_test, y_test = load_svmlight_file(str(test), n_features=x.shape[1])
    for rows in (x, x_test):
        rows.indices, rows.indptr = rows.indices.astype(np.int32), rows.indptr.astype(np.int32)
    model = SGDClassifier(loss="log_loss", max_iter=passes, tol=None, alpha=1e-6, random_state=0)
    before = time.perf_counter()
    model.fit(x, y)
    seconds = time.perf_counter() - before
    return x.shape[0] * passes / seconds, model.score(x_test, y_test)


def compare(program, folder, name, train, test):
    """All contestants on one data set, in turns."""
    files = [folder / f"{name.split()[0]}{end}.vw" for end in ("", ".t")]
    for source, path in zip((train, test), files):
        to_vw(source, path)
    rows = sum(1 for _ in open(files[0]))
    passes = epochs(rows)
    wabbit = Wabbit(folder, files[0], name.split()[0], passes)
    rates = {label: [] for label in ("VW", *BY_BATCH, "SGD")}
    ends = {}
    for turn in range(TURNS):
        rates["VW"].append(wabbit.passes_per_second() * rows)
        for label, how in BY_BATCH.items():
            rate, *ends[label] = thalweg(program, folder, train, test, passes, how)
            rates[label].append(rate)
        if turn < 3:
            rate, accuracy = sgd(train, test, passes)
            rates["SGD"].append(rate)
    accuracy_of_vw, loss = wabbit.judge(files[1])
    for label, how in BY_BATCH.items():
        a, l, seconds, memory = ends[label]
        print(line(name, label, rates[label], rates["VW"], a, f"{l:.4f}", f"{memory:,.0f} MiB"), flush=True)
    print(line(name, "Vowpal Wabbit, from its cache", rates["VW"], None, accuracy_of_vw, f"{loss:.4f}", ""))
    print(line(name, "`SGDClassifier`", rates["SGD"], rates["VW"], accuracy, "", ""), flush=True)


def line(name, label, rates, base, accuracy, loss, memory):
    ratios = [a / b for a, b in zip(rates, base)] if base else [1]
    times = "1" if not base else f"{np.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    return f"| {name} | {label} | {np.median(rates):,.0f} | {times} | {accuracy:.4f} | {loss} | {memory} |"


def main():
    program, folder, *given = sys.argv[1:]
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    click, click_test = folder / "click.libsvm", folder / "click.t.libsvm"
    click_log(click, ROWS, 7)
    click_log(click_test, TEST_ROWS, 8)
    sets = [("click log", click, click_test)]
    sets += [(n, pathlib.Path(a), pathlib.Path(b))
             for n, a, b in zip(["a9a", "agaricus"], given[::2], given[1::2])]
    print("| data | contestant | rows/s | × VW | accuracy | test loss | peak memory |")
    print("|---|---|---|---|---|---|---|")
    for name, train, test in sets:
        if ONLY in (None, name):
            compare(program, folder, name, train, test)
    if ONLY not in (None, "memory"):
        return
    print("\n| rows of 39 non-zeros | non-zeros | MiB at most |\n|---|---|---|")
    for rows in (25_000, 100_000, 300_000):
        part = folder / "part.libsvm"
        with open(click) as source, open(part, "w") as out:
            out.writelines(line for _, line in zip(range(rows), source))
        *_, memory = thalweg(program, folder, part, click_test, 5, ["--batch-size", "256"])
        print(f"| {rows:,} | {rows * FIELDS:,} | {memory:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
