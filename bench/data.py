"""Makes the data of one workload: `python bench/data.py NAME ROWS LAYERS OUT`, LAYERS as 784,128,10.

OUT receives x.npy (f32, rows × inputs), y.npy (i32 classes), the initial parameters that every contestant
starts from, weight0.npy (f32, [out, in]), bias0.npy, …, and source.txt, one line on where the rows are from.

mnist-*: the pixels of MNIST divided by 255, where its four IDX files lie in ../shared/data/mnist; else rows of
the same shape: a few bright pixels (19 %) around one template a class. All others: standard normal features,
class = argmax of a random linear map plus noise, so that the loss falls and does not reach zero.
Initial weights are Glorot uniform, U(±√(6 / (in + out))), biases 0.
"""

import gzip
import pathlib
import sys

import numpy as np

MNIST = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"


def idx(path, header):
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=header)


def mnist(rows):
    x = idx(MNIST / "train-images-idx3-ubyte.gz", 16).reshape(-1, 784)[:rows]
    y = idx(MNIST / "train-labels-idx1-ubyte.gz", 8)[:rows]
    return x.astype(np.float32) / np.float32(255), y, "MNIST training images"


def pixels(rng, rows, inputs, classes):
    templates = rng.random((classes, inputs)) < 0.19
    y = rng.integers(classes, size=rows)
    bright = templates[y] ^ (rng.random((rows, inputs)) < 0.05)
    x = bright * rng.random((rows, inputs), dtype=np.float32)
    return x, y, "synthetic pixels (MNIST was not found)"


def planted(rng, rows, inputs, classes):
    x = rng.standard_normal((rows, inputs), dtype=np.float32)
    teacher = rng.standard_normal((inputs, classes)) * 3 / np.sqrt(inputs)
    y = (x @ teacher + rng.standard_normal((rows, classes))).argmax(1)
    return x, y, "standard normal features, planted linear teacher with noise"


def main():
    name, rows, layers, out = sys.argv[1:]
    rows, layers, out = int(rows), [int(n) for n in layers.split(",")], pathlib.Path(out)
    rng = np.random.default_rng(20_250_101)
    if name.startswith("mnist"):
        found = (MNIST / "train-images-idx3-ubyte.gz").exists()
        x, y, source = mnist(rows) if found else pixels(rng, rows, layers[0], layers[-1])
    else:
        x, y, source = planted(rng, rows, layers[0], layers[-1])
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "x.npy", np.ascontiguousarray(x, dtype=np.float32))
    np.save(out / "y.npy", y.astype(np.int32))
    for k, (inputs, outputs) in enumerate(zip(layers, layers[1:])):
        bound = np.sqrt(6 / (inputs + outputs))
        np.save(out / f"weight{k}.npy", rng.uniform(-bound, bound, (outputs, inputs)).astype(np.float32))
        np.save(out / f"bias{k}.npy", np.zeros(outputs, dtype=np.float32))
    (out / "source.txt").write_text(source + "\n")


main()
