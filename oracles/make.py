"""Makes the golden files of one group, or checks the committed ones against a fresh computation.

    python oracles/make.py GROUP [NAME...] [--out FOLDER] [--check]

GROUP is a folder beside this file (closed_form, scikit_learn, pytorch). Each of its scripts `NAME.py` has a
function `golden()` that returns {file stem: contents}; `STEM.json` is written beside the script, or into
FOLDER. With --check the files are made in a temporary folder and compared with the committed ones: the same
structure, integers and texts exactly, numbers within a relative 1e-12 (the last bits of libm differ between
machines) or an absolute 1e-300.

Numbers are written with the fewest digits that read back to the same f64 (at most 17). JSON has no NaN and
no infinities: they are the texts "nan", "inf" and "-inf".
"""

import argparse
import importlib.util
import json
import math
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent
LIMIT = 200_000
RELATIVE, ABSOLUTE = 1e-12, 1e-300


def plain(value):
    """`value` as JSON types: numpy numbers and arrays to lists, non-finite numbers to texts."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def dump(value, indent=0):
    """JSON with lists of scalars on one line each."""
    pad = " " * (indent + 1)
    nested = lambda items: any(isinstance(item, (dict, list)) for item in items)
    if isinstance(value, dict) and value:
        if not nested(value.values()) and len(value) <= 4:
            return json.dumps(value)
        body = (f"{pad}{json.dumps(key)}: {dump(item, indent + 1)}" for key, item in value.items())
        return "{\n" + ",\n".join(body) + "\n" + " " * indent + "}"
    if isinstance(value, list) and nested(value):
        return "[\n" + ",\n".join(pad + dump(item, indent + 1) for item in value) + "\n" + " " * indent + "]"
    return json.dumps(value, allow_nan=False)


def differences(fresh, stored, where):
    """Yields one line for each place where `fresh` and `stored` disagree."""
    if isinstance(fresh, bool) or isinstance(stored, bool) or type(fresh) is not type(stored):
        same = fresh == stored and isinstance(fresh, bool) == isinstance(stored, bool)
        if not same:
            yield f"{where}: computed {fresh!r}, stored {stored!r}"
    elif isinstance(fresh, dict):
        if fresh.keys() != stored.keys():
            yield f"{where}: other keys: {sorted(fresh.keys() ^ stored.keys())}"
        for key in fresh.keys() & stored.keys():
            yield from differences(fresh[key], stored[key], f"{where}.{key}")
    elif isinstance(fresh, list):
        if len(fresh) != len(stored):
            yield f"{where}: computed {len(fresh)} items, stored {len(stored)}"
        for index, pair in enumerate(zip(fresh, stored)):
            yield from differences(*pair, f"{where}[{index}]")
    elif isinstance(fresh, float):
        if not math.isclose(fresh, stored, rel_tol=RELATIVE, abs_tol=ABSOLUTE):
            yield f"{where}: computed {fresh!r}, stored {stored!r}"
    elif fresh != stored:
        yield f"{where}: computed {fresh!r}, stored {stored!r}"


def make(script, out):
    """Runs one script and writes its files into `out`; returns their paths."""
    spec = importlib.util.spec_from_file_location(f"{script.parent.name}_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    paths = []
    for stem, contents in module.golden().items():
        text = dump(plain({"made_by": f"oracles/{script.parent.name}/{script.name}", **contents})) + "\n"
        if len(text) > LIMIT:
            sys.exit(f"{stem}.json has {len(text)} bytes; golden files stay under {LIMIT}")
        path = out / f"{stem}.json"
        path.write_text(text)
        paths.append(path)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=["closed_form", "scikit_learn", "pytorch"])
    parser.add_argument("names", nargs="*", help="scripts of the group, without .py; all when left out")
    parser.add_argument("--out", type=pathlib.Path, help="write here and not beside the scripts")
    parser.add_argument("--check", action="store_true", help="compare with the committed files; write nothing")
    arguments = parser.parse_args()

    folder = ROOT / arguments.group
    sys.path.insert(0, str(ROOT))
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    scripts = [path for path in sorted(folder.glob("*.py")) if "def golden" in path.read_text()]
    if arguments.names:
        scripts = [path for path in scripts if path.stem in arguments.names]
    if not scripts:
        sys.exit(f"no scripts named {arguments.names} in {folder}")

    if not arguments.check:
        out = arguments.out or folder
        out.mkdir(parents=True, exist_ok=True)
        for script in scripts:
            for path in make(script, out):
                print(f"wrote {path.name} ({path.stat().st_size} bytes)")
        return

    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        for script in scripts:
            for path in make(script, pathlib.Path(temporary)):
                committed = folder / path.name
                if not committed.exists():
                    found = ["is not committed"]
                else:
                    fresh, stored = (json.loads(p.read_text()) for p in (path, committed))
                    found = list(differences(fresh, stored, path.stem))
                failed += bool(found)
                print(f"{arguments.group}/{path.name}: {'ok' if not found else f'{len(found)} differences'}")
                for line in found[:5]:
                    print(f"  {line}")
    if failed:
        sys.exit(f"{failed} golden files differ; if that is meant, run `cargo xtask oracles` and commit them")


if __name__ == "__main__":
    main()
