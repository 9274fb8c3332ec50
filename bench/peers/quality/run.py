"""Fits contestants to the tables and scores them: `python run.py STORE FOLDER CONTESTANT … [--tables A,B] [--seeds 0,1]`.

A contestant is a peer of `peers.py`, or NAME=PROGRAM ARGUMENTS …: a `thalweg` with the arguments of its `train`;
`without=PROGRAM ARGUMENTS …` stands for one without each part of the recipe.
FOLDER holds the tables (`tables.py`), STORE is a JSON file of runs, a line each; a run that it has is not made again,
unless --again is given. A fit's CPU seconds are user + system time of one thread; for Thalweg they are those of the
whole process, with reading the file and writing the model, for a peer those of `fit` alone.
"""

import argparse
import datetime
import fcntl
import importlib.metadata
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
from pathlib import Path

os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
sys.dont_write_bytecode = True

import numpy as np
import pandas as pd

from ablation import PARTS, toml
from peers import PEERS
from scores import scores
from tables import TABLES, paths, prepare

PACKAGES = "numpy pandas scikit-learn torch pytabkit".split()


def read(path):
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def fit_peer(name, task, files, seed):
    learn, test = map(read, files)
    is_validation = (learn["part"] == "validation").to_numpy()
    x, y = learn.drop(columns=["part", "target"]), learn["target"].to_numpy()
    rows = test.drop(columns="target")
    wall, cpu = time.perf_counter(), time.process_time()
    predict = PEERS[name](task, x, y, is_validation, seed)
    seconds = dict(cpu=time.process_time() - cpu, wall=time.perf_counter() - wall)
    return np.asarray(predict(rows), dtype=float), seconds, {}


def train(words, out, folder):
    """Runs `thalweg train`; its seconds and what it says at the end."""
    command = [*words, "--threads", "1", "--no-report", "--json", "--quiet", "--out", out]
    said, complained = Path(folder, "said"), Path(folder, "complained")
    with said.open("w") as output, complained.open("w") as errors:
        wall = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - wall
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {complained.read_text()}")
    end = json.loads(said.read_text().splitlines()[-1])
    more = dict(epochs=end["epochs"])
    if "debug" in Path(words[0]).parts:
        more["unoptimized"] = True  # so that its seconds are compared with nothing
    return dict(cpu=usage.ru_utime + usage.ru_stime, wall=wall), more


def fit_thalweg(words, task, files, seed):
    """Words are a program and its arguments, behind a part of the recipe to take out: see `ablation.py`."""
    part = words[0] if words[0] in PARTS else None
    program, *arguments = words[1:] if part else words
    learn, test = files
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/run"
        # `best` deals the rows into folds itself.
        rows = ["--drop", "part", "--test-fraction", "0"] if "best" in arguments else ["--split", "part"]
        command = [program, "train", learn, "--target", "target", "--task", task, *rows, "--seed", str(seed), *arguments]
        if part:
            train([*command, "--max-steps", "1"], f"{folder}/config", folder)
            config = tomllib.loads(Path(folder, "config", "config.toml").read_text())
            del config["training"]["stop"]
            PARTS[part](config)
            changed = Path(folder, "changed.toml")
            changed.write_text(toml(config))
            command = [program, "train", "--config", changed]
        seconds, more = train(command, out, folder)
        predictions = f"{folder}/predictions.csv"
        proba = [] if task == "regression" else ["--proba"]
        subprocess.run([program, "predict", out, test, *proba, "-o", predictions], check=True, capture_output=True)
        table = pd.read_csv(predictions)
        if task == "regression":
            return table.iloc[:, 0].to_numpy(), seconds, more
        order = sorted(table.columns, key=lambda name: int(name.split("=c")[1]))
        return table[order].to_numpy(), seconds, more


def fit(name, words, table, seed, folder):
    """A run: the fit of a contestant to a table, with its scores."""
    prepare(folder, table, seed)
    kind, task, _ = TABLES[table]
    files = paths(folder, table, seed)
    fitter = (fit_thalweg, words) if words else (fit_peer, name)
    predicted, seconds, more = fitter[0](fitter[1], task, files, seed)
    truth = read(files[1])["target"].to_numpy()
    run = dict(contestant=name, table=table, kind=kind, task=task, seed=seed)
    run |= scores(task, truth, predicted) | dict(tests=len(truth))
    run |= {name: round(value, 3) for name, value in seconds.items()} | more
    floor = folder / f"{table}-{seed}.floor"
    return run | (dict(floor=float(floor.read_text())) if floor.exists() else {})


def contestants(arguments):
    """Names with their words; `without=PROGRAM …` stands for one without each part of the recipe."""
    for argument in arguments:
        name, _, words = argument.partition("=")
        if name == "without":
            yield from ((part, [part, *words.split()]) for part in PARTS)
        else:
            yield name, words.split()


def stored(store):
    return json.loads(store.read_text())["runs"] if store.exists() else []


def keep(store, folder, head, run):
    """Adds a run, or puts it in the place of an older one; several processes may do so at once."""
    with (folder / f"{store.stem}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runs = {key(one): one for one in stored(store)} | {key(run): run}
        lines = ",\n".join(json.dumps(one) for one in runs.values())
        partial = store.with_suffix(".partial")
        partial.write_text(f'{{"head": {json.dumps(head)},\n"runs": [\n{lines}\n]}}\n')
        partial.rename(store)


def key(run):
    return run["contestant"], run["table"], run["seed"]


def processor():
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("contestants", nargs="+")
    parser.add_argument("--tables", default="tune,check,planted", help="names, or kinds of tables")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    head = dict(date=datetime.date.today().isoformat(), processor=processor(), python=platform.python_version())
    for package in PACKAGES:
        try:
            head[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    seeds, tables = list(map(int, options.seeds.split(","))), options.tables.split(",")
    failed = 0
    tables = [name for name, (kind, *_) in TABLES.items() if name in tables or kind in tables]
    all_contestants = list(contestants(options.contestants))
    for seed, table, (name, words) in itertools.product(seeds, tables, all_contestants):
        if (name, table, seed) in map(key, stored(options.store)) and not options.again:
            continue
        try:
            run = fit(name, words, table, seed, options.folder)
        except Exception:
            traceback.print_exc()
            failed += 1
            continue
        keep(options.store, options.folder, head, run)
        print(f"{name:14} {table:14} {seed}  error {run['error']:.5g}  cpu {run['cpu']:.1f} s", flush=True)
    sys.exit(f"{failed} fits failed" if failed else 0)


if __name__ == "__main__":
    main()
