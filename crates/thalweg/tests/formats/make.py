"""Writes the files of one generation: python3 make.py PROGRAM GENERATION; then expected.py.

A generation is written once, by the program that brought its format, and stays as it is.
"""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

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


def main():
    program, generation = sys.argv[1:]
    program, to = os.path.abspath(program), HERE / generation
    if to.exists():
        sys.exit(f"{to} is there: a generation stays as it is")
    with tempfile.TemporaryDirectory() as place:
        table(f"{place}/table.csv")
        targets = {"kind", "y", "z", "sick", "old", "warm"}

        def train(name, options):
            own = set(options.split()[1].split(","))
            unseen = targets - own | ({"day", "price"} if name != "dates_f64" else {"colour"})
            line = f"train table.csv {options} --drop {','.join(sorted(unseen))} --preset fast --hidden 3 --epochs 30 --dtype f64 --quiet --no-report --out {name}"
            subprocess.run([program, *line.split()], cwd=place, check=True)
            return f"{place}/{name}/model.safetensors"

        to.mkdir()
        for name, options in MODELS[generation].items():
            shutil.copy(train(name, options), to / f"{name}.safetensors")
        if generation != "2":
            return
        # A run that was killed: it has a checkpoint and no end.
        line = (
            "train builtin:iris --hidden 4 --batch-size 16 --epochs 1000000 --patience 1000000 --schedule constant "
            "--class-weight balanced --metric accuracy --threads 1 --quiet --out run"
        )
        run = subprocess.Popen([program, *line.split()], cwd=place)
        while not os.path.exists(f"{place}/run/checkpoint.safetensors"):
            time.sleep(0.1)
        run.send_signal(signal.SIGKILL)
        run.wait()
        (to / "run").mkdir()
        for name in ["checkpoint.safetensors", "config.toml"]:
            shutil.copy(f"{place}/run/{name}", to / "run" / name)
        # The first and the last epochs are enough of a long log.
        with open(f"{place}/run/log.jsonl") as log:
            lines = log.readlines()
        (to / "run" / "log.jsonl").write_text("".join(lines[:3] + lines[-2:]))


if __name__ == "__main__":
    main()
