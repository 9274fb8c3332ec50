"""Writes expected.json: what the files of every generation say, worked out without Thalweg (plain Python).

Run it after a generation was added: python3 expected.py
"""

import csv
import json
import math
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def read(path):
    """The tensors of a safetensors file by name, and Thalweg's metadata."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = json.loads(header.pop("__metadata__")["thalweg"])
    tensors = {}
    for name, tensor in header.items():
        start, end = (8 + length + offset for offset in tensor["data_offsets"])
        size, code = {"F32": (4, "f"), "F64": (8, "d")}[tensor["dtype"]]
        tensors[name] = struct.unpack(f"<{(end - start) // size}{code}", data[start:end])
    return tensors, metadata


def inputs(row, preprocessing):
    """A row of the file as the network sees it."""
    values = []
    for column in preprocessing["inputs"]:
        cell = row[column["name"]]
        if column["kind"] == "numeric":
            number = float(cell) if cell else column["fill"]
            values.append((number - column["center"]) * column["scale"])
            if column.get("indicator"):
                values.append(0.0 if cell else 1.0)
        else:
            levels = column["levels"]
            known = levels.index(cell) if cell in levels else None
            if column["kind"] == "categorical":
                values += [float(level == known) for level in range(len(levels))]
                values.append(float(known is None))
            else:
                values.append(0 if known is None else known + 1)
    return values


def predict(values, tensors, metadata):
    """The outputs of the network through the link of its loss, in the units of the file."""
    network, preprocessing = metadata["network"], metadata["preprocessing"]
    for index, layer in enumerate(network["layers"]):
        if layer["name"] == "embedding":
            vectors = []
            for column, width in enumerate(layer["widths"]):
                table = tensors[f"layers.{index}.columns.{column}.weight"]
                code = values[column]
                vectors += table[code * width : (code + 1) * width]
            values = vectors + values[len(layer["widths"]) :]
            continue
        weight, bias = tensors[f"layers.{index}.weight"], tensors[f"layers.{index}.bias"]
        rows = [weight[unit * len(values) : (unit + 1) * len(values)] for unit in range(len(bias))]
        sums = [b + math.fsum(w * x for w, x in zip(row, values)) for row, b in zip(rows, bias)]
        activation = {
            "relu": lambda z: max(z, 0.0),
            "tanh": math.tanh,
            "identity": lambda z: z,
        }[layer["activation"]]
        values = [activation(z) for z in sums]
    loss = network["loss"]["name"]
    if loss == "mse":
        scaling = preprocessing["target_scaling"]
        return [z * s["deviation"] + s["mean"] for z, s in zip(values, scaling)]
    if loss == "logistic":
        return [1.0 / (1.0 + math.exp(-z)) for z in values]
    total = math.fsum(math.exp(z) for z in values)
    return [math.exp(z) / total for z in values]


def main():
    with open(HERE / "rows.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {}
    for generation in sorted(path for path in HERE.iterdir() if path.is_dir()):
        of = {"models": {}}
        for path in sorted(generation.glob("*.safetensors")):
            tensors, metadata = read(path)
            seen = [inputs(row, metadata["preprocessing"]) for row in rows]
            of["models"][path.stem] = [x for row in seen for x in predict(row, tensors, metadata)]
        tensors, metadata = read(generation / "run" / "checkpoint.safetensors")
        of["checkpoint"] = {
            "epoch": metadata["epoch"],
            "step": metadata["step"],
            "slots": metadata["slots"],
            "weight": tensors["layers.0.weight"],
            "first_slot": tensors["slots.0.layers.0.weight"],
        }
        expected[generation.name] = of
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
