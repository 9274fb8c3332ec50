"""`thalweg cv` beside scikit-learn's `cross_validate`: `python cv.py STORE PROGRAM [--seeds 0,1,2]`.

Five sets, the same folds of both sides (those that `thalweg cv --predictions` names), the same model: 100 ReLU units,
Adam at a constant 0.001, batches of 200, 200 epochs, standardized columns and target. Scores are means over the folds: RMSE, or
the share of wrong answers. Seconds are CPU seconds of one thread: for Thalweg of the whole process, reading and writing
included, for scikit-learn of `cross_validate` alone.
"""

import argparse
import datetime
import json
import os
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

import numpy as np
import pandas as pd
import sklearn
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5
EPOCHS = 200
SETTINGS = f"--epochs {EPOCHS} --hidden 100 --activation relu --optimizer adam --lr 0.001 --schedule constant --batch-size 200"


def friedman():
    return datasets.make_friedman1(2000, noise=1.0, random_state=0)


SETS = {
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "breast-cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "friedman": friedman,
}


def of_thalweg(program, table, is_regression, seed, folder):
    """The fold of each row, the score of each fold, and CPU seconds."""
    table.to_csv(folder / "t.csv", index=False)
    task = "regression" if is_regression else "multiclass" if table["target"].nunique() > 2 else "binary"
    words = f"cv {folder}/t.csv --target target --task {task} --folds {FOLDS} --seed {seed} --threads 1 {SETTINGS}"
    words += f" --no-validation --quiet --predictions {folder}/out.csv"
    output = subprocess.Popen([program, *words.split()], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(output.pid, 0)
    if status != 0:
        raise RuntimeError(words)
    out = pd.read_csv(folder / "out.csv").sort_values("row")
    fold = np.empty(len(table), int)
    fold[out["row"].to_numpy() - 1] = out["fold"].to_numpy()
    hits = out["target_predicted"].to_numpy(), table["target"].to_numpy()[out["row"].to_numpy() - 1]
    folds = out["fold"].to_numpy()
    scores = [score(is_regression, hits[0][folds == k], hits[1][folds == k]) for k in np.unique(folds)]
    return fold, scores, usage.ru_utime + usage.ru_stime


def score(is_regression, predicted, truth):
    return float(np.sqrt(np.mean((predicted - truth) ** 2)) if is_regression else np.mean(predicted != truth))


def of_scikit_learn(table, is_regression, fold, seed):
    settings = dict(max_iter=EPOCHS, batch_size=200, alpha=0.0, tol=0.0, n_iter_no_change=10**6, random_state=seed)
    if is_regression:
        model = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    else:
        model = MLPClassifier(**settings)
    x, y = table.drop(columns="target").to_numpy(float), table["target"].to_numpy()
    scoring = "neg_root_mean_squared_error" if is_regression else "accuracy"
    begun = time.process_time()
    found = cross_validate(make_pipeline(StandardScaler(), model), x, y, cv=PredefinedSplit(fold), scoring=scoring)
    seconds = time.process_time() - begun
    scores = found["test_score"]
    return list(map(float, -scores if is_regression else 1 - scores)), seconds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("program")
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    head = {"date": datetime.date.today().isoformat(), "scikit-learn": sklearn.__version__}
    runs = []
    for name, load in SETS.items():
        x, y = load()
        table = pd.DataFrame(x, columns=[f"x{j}" for j in range(x.shape[1])]).assign(target=y)
        is_regression = y.dtype.kind == "f"
        for seed in map(int, options.seeds.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                fold, ours, our_seconds = of_thalweg(options.program, table, is_regression, seed, Path(folder))
            theirs, their_seconds = of_scikit_learn(table, is_regression, fold, seed)
            run = dict(set=name, seed=seed, ours=ours, theirs=theirs, our_seconds=our_seconds, their_seconds=their_seconds)
            runs.append(run)
            print(f"{name:14} {seed}  {np.mean(ours):.4g} / {np.mean(theirs):.4g}  {our_seconds:.2f} s / {their_seconds:.2f} s")
    lines = ",\n".join(map(json.dumps, runs))
    options.store.write_text(f'{{"head": {json.dumps(head)},\n"runs": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
