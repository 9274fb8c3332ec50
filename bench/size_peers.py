"""Peers of bench/size.sh: each reads the table in pieces, trains, and prints its loss on all rows.

usage: size_peers.py sgd|xgboost|vw|vw-nn TABLE EPOCHS
"""

import os
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

ROWS = 100_000


def pieces(table):
    for piece in pd.read_csv(table, chunksize=ROWS, dtype=np.float32):
        values = piece.to_numpy()
        yield values[:, :-1], values[:, -1]


def log_loss(y, p):
    p = np.clip(p.astype(np.float64), 1e-15, 1 - 1e-15)
    return -np.log(np.where(y > 0.5, p, 1 - p)).sum()


def sgd(table, epochs):
    """scikit-learn's SGD by partial_fit, in the order of the file."""
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(loss="log_loss")
    for _ in range(epochs):
        for x, y in pieces(table):
            model.partial_fit(x, y, classes=[0, 1])
    return lambda x: model.predict_proba(x)[:, 1]


def xgboost(table, epochs):
    """XGBoost with its pages on disk: 100 trees."""
    import xgboost as xgb

    class Pieces(xgb.DataIter):
        def __init__(self):
            self.rest = None
            super().__init__(cache_prefix="xgboost-pages")

        def next(self, input_data):
            piece = next(self.rest, None)
            if piece is None:
                return False
            input_data(data=piece[0], label=piece[1])
            return True

        def reset(self):
            self.rest = pieces(table)

    begun = time.time()
    rows = xgb.ExtMemQuantileDMatrix(Pieces(), max_bin=256)
    print(f"  pages made in {time.time() - begun:.1f} s, {memory():.0f} MiB at most so far")
    begun = time.time()
    model = xgb.train({"objective": "binary:logistic", "tree_method": "hist"}, rows, num_boost_round=100)
    print(f"  100 trees in {time.time() - begun:.1f} s")
    return lambda x: model.inplace_predict(x)


def vw_text(table):
    """The table as Vowpal Wabbit reads it; made once."""
    if os.path.exists("vw.txt"):
        return
    with open("vw.tmp", "w") as out:
        for x, y in pieces(table):
            lines = [
                f"{1 if target > 0.5 else -1} | " + " ".join(f"{j}:{value:.6f}" for j, value in enumerate(row))
                for row, target in zip(x, y)
            ]
            out.write("\n".join(lines) + "\n")
    os.rename("vw.tmp", "vw.txt")


def vw(table, epochs, more=()):
    """Vowpal Wabbit from its cache: a linear model. The time of its text is not counted."""
    vw_text(table)
    program = [sys.executable, "-m", "vowpalwabbit"]

    def run(passes):
        begun = time.time()
        options = "-d vw.txt --cache_file vw.cache --loss_function logistic -b 18 --holdout_off -f vw.model --quiet"
        subprocess.run([*program, *options.split(), *more, "--passes", str(passes)], check=True)
        return time.time() - begun

    if os.path.exists("vw.cache"):
        os.remove("vw.cache")
    print(f"  a pass that makes the cache: {run(1):.1f} s")
    print(f"  {epochs} passes from the cache: {run(epochs):.1f} s")
    options = "-d vw.txt -t -i vw.model --link logistic -p vw.out --quiet"
    subprocess.run([*program, *options.split()], check=True)
    answers = (float(line) for line in open("vw.out"))
    return lambda x: np.fromiter(answers, float, len(x))


def vw_nn(table, epochs):
    """The same with a hidden layer of 32."""
    return vw(table, epochs, ("--nn", "32"))


def memory():
    """The most memory of this process and of those it ran, in MiB."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(each).ru_maxrss for each in who) / 1024


def main():
    name, table, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    begun = time.time()
    predict = {"sgd": sgd, "xgboost": xgboost, "vw": vw, "vw-nn": vw_nn}[name](table, epochs)
    print(f"  trained in {time.time() - begun:.1f} s, reading included; {memory():.0f} MiB at most", flush=True)
    total, rows = 0.0, 0
    for x, y in pieces(table):
        total += log_loss(y, predict(x))
        rows += len(y)
    print(f"  loss on all rows {total / rows:.6f}")


main()
