"""The tables of the quality benchmark, and their splits.

A table is read from ../shared/data or planted (made here, with a known noise floor). `prepare` writes, for each seed,
TABLE-SEED.train.csv with a column `part` (train or validation) and TABLE-SEED.test.csv, both with the column `target`:
all contestants read these two files, so all have the same rows. At most 5,000 rows are for training and validation,
one in five of them for validation, and at most 10,000 for the test. Where the data have a test part of their own, the
test rows come from it: fold SEED of uci-10fold, the test files of Adult, optdigits and MNIST. Columns that leak the
target (RECIPES: those of its parts, such as `casual`) or name rows are left out.

`python tables.py FOLDER SEEDS` writes all of them.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
LEARN_ROWS = 5_000
TEST_ROWS = 10_000
ADULT = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,"
    "capital-gain,capital-loss,hours-per-week,native-country,target"
).split(",")


def classes(column):
    """c0, c1, …, so that no contestant takes classes for numbers."""
    names = sorted(column.unique())
    return column.map({name: f"c{k}" for k, name in enumerate(names)})


def numbered(array):
    """Numeric columns without names, the target last."""
    names = [f"x{j}" for j in range(array.shape[1] - 1)] + ["target"]
    return pd.DataFrame(array, columns=names)


def adult(file):
    table = pd.read_csv(
        DATA / "adult" / file, names=ADULT, skipinitialspace=True, na_values="?", keep_default_na=False
    )
    table["target"] = classes(table["target"].str.rstrip("."))
    return table


def abalone():
    names = "sex,length,diameter,height,whole,shucked,viscera,shell,target".split(",")
    return pd.read_csv(DATA / "abalone" / "abalone.csv", names=names)


def bank():
    table = pd.read_csv(DATA / "bank-marketing" / "bank-full.csv", keep_default_na=False)
    table = table.rename(columns={"y": "target"}).drop(columns="duration")
    table["target"] = classes(table["target"])
    return table


def bike():
    table = pd.read_csv(DATA / "bike-sharing" / "hour.csv")
    return table.drop(columns=["instant", "dteday", "casual", "registered"]).rename(columns={"cnt": "target"})


def california():
    table = pd.read_csv(DATA / "california-housing" / "housing.csv")
    return table.rename(columns={"median_house_value": "target"})


def credit():
    table = pd.read_csv(DATA / "credit-default" / "UCI_Credit_Card.csv")
    table = table.drop(columns=table.columns[0]).rename(columns={table.columns[-1]: "target"})
    table["target"] = classes(table["target"])
    return table


def diamonds():
    return pd.read_csv(DATA / "diamonds" / "diamonds.csv").rename(columns={"price": "target"})


def higgs():
    files = ["binary.train.tsv", "binary.test.tsv"]
    parts = [pd.read_csv(DATA / "higgs-lightgbm" / file, sep="\t", header=None) for file in files]
    array = pd.concat(parts).to_numpy()
    table = numbered(np.roll(array, -1, axis=1))
    table["target"] = classes(table["target"])
    return table


def wine(colour):
    def load():
        return numbered(np.loadtxt(DATA / "wine-quality" / f"winequality-{colour}.csv", delimiter=","))

    return load


def optdigits(part):
    table = numbered(np.loadtxt(DATA / "optdigits" / f"optdigits.{part}.tsv", delimiter="\t", dtype=int))
    table["target"] = classes(table["target"])
    return table


def mnist(part):
    def read(kind, header):
        with gzip.open(DATA / "mnist" / f"{part}-{kind}-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8)[header:]

    table = numbered(np.column_stack([read("images-idx3", 16).reshape(-1, 784), read("labels-idx1", 8)]))
    table["target"] = classes(table["target"])
    return table


def agaricus(part):
    rows, marks = [], []
    for line in (DATA / "agaricus-sparse" / f"agaricus.txt.{part}").read_text().splitlines():
        mark, *pairs = line.split()
        row = np.zeros(127, int)
        row[[int(pair.split(":")[0]) for pair in pairs]] = 1
        rows.append(row)
        marks.append(int(mark))
    table = numbered(np.column_stack([rows, marks]))
    table["target"] = classes(table["target"])
    return table


def uci(name):
    """The data and the fold masks: a row of the test part has a 1 in the fold's column."""
    folder = DATA / "uci-10fold"
    data = np.loadtxt(folder / f"{name}.data.csv.gz", delimiter=",")
    return numbered(data), np.loadtxt(folder / f"{name}.test_mask.csv.gz", delimiter=",")


def planted(signal, columns, seed, sparse=False):
    """15,000 rows of a signal with noise of a tenth of its deviation; what noise the test rows have is the floor."""
    draw = np.random.default_rng([16, seed])
    shape = (LEARN_ROWS + TEST_ROWS, columns)
    x = (draw.random(shape) < 0.1).astype(int) if sparse else draw.normal(size=shape).round(4)
    clean = signal(x)
    noise = draw.normal(size=len(x)) * clean.std() / 10
    table = numbered(np.column_stack([x, clean + noise]))
    return table.astype({f"x{j}": int for j in range(columns)}) if sparse else table, noise


def two_of_twenty(x):
    return np.sin(2 * x[:, 3]) + x[:, 3] * x[:, 11]


def eight_periods(x):
    """Over the middle of the normal distribution: eight periods from −2 to 2."""
    return np.sin(4 * np.pi * np.clip(x[:, 0], -2, 2))


def a_step(x):
    return np.where(x[:, 1] > 0.3, 2.0, 0.0) + 0.5 * x[:, 2]


def five_of_300(x):
    return x[:, [7, 60, 120, 200, 290]] @ np.array([1.0, -2.0, 1.5, -1.0, 0.5]) + 2.0 * x[:, 7] * x[:, 60]


# name: (what it is for, task, loader). A loader gives one table, or a pair of learning and test rows.
# Divided beforehand: `tune` are the tables that RECIPES chose on; no choice looks at the errors of the others.
TABLES = {
    "airfoil": ("tune", "regression", lambda: uci("airfoil")),
    "concrete": ("tune", "regression", lambda: uci("concrete")),
    "california": ("tune", "regression", california),
    "bike": ("tune", "regression", bike),
    "diamonds": ("tune", "regression", diamonds),
    "adult": ("tune", "binary", lambda: (adult("adult.data.csv"), adult("adult.test.csv"))),
    "higgs": ("tune", "binary", higgs),
    "yacht": ("check", "regression", lambda: uci("yacht")),
    "autompg": ("check", "regression", lambda: uci("autompg")),
    "energy": ("check", "regression", lambda: uci("energy")),
    "wine-uci": ("check", "regression", lambda: uci("wine")),
    "wine-white": ("check", "regression", wine("white")),
    "abalone": ("check", "regression", abalone),
    "protein": ("check", "regression", lambda: uci("protein")),
    "bank": ("check", "binary", bank),
    "credit": ("check", "binary", credit),
    "agaricus": ("check", "binary", lambda: (agaricus("train"), agaricus("test"))),
    "optdigits": ("check", "multiclass", lambda: (optdigits("tra"), optdigits("tes"))),
    "mnist": ("check", "multiclass", lambda: (mnist("train"), mnist("t10k"))),
    "two-of-twenty": ("planted", "regression", lambda seed: planted(two_of_twenty, 20, seed)),
    "eight-periods": ("planted", "regression", lambda seed: planted(eight_periods, 2, seed)),
    "step": ("planted", "regression", lambda seed: planted(a_step, 5, seed)),
    "five-of-300": ("planted", "regression", lambda seed: planted(five_of_300, 300, seed, sparse=True)),
}


def split(name, seed):
    """The rows to learn from and the test rows of a table, and the noise of these where it is planted."""
    kind, _, load = TABLES[name]
    draw = np.random.default_rng([seed, sum(map(ord, name))])
    if kind == "planted":
        table, noise = load(seed)
        return table[:LEARN_ROWS], table[LEARN_ROWS:], noise[LEARN_ROWS:]
    loaded = load()
    if isinstance(loaded, pd.DataFrame):
        table = loaded.iloc[draw.permutation(len(loaded))]
        count = min(LEARN_ROWS, len(table) * 3 // 4)
        learn, test = table[:count], table[count:]
    elif isinstance(loaded[1], pd.DataFrame):
        learn, test = loaded
    else:
        table, folds = loaded
        learn, test = table[folds[:, seed] == 0], table[folds[:, seed] == 1]
    learn = learn.iloc[draw.permutation(len(learn))[:LEARN_ROWS]]
    test = test.iloc[draw.permutation(len(test))[:TEST_ROWS]]
    return learn, test, None


def paths(folder, name, seed):
    return tuple(Path(folder) / f"{name}-{seed}.{part}.csv" for part in ("train", "test"))


def prepare(folder, name, seed):
    """Writes both files unless they are there; a seed's noise floor goes into TABLE-SEED.floor."""
    learning, testing = paths(folder, name, seed)
    if testing.exists():
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    learn, test, noise = split(name, seed)
    validate = np.random.default_rng([seed, 1]).permutation(len(learn)) < len(learn) // 5
    learn.assign(part=np.where(validate, "validation", "train")).to_csv(learning, index=False)
    if noise is not None:
        learning.with_name(f"{name}-{seed}.floor").write_text(str(np.sqrt(np.mean(noise**2))))
    partial = testing.with_suffix(".partial")
    test.to_csv(partial, index=False)
    partial.rename(testing)


if __name__ == "__main__":
    for seed in map(int, sys.argv[2].split(",")):
        for name in TABLES:
            prepare(sys.argv[1], name, seed)
