"""Writes the files of one generation: python3 make.py PROGRAM GENERATION; then expected.py.

A generation is written once, by the program that brought its format, and stays as it is.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).parent
COLOURS = ["red", "green", "blue"]
# What each model has that a program of before would pass over.
MODELS = {
    "2": {
        "curve_log_f64": "--target y --target-transform log",
        "curve_auto_f64": "--target y --target-transform auto",
        "smearing_f64": "--target y --target-transform log --smearing",
        "curve_bent_f64": "--target y --target-transform robust",
        "curve_quantile_f64": "--target y --target-transform quantile",
        "interval_f64": "--target y,z --interval 0.8 --validation-fraction 0.4",
        "threshold_f64": "--target sick --class-weight balanced --threshold f1",
        "weights_f64": "--target kind --class-weight k1=5,k3=2",
        "labels_f64": "--target old,warm --threshold youden",
        "dates_f64": "--target z",
        "quantile_inputs_f64": "--target z --scaling quantile",
        "clamp_f64": "--target z --clamp",
        "missing_f64": "--target z --not-missing none",
    },
    "3": {
        "ensemble_numbers_f64": "--target y,z --ensemble 2",
        "ensemble_by_folds_f64": "--target z --ensemble 3 --ensemble-by folds",
        "ensemble_quantiles_f64": "--target z --ensemble 2 --loss quantile --set loss.quantiles=0.2,0.5,0.9",
        "ensemble_classes_f64": "--target kind --ensemble 2 --class-weight k1=5,k3=2",
        "ensemble_two_classes_f64": "--target sick --ensemble 3 --threshold f1",
        "ensemble_labels_f64": "--target old,warm --ensemble 2",
    },
    "4": {
        "recipes_numbers_f64": "--target y,z --ensemble 2",
        "recipes_classes_f64": "--target kind --ensemble 4",
    },
}
# Models of sparse rows (`rows.svm`).
SPARSE = {
    "4": {
        "sparse_classes_f64": "--sparse",
        "sparse_numbers_f64": "--sparse --task regression",
        "sparse_hashed_f64": "--sparse --hash-columns 16",
    },
}


def table(path):
    draw = random.Random(7)
    with open(path, "w") as file:
        print("size,weight,colour,day,price,kind,y,z,sick,old,warm", file=file)
        for row in range(160):
            size, weight = draw.gauss(2, 2), draw.gauss(10, 3)
            colour = draw.randrange(3)
            day = f"2024-{1 + row // 14:02}-{1 + row % 14 * 2:02}"
            price = f"${1000 + 40 * weight + 10 * draw.gauss(0, 1):,.2f}"
            y = 2.718281828 ** (size / 2 + colour + 0.3 * draw.gauss(0, 1))
            z = size - weight + 3 * colour + row % 7 + draw.gauss(0, 1)
            sick = "yes" if size + draw.gauss(0, 1) > 4 else "no"
            old = ["false", "true"][weight + draw.gauss(0, 1) > 10]
            warm = ["", "F", "T"][0 if row % 9 == 0 else 1 + (size > 2)]
            kind = f"k{[0, 1, 3][min(2, max(0, int(size + draw.gauss(0, 1)) // 2))]}"
            shown = "" if row % 11 == 0 else f"{size:.3f}"
            print(
                f'{shown},{weight:.3f},{COLOURS[colour] if row % 13 else "none"},{day},"{price}",{kind},'
                f"{y:.5f},{z:.4f},{sick},{old},{warm}",
                file=file,
            )


def sparse(path):
    draw = random.Random(9)
    with open(path, "w") as file:
        for _ in range(120):
            values = {column: round(draw.gauss(0, 1), 3) for column in draw.sample(range(1, 41), 6)}
            sum_of_odd = sum(value for column, value in values.items() if column % 2)
            label = 1 if sum_of_odd + draw.gauss(0, 0.3) > 0 else -1
            print(label, *(f"{column}:{value}" for column, value in sorted(values.items())), file=file)


def value(of):
    """A value of TOML, tables in a line."""
    if isinstance(of, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {value(one)}" for name, one in of.items()) + " }"
    return "[" + ", ".join(map(value, of)) + "]" if isinstance(of, list) else json.dumps(of)


def with_recipes(config):
    """The config of an ensemble whose members have two recipes: that of the run, and one with other hidden layers."""
    config = tomllib.loads(config.read_text())
    own = {name: config[name] for name in ("network", "training")}
    other = json.loads(json.dumps(own))
    other["network"]["layers"].insert(0, dict(other["network"]["layers"][0], units=4, activation="tanh"))
    config["ensemble"]["recipes"] = [own, other]
    return "".join(f"{name} = {value(of)}\n" for name, of in config.items())


def main():
    program, generation = sys.argv[1:]
    program, to = os.path.abspath(program), HERE / generation
    if to.exists():
        sys.exit(f"{to} is there: a generation stays as it is")
    with tempfile.TemporaryDirectory() as place:
        table(f"{place}/table.csv")
        sparse(f"{place}/table.svm")
        targets = {"kind", "y", "z", "sick", "old", "warm"}

        def run(line):
            subprocess.run([program, *line.split()], cwd=place, check=True)

        common = "--preset fast --hidden 3 --epochs 30 --dtype f64 --quiet --no-report"

        def train(name, options):
            own = set(options.split()[1].split(","))
            unseen = targets - own | ({"day", "price"} if name != "dates_f64" else {"colour"})
            run(f"train table.csv {options} --drop {','.join(sorted(unseen))} {common} --out {name}")
            if name.startswith("recipes_"):
                changed = pathlib.Path(place, f"{name}.toml")
                changed.write_text(with_recipes(pathlib.Path(place, name, "config.toml")))
                name = f"{name}_again"
                run(f"train --config {changed} --quiet --no-report --out {name}")
            return f"{place}/{name}/model.safetensors"

        to.mkdir()
        for name, options in MODELS[generation].items():
            shutil.copy(train(name, options), to / f"{name}.safetensors")
        for name, options in SPARSE.get(generation, {}).items():
            run(f"train table.svm {options} {common} --out {name}")
            shutil.copy(f"{place}/{name}/model.safetensors", to / f"{name}.safetensors")
        if generation != "2":
            return
        # A run that was killed: it has a checkpoint and no end.
        line = (
            "train builtin:iris --hidden 4 --batch-size 16 --epochs 1000000 --patience 1000000 --schedule constant "
            "--class-weight balanced --metric accuracy --threads 1 --quiet --out run"
        )
        killed = subprocess.Popen([program, *line.split()], cwd=place)
        while not os.path.exists(f"{place}/run/checkpoint.safetensors"):
            time.sleep(0.1)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        (to / "run").mkdir()
        for name in ["checkpoint.safetensors", "config.toml"]:
            shutil.copy(f"{place}/run/{name}", to / "run" / name)
        # The first and the last epochs are enough of a long log.
        with open(f"{place}/run/log.jsonl") as log:
            lines = log.readlines()
        (to / "run" / "log.jsonl").write_text("".join(lines[:3] + lines[-2:]))


if __name__ == "__main__":
    main()
