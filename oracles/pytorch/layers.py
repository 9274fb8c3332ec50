"""Layers of PyTorch in f64: values, and gradients of inputs and parameters, in training and in evaluation.

A case has `name`, `layer` (Thalweg's entry), `settings`, `input` (the shape of a row: [channels, lines, pixels], or
[values]), `rows`, `x`, `direction`, `tensors` {name: values, as before the pass}, `eval` and, where training differs,
`train`: {`y`, `dx`, `gradients` {name: values}}, and `after` {name: values}. Gradients are those of sum(y * direction).
All tensors are row-major; `after` has those that a training pass changes without a gradient (running statistics,
singular vectors); one in evaluation changes nothing, which is checked here. Conventions are PyTorch's. Of dropout there
is evaluation alone (`train` is null): its masks are no other program's.
"""

import torch
import torch.nn as nn

from problem import wave

torch.set_default_dtype(torch.float64)


def tensor(shape, frequency, phase, amplitude):
    count = 1
    for size in shape:
        count *= size
    return torch.tensor(wave(count, frequency, phase, amplitude)).reshape(shape)


class Residual(nn.Module):
    def __init__(self, body, projection=None):
        super().__init__()
        self.body, self.projection = body, projection

    def forward(self, x):
        return self.body(x) + (x if self.projection is None else self.projection(x))


class Embedding(nn.Module):
    """One table for each of the first columns; the other inputs pass."""

    def __init__(self, levels, widths):
        super().__init__()
        self.columns = nn.ModuleList(nn.Embedding(*size, dtype=torch.float64) for size in zip(levels, widths))

    def forward(self, x):
        vectors = [table(x[:, c].long()) for c, table in enumerate(self.columns)]
        return torch.cat([*vectors, x[:, len(self.columns) :]], 1)


class Select(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.inputs = inputs

    def forward(self, x):
        return x[:, self.inputs]


class Scale(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return x * self.weight


class PiecewiseLinear(nn.Module):
    """The inputs and, of some columns, a linear map of their piecewise-linear encoding, by its definition: a
    component of each bin, clamped but for the outer sides of the outer bins (Gorishniy et al. 2022, equation 1)."""

    def __init__(self, columns, edges, width):
        super().__init__()
        self.columns, self.edges = columns, [torch.tensor(e) for e in edges]
        self.weight = nn.Parameter(torch.zeros(sum(len(e) - 1 for e in edges), width))

    def forward(self, x):
        parts, first = [x], 0
        for column, edges in zip(self.columns, self.edges):
            bins = len(edges) - 1
            v = (x[:, [column]] - edges[:-1]) / (edges[1:] - edges[:-1])
            low = [None if t == 0 else 0.0 for t in range(bins)]
            high = [None if t == bins - 1 else 1.0 for t in range(bins)]
            code = [v[:, t] if (low[t], high[t]) == (None, None) else v[:, t].clamp(low[t], high[t]) for t in range(bins)]
            parts.append(torch.stack(code, 1) @ self.weight[first : first + bins])
            first += bins
        return torch.cat(parts, 1)


class Periodic(nn.Module):
    """The inputs and, of some columns, a linear map of waves: cos(2πfx + b), or relu of one of cos and sin(2πfx)."""

    def __init__(self, columns, frequencies, width, form):
        super().__init__()
        self.columns, self.form = columns, form
        waves = frequencies * (1 if form == "pbld" else 2)
        self.frequency = nn.Parameter(torch.zeros(len(columns), frequencies))
        if form == "pbld":
            self.phase = nn.Parameter(torch.zeros(len(columns), frequencies))
        self.weight = nn.Parameter(torch.zeros(len(columns), width, waves))
        self.bias = nn.Parameter(torch.zeros(len(columns), width))

    def forward(self, x):
        z = 2 * torch.pi * x[:, self.columns, None] * self.frequency
        h = torch.cos(z + self.phase) if self.form == "pbld" else torch.cat([torch.cos(z), torch.sin(z)], 2)
        e = torch.einsum("ncm,cdm->ncd", h, self.weight) + self.bias
        return torch.cat([x, (e if self.form == "pbld" else e.relu()).flatten(1)], 1)


def fill(module):
    """Parameters from closed formulas, scales near 1."""
    for index, (name, p) in enumerate(module.named_parameters()):
        with torch.no_grad():
            values = tensor(p.shape, 1.3 + 0.37 * index, 0.4 + index, 0.6)
            is_scale = name.endswith(("norm.weight", "original0")) or (p.dim() == 1 and name.endswith("weight"))
            p.copy_(values + 1.5 if is_scale else values)
    for name, b in module.named_buffers():
        if name.endswith("running_mean"):
            b.copy_(tensor(b.shape, 0.9, 0.2, 0.3))
        if name.endswith("running_var"):
            b.copy_(tensor(b.shape, 0.7, 0.5, 0.4) + 1.2)
        if name.endswith(("_u", "_v")):
            values = tensor(b.shape, 1.1, 0.8, 1.0)
            b.copy_(values / values.norm())


def run(module, names, x, direction, training):
    """A pass forward and back: y and the gradients, and the tensors that are not trained as it leaves them."""
    module.train(training)
    x = x.clone().requires_grad_(not isinstance(module, Embedding))
    y = module(x)
    parameters = {ours: p for name, p in module.named_parameters() for theirs, ours in names.items() if name == theirs}
    wanted = list(parameters.values()) + ([x] if x.requires_grad else [])
    found = torch.autograd.grad((y * direction).sum(), wanted) if wanted else []
    gradients = dict(zip(parameters, found))
    result = {"y": y.detach().flatten(), "gradients": {k: g.flatten() for k, g in gradients.items()}}
    if x.requires_grad:
        result["dx"] = found[-1].flatten()
    buffers = dict(module.named_buffers())
    return result, {ours: buffers[theirs].clone().flatten() for theirs, ours in names.items() if theirs in buffers}


def same(a, b):
    """Whether two results are equal to the last bits."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return torch.allclose(a, b, rtol=1e-14, atol=1e-14)


def case(name, layer, settings, module, names, shape, rows, x=None):
    fill(module)
    x = tensor([rows, *shape], 1.7, 0.3, 1.4) if x is None else x
    module.train(False)
    with torch.no_grad():
        out = module(x).shape
    direction = tensor(out, 2.1, 0.9, 1.0)
    state = dict(module.named_parameters()) | dict(module.named_buffers())
    tensors = {ours: state[theirs].detach().clone().flatten() for theirs, ours in names.items()}
    evaluation, after = run(module, names, x, direction, False)
    assert same(after, {name: tensors[name] for name in after}), f"{name}: evaluation changes something"
    training, after = run(module, names, x, direction, True)
    if layer == "dropout":
        passes = {"train": None, "eval": evaluation}
    else:
        passes = {"eval": evaluation} if same(training, evaluation) else {"train": training, "eval": evaluation}
    return {
        "name": name,
        "layer": layer,
        "settings": settings,
        "input": list(shape),
        "rows": rows,
        "x": x.flatten(),
        "direction": direction.flatten(),
        "tensors": tensors,
        **passes,
        "after": after,
    }


PLAIN = {"weight": "weight", "bias": "bias"}
BATCH = PLAIN | {"running_mean": "running_mean", "running_var": "running_var"}
WEIGHT_NORM = {"bias": "bias", "parametrizations.weight.original0": "gain", "parametrizations.weight.original1": "weight"}
SPECTRAL_NORM = {
    "bias": "bias",
    "parametrizations.weight.original": "weight",
    "parametrizations.weight.0._u": "left",
    "parametrizations.weight.0._v": "right",
}


def weight_norm(module):
    return nn.utils.parametrizations.weight_norm(module)


def spectral_norm(module):
    return nn.utils.parametrizations.spectral_norm(module)


def conv(channels, kernel, **settings):
    return {"name": "conv2d", "channels": channels, "kernel": kernel} | settings


def golden():
    dense = lambda units, **settings: {"name": "dense", "units": units} | settings
    cases = [
        case("dense", "dense", {"units": 5, "activation": "tanh"}, nn.Sequential(nn.Linear(7, 5), nn.Tanh()),
             {"0.weight": "weight", "0.bias": "bias"}, [7], 4),
        case("activation", "activation", {"activation": "tanh"}, nn.Tanh(), {}, [2, 3, 3], 3),
        case("unflatten", "unflatten", {"channels": 2, "height": 3, "width": 4}, nn.Unflatten(1, (2, 3, 4)), {}, [24], 2),
        case("dropout", "dropout", {"rate": 0.3}, nn.Dropout(0.3), {}, [9], 4),
        case("dropout_images", "dropout", {"rate": 0.5}, nn.Dropout(0.5), {}, [2, 3, 3], 3),
        case("flatten", "flatten", {}, nn.Flatten(), {}, [2, 3, 4], 2),
        case("conv", "conv2d", {"channels": 5, "kernel": 3}, nn.Conv2d(3, 5, 3), PLAIN, [3, 6, 7], 3),
        case("conv_padded", "conv2d", {"channels": 4, "kernel": 5, "padding": 2, "activation": "tanh"},
             nn.Sequential(nn.Conv2d(2, 4, 5, padding=2), nn.Tanh()), {"0.weight": "weight", "0.bias": "bias"}, [2, 6, 5], 2),
        case("conv_strided", "conv2d", {"channels": 3, "kernel": 3, "stride": 2, "padding": 1},
             nn.Conv2d(2, 3, 3, stride=2, padding=1), PLAIN, [2, 7, 8], 3),
        case("conv_grouped", "conv2d", {"channels": 6, "kernel": 2, "groups": 2, "stride": 3, "bias": False},
             nn.Conv2d(4, 6, 2, groups=2, stride=3, bias=False), {"weight": "weight"}, [4, 8, 6], 2),
        case("conv_pointwise", "conv2d", {"channels": 9, "kernel": 1}, nn.Conv2d(3, 9, 1), PLAIN, [3, 4, 5], 2),
        case("max_pool", "max_pool", {"kernel": 2}, nn.MaxPool2d(2), {}, [2, 5, 6], 3),
        case("max_pool_overlapping", "max_pool", {"kernel": 3, "stride": 2, "padding": 1}, nn.MaxPool2d(3, 2, 1), {}, [2, 6, 7], 2),
        case("average_pool", "average_pool", {"kernel": 2}, nn.AvgPool2d(2), {}, [2, 5, 6], 3),
        case("average_pool_overlapping", "average_pool", {"kernel": 3, "stride": 2, "padding": 1}, nn.AvgPool2d(3, 2, 1), {}, [2, 6, 7], 2),
        case("global_average_pool", "global_average_pool", {}, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), {}, [3, 4, 5], 2),
        case("batch_norm", "batch_norm", {}, nn.BatchNorm1d(5), BATCH, [5], 7),
        case("batch_norm_images", "batch_norm", {"momentum": 0.3, "epsilon": 1e-3}, nn.BatchNorm2d(3, momentum=0.3, eps=1e-3), BATCH, [3, 4, 5], 4),
        case("layer_norm", "layer_norm", {}, nn.LayerNorm(6), PLAIN, [6], 3),
        case("layer_norm_images", "layer_norm", {"epsilon": 1e-3}, nn.LayerNorm([2, 3, 4], eps=1e-3), PLAIN, [2, 3, 4], 3),
        case("layer_norm_plain", "layer_norm", {"affine": False}, nn.LayerNorm(6, elementwise_affine=False), {}, [6], 3),
        case("group_norm", "group_norm", {"groups": 2}, nn.GroupNorm(2, 6), PLAIN, [6, 3, 3], 2),
        case("group_norm_flat", "group_norm", {"groups": 3}, nn.GroupNorm(3, 6), PLAIN, [6], 3),
        case("instance_norm", "instance_norm", {}, nn.InstanceNorm2d(3, affine=True), PLAIN, [3, 4, 3], 2),
        case("weight_norm", "weight_norm", {"layer": dense(6)}, weight_norm(nn.Linear(5, 6)), WEIGHT_NORM, [5], 4),
        case("weight_norm_narrow", "weight_norm", {"layer": dense(2)}, weight_norm(nn.Linear(19, 2)), WEIGHT_NORM, [19], 3),
        case("weight_norm_conv", "weight_norm", {"layer": conv(5, 3)}, weight_norm(nn.Conv2d(2, 5, 3)), WEIGHT_NORM, [2, 5, 6], 3),
        case("spectral_norm", "spectral_norm", {"layer": dense(6)}, spectral_norm(nn.Linear(5, 6)), SPECTRAL_NORM, [5], 4),
        case("spectral_norm_conv", "spectral_norm", {"layer": conv(5, 3)}, spectral_norm(nn.Conv2d(2, 5, 3)), SPECTRAL_NORM, [2, 5, 6], 3),
        case("residual", "residual", {"layers": [dense(4, activation="tanh"), dense(6)]},
             Residual(nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 6))),
             {"body.0.weight": "layers.0.weight", "body.0.bias": "layers.0.bias",
              "body.2.weight": "layers.1.weight", "body.2.bias": "layers.1.bias"}, [6], 3),
        case("residual_projected", "residual",
             {"layers": [conv(4, 3, stride=2, padding=1), {"name": "batch_norm"}], "projection": conv(4, 1, stride=2)},
             Residual(nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)), nn.Conv2d(2, 4, 1, stride=2)),
             {"body.0.weight": "layers.0.weight", "body.0.bias": "layers.0.bias"}
             | {f"body.1.{theirs}": f"layers.1.{ours}" for theirs, ours in BATCH.items()}
             | {"projection.weight": "projection.weight", "projection.bias": "projection.bias"}, [2, 5, 6], 3),
        case("embedding", "embedding", {"levels": [4, 5], "widths": [3, 2]}, Embedding([4, 5], [3, 2]),
             {name: name for name in ("columns.0.weight", "columns.1.weight")}, [3], 5,
             torch.tensor([[0.0, 3.0, 0.5], [1.0, 4.0, -1.0], [0.0, 2.0, 2.0], [3.0, 1.0, 0.25], [1.0, 3.0, 1.5]])),
    ]
    edges = [[-0.9, -0.35, 0.2, 0.75], [-0.5, 0.6], [round(-1.2 + 0.13 * t, 2) for t in range(19)]]
    columns = [3, 0, 4]
    numbers = [
        case("select", "select", {"inputs": [4, 0, 2]}, Select([4, 0, 2]), {}, [5], 4),
        case("scale", "scale", {}, Scale(5), {"weight": "weight"}, [5], 4),
        case("piecewise_linear", "piecewise_linear",
             {"columns": columns, "width": 3, "counts": [len(e) - 1 for e in edges], "edges": sum(edges, [])},
             PiecewiseLinear(columns, edges, 3), {"weight": "weight"}, [5], 9),
        case("periodic_pbld", "periodic", {"columns": [2, 0], "frequencies": 5, "width": 3, "form": "pbld"},
             Periodic([2, 0], 5, 3, "pbld"), {n: n for n in ("frequency", "phase", "weight", "bias")}, [4], 6),
        case("periodic_plr", "periodic", {"columns": [1, 2], "frequencies": 4, "width": 2, "form": "plr"},
             Periodic([1, 2], 4, 2, "plr"), {n: n for n in ("frequency", "weight", "bias")}, [3], 6),
    ]
    files = {"layers_lists": [], "layers_windows": [], "layers_images": [], "layers_numbers": numbers}
    for c in cases:
        slides = c["layer"].startswith("conv") or c["layer"].endswith("pool")
        of = "lists" if len(c["input"]) == 1 else "windows" if slides else "images"
        files[f"layers_{of}"].append(c)
    version = torch.__version__.split("+")[0]
    return {stem: {"torch": version, "cases": chosen} for stem, chosen in files.items()}
