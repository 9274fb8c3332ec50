"""Writes expected.json: what the files of every generation say, worked out without Thalweg (plain Python).

Run it after a generation was added: python3 expected.py
"""

import bisect
import csv
import datetime
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


def scaled(number, column):
    """A number, None where it is missing, as the network sees it."""
    assert not column.get("clip")
    value = column["fill"] if number is None else number
    if "curve" in column:
        value = curved(value, column["curve"])
    values = [(value - column["center"]) * column["scale"]]
    return values + ([float(number is None)] if column.get("indicator") else [])


def curved(x, curve):
    """What an increasing curve makes of an input."""
    assert curve["kind"] == "quantile"
    return interpolate(curve["values"], curve["scores"], x)


def interpolate(xs, ys, x):
    """Linear between points, and beyond them with the slope from the first to the last."""
    at = bisect.bisect_right(xs, x)
    if 0 < at < len(xs):
        slope = (ys[at] - ys[at - 1]) / (xs[at] - xs[at - 1])
        return ys[at - 1] + (x - xs[at - 1]) * slope
    slope = (ys[-1] - ys[0]) / (xs[-1] - xs[0])
    end = 0 if at == 0 else -1
    return ys[end] + (x - xs[end]) * slope


def read_number(cell):
    return float(cell.replace("$", "").replace(",", "")) if cell else None


def dates(cell, column):
    """Days since 1970, and circles of the week, the year and the day."""
    date = datetime.date.fromisoformat(cell)
    values = scaled((date - datetime.date(1970, 1, 1)).days, column["days"])
    first, following = (datetime.date(date.year + more, 1, 1) for more in (0, 1))
    positions = {
        "week": (date.weekday() / 7, 3),
        "year": ((date - first).days / (following - first).days, 2),
        "day": (0.0, 2),
    }
    for name, (position, waves) in positions.items():
        if column.get(name):
            for k in range(1, waves + 1):
                angle = 2 * math.pi * k * position
                values += [math.sin(angle), math.cos(angle)]
    return values


def mixed(index):
    """The mixing function of splitmix64."""
    x = (index + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
    return x ^ x >> 31


def sparse_inputs(pairs, column):
    """A sparse row as the network sees it; indices that no training row had count for nothing."""
    values = [0.0] * column["width"]
    for index, value in pairs:
        index = mixed(index) % len(values) if column.get("hashed") else index
        if index < len(values):
            values[index] += value
    return [scale * value for scale, value in zip(column["scales"], values)]


def inputs(row, preprocessing):
    """A row of the file as the network sees it."""
    values = []
    if isinstance(row, list):
        return sparse_inputs(row, *preprocessing["inputs"])
    for column in preprocessing["inputs"]:
        cell = row[column["name"]]
        if column["kind"] == "numeric":
            values += scaled(read_number(cell), column)
        elif column["kind"] == "date":
            values += dates(cell, column)
        else:
            levels = column["levels"]
            known = levels.index(cell) if cell in levels else None
            if column["kind"] == "categorical":
                values += [float(level == known) for level in range(len(levels))]
                values.append(float(known is None))
            else:
                values.append(0 if known is None else known + 1)
    return values


def uncurved(t, curve):
    """The target that a curve takes to t."""
    kind = curve.get("kind", "identity")
    if kind == "bent":
        r = (t - curve["center"]) / curve["scale"]
        if abs(r) > 3.0:
            r = math.copysign(3.0 + math.expm1(abs(r) - 3.0), r)
        return curve["center"] + curve["scale"] * r
    if kind == "quantile":
        return interpolate(curve["scores"], curve["values"], t)
    assert kind == "identity", kind
    return t


def in_units(z, scaling):
    """What is predicted: the tangent of a logarithm is for targets alone."""
    curve, t = scaling.get("curve", {}), z * scaling["deviation"] + scaling["mean"]
    least, most = scaling.get("range", (-math.inf, math.inf))
    if curve.get("kind") != "log":
        y = uncurved(t, curve)
    else:
        shift = curve["shift"]
        y = math.expm1(t) if shift == 1.0 else math.exp(t) - shift
        if "smearing" in scaling:
            y = scaling["smearing"] * (y + shift) - shift
        y = max(y, 0.0) if "tangent_below" in curve else y
    return min(max(y, least), most)


def each(preprocessing):
    """Outputs for each number to predict."""
    return max(1, len(preprocessing["target"].get("quantiles", [])))


def answers(outputs, metadata):
    """What a line of predictions holds: outputs are those of the network, through its link."""
    preprocessing, decision = metadata["preprocessing"], metadata.get("decision", "likeliest")
    target = preprocessing["target"]
    if target["task"] == "regression":
        line, count, tail = [], each(preprocessing), 0.0
        quantiles, interval = target.get("quantiles", []), metadata.get("interval")

        def nearest(share):
            return min(range(count), key=lambda i: abs(quantiles[i] - share)) if quantiles else 0

        for index, scaling in enumerate(preprocessing["target_scaling"]):
            own = outputs[index * count : (index + 1) * count]
            if interval is None:
                line += [in_units(z, scaling) for z in own]
                continue
            tail, margin, middle = 0.5 * (1 - interval["coverage"]), interval["margins"][index], own[nearest(0.5)]
            bounds = own[nearest(tail)] - margin, own[nearest(1 - tail)] + margin
            ends = min(bounds[0], middle), max(bounds[1], middle)
            line += [in_units(z, scaling) for z in (middle, *ends)]
        return line
    thresholds = decision["thresholds"] if "thresholds" in decision else [0.5] * len(outputs)
    holds = [int(p >= threshold) for p, threshold in zip(outputs, thresholds)]
    if target["task"] == "multilabel":
        words = target.get("labels") or [["0", "1"]] * len(outputs)
        return [pair[index] for pair, index in zip(words, holds)]
    if len(outputs) == 1:
        return [target["classes"][holds[0]]]
    weights = decision["weights"] if "weights" in decision else [1.0] * len(outputs)
    scores = [weight * p for weight, p in zip(weights, outputs)]
    return [target["classes"][scores.index(max(scores))]]


def averaged(values, tensors, metadata):
    """The outputs of a network, or the means of those of an ensemble's members."""
    outputs = []
    for number, member in enumerate(metadata.get("members", [None])):
        networks = metadata.get("networks", [metadata["network"]])
        network = networks[member.get("recipe", 0) if member else 0]
        prefix = f"members.{number}." if member else ""
        outputs.append(network_outputs(values, tensors, network, metadata["preprocessing"], prefix))
    return [math.fsum(of) / len(of) for of in zip(*outputs)]


def network_outputs(values, tensors, network, preprocessing, prefix):
    """The outputs of a network through the link of its loss."""
    for index, layer in enumerate(network["layers"]):
        if layer["name"] == "embedding":
            vectors = []
            for column, width in enumerate(layer["widths"]):
                table = tensors[f"{prefix}layers.{index}.columns.{column}.weight"]
                code = values[column]
                vectors += table[code * width : (code + 1) * width]
            values = vectors + values[len(layer["widths"]) :]
            continue
        weight, bias = tensors[f"{prefix}layers.{index}.weight"], tensors[f"{prefix}layers.{index}.bias"]
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
        return values
    if loss == "quantile":
        count = each(preprocessing)
        return [z for first in range(0, len(values), count) for z in sorted(values[first : first + count])]
    if loss == "logistic":
        return [1.0 / (1.0 + math.exp(-z)) for z in values]
    total = math.fsum(math.exp(z) for z in values)
    return [math.exp(z) / total for z in values]


def predict(outputs, metadata):
    """Numbers in the units of the file, or probabilities."""
    preprocessing = metadata["preprocessing"]
    if preprocessing["target"]["task"] != "regression":
        return outputs
    scaling, count = preprocessing["target_scaling"], each(preprocessing)
    return [in_units(z, scaling[index // count]) for index, z in enumerate(outputs)]


def main():
    with open(HERE / "rows.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [line.split()[1:] for line in (HERE / "rows.svm").read_text().splitlines()]
    sparse = [[(int(index), float(value)) for index, value in (pair.split(":") for pair in line)] for line in lines]
    expected = {}
    for generation in sorted(path for path in HERE.iterdir() if path.is_dir()):
        of = {"models": {}}
        for path in sorted(generation.glob("*.safetensors")):
            tensors, metadata = read(path)
            own = sparse if path.stem.startswith("sparse_") else rows
            seen = [inputs(row, metadata["preprocessing"]) for row in own]
            outputs = [averaged(values, tensors, metadata) for values in seen]
            of["models"][path.stem] = {
                "format": metadata["format"],
                "values": [x for row in outputs for x in predict(row, metadata)],
                "answers": [answers(row, metadata) for row in outputs],
            }
        if (generation / "run").exists():
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
