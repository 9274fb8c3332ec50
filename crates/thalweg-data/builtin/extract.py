"""Writes the built-in data sets as gzipped CSV files from an installed scikit-learn 1.9.1.

Usage: python extract.py   (writes beside itself; the output is reproducible byte for byte)
"""

import gzip
import pathlib

from sklearn import datasets

here = pathlib.Path(__file__).parent
for name in ["digits", "iris", "wine", "breast-cancer", "diabetes"]:
    load = getattr(datasets, "load_" + name.replace("-", "_"))
    bunch = load(scaled=False) if name == "diabetes" else load()
    lines = [",".join([*bunch.feature_names, "target"])]
    for row, target in zip(bunch.data.tolist(), bunch.target.tolist()):
        # Class names where they are words; digits and the regression target stay numbers.
        words = name in ("iris", "wine", "breast-cancer")
        label = bunch.target_names[target] if words else f"{target:g}"
        lines.append(",".join([*(repr(x).removesuffix(".0") for x in row), str(label)]))
    text = "\n".join(lines) + "\n"
    data = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    (here / f"{name}.csv.gz").write_bytes(data)
