"""`auto` with a part taken out: what a run's config.toml becomes.

`PARTS[name](config)` changes the config, read as a dictionary; `toml` writes it again.
"""

import json


def dense(config):
    return [layer for layer in config["network"]["layers"] if layer["name"] == "dense"]


def without_layer(name):
    def change(config):
        layers = config["network"]["layers"]
        layers[:] = [layer for layer in layers if layer["name"] != name]

    return change


def training(**values):
    """Other values of training; None takes the field out, and a dictionary changes a table."""

    def change(config):
        for name, value in values.items():
            if value is None:
                config["training"].pop(name, None)
            elif isinstance(value, dict) and "name" not in value:
                config["training"][name] |= value
            else:
                config["training"][name] = value

    return change


def standard_scaling(config):
    config["data"]["fit"]["scaling"] = "standard"


def relu(config):
    for layer in dense(config)[:-1]:
        layer["activation"] = "relu"


def twice_as_wide(config):
    for layer in dense(config)[:-1]:
        layer["units"] *= 2


def without_temperature(config):
    config.pop("judging", None)


PARTS = {
    "robust scaling": standard_scaling,
    "embedded numbers": without_layer("piecewise_linear"),
    "scale layer": without_layer("scale"),
    "SiLU": relu,
    "narrow layers (256-256 for 128-128)": twice_as_wide,
    "coslog4 (cosine)": training(schedule={"name": "cosine"}),
    "β₂ = 0.95 (0.999)": training(optimizer={"beta2": 0.999}),
    "rate of the scale": training(rate_factors=None),
    "dropout": without_layer("dropout"),
    "average of the weights": training(ema=None),
    "temperature": without_temperature,
}


def toml(config):
    """A config as TOML: a table of tables a line, all else inline."""

    def value(of):
        if isinstance(of, dict):
            return "{ " + ", ".join(f"{json.dumps(k)} = {value(v)}" for k, v in of.items()) + " }"
        if isinstance(of, list):
            return "[" + ", ".join(map(value, of)) + "]"
        return json.dumps(of, ensure_ascii=False)

    return "".join(f"{json.dumps(name)} = {value(of)}\n" for name, of in config.items())
