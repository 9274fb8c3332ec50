"""Hessian-vector products of whole networks in f64 from PyTorch, in training, by automatic differentiation twice.

A case has `name`, `input` (the shape of a row), `layers` (Thalweg's entries), `loss`, `rows`, `x`, `weights` of the rows,
`classes` or `targets`, `parameters`, `value`, `gradient`, `direction` and `hvp`, all row-major. `parameters` are flat:
layer by layer the weight, the bias and, of batch_norm, running_mean and running_var, which are not trained: 0 in
`gradient`, `direction` and `hvp`. Losses are weighted means as in nets.py.
"""

import torch
import torch.nn as nn
from nets import LOSSES, gradient_and_hvp, tensor, weighted_mean

from problem import ROW_WEIGHTS, wave

ROWS = len(ROW_WEIGHTS)


class Residual(nn.Module):
    def __init__(self, *body):
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x):
        return x + self.body(x)


def fill(index, name, parameter):
    """Parameters from closed formulas, scales near 1."""
    values = tensor(wave(parameter.numel(), 1.3 + 0.37 * index, 0.4 + index, 0.5), *parameter.shape)
    is_scale = parameter.dim() == 1 and name.endswith("weight")
    with torch.no_grad():
        parameter.copy_(values + (1.2 if is_scale else 0.0))


def case(name, shape, layers, loss, module, outputs):
    module = module.double().train()
    for index, (parameter, values) in enumerate(module.named_parameters()):
        fill(index, parameter, values)
    variables = list(module.parameters())

    def flat(tensors, running):
        """`tensors`, which lie like the variables, with `running` behind those of a batch norm."""
        tensors, pieces = iter(tensors), []
        for part in module.modules():
            pieces += [next(tensors).flatten() for _ in part.parameters(recurse=False)]
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                pieces += [torch.full([part.num_features], value, dtype=torch.float64) for value in running]
        return torch.cat(pieces)

    count = 1
    for size in shape:
        count *= size
    x = wave(ROWS * count, 1.1, 0.4, 1.5)
    direction = [
        tensor(wave(v.numel(), 1.7 + 0.11 * k, 0.3 + k, 1.0), *v.shape)
        for k, v in enumerate(variables)
    ]
    if loss == "cross_entropy":
        targets = {"classes": [(3 * i + i // 2) % outputs for i in range(ROWS)]}
    elif loss == "logistic":
        targets = {"targets": [float((i + i // 3) % 2) for i in range(ROWS * outputs)]}
    else:
        targets = {"targets": wave(ROWS * outputs, 0.9, 1.1, 2.0)}
    (values,) = targets.values()
    y = torch.tensor(values) if loss == "cross_entropy" else tensor(values, ROWS, outputs)
    z = module(tensor(x, ROWS, *shape))
    value = weighted_mean(LOSSES[loss](z, y), tensor(ROW_WEIGHTS, ROWS))
    gradient, hvp = gradient_and_hvp(value, variables, direction)
    zeros = [0.0, 0.0]
    return {
        "name": name,
        "input": list(shape),
        "layers": layers,
        "loss": loss,
        "rows": ROWS,
        "x": x,
        "weights": ROW_WEIGHTS,
        **targets,
        "parameters": flat([v.detach() for v in variables], [0.0, 1.0]),
        "value": value.item(),
        "gradient": flat(gradient, zeros),
        "direction": flat(direction, zeros),
        "hvp": flat(hvp, zeros),
    }


def golden():
    dense = lambda units, activation="identity": {"name": "dense", "units": units, "activation": activation}
    conv = lambda channels, kernel, **settings: {"name": "conv2d", "channels": channels, "kernel": kernel} | settings
    batch_norm, layer_norm = {"name": "batch_norm"}, {"name": "layer_norm"}
    apart = lambda activation: {"name": "activation", "activation": activation}
    cases = [
        case("tanh", [5], [dense(8, "tanh"), dense(6, "tanh"), dense(3)], "cross_entropy",
             nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3)), 3),
        case("layer_norm", [5], [dense(7, "gelu"), layer_norm, apart("silu"), dense(2)], "mse",
             nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.LayerNorm(7), nn.SiLU(), nn.Linear(7, 2)), 2),
        case("batch_norm", [4],
             [dense(6), batch_norm, apart("sigmoid"), {"name": "residual", "layers": [dense(6, "softplus"), batch_norm]}, dense(3)],
             "cross_entropy",
             nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Sigmoid(),
                           Residual(nn.Linear(6, 6), nn.Softplus(), nn.BatchNorm1d(6)), nn.Linear(6, 3)), 3),
        case("softmax", [4], [dense(5, "softmax"), dense(2, "sigmoid")], "half_mse",
             nn.Sequential(nn.Linear(4, 5), nn.Softmax(1), nn.Linear(5, 2), nn.Sigmoid()), 2),
        case("conv", [2, 6, 5],
             [conv(4, 3, padding=1), batch_norm, apart("tanh"), {"name": "max_pool", "kernel": 2},
              conv(3, 2, activation="elu"), {"name": "global_average_pool"}, dense(3)], "cross_entropy",
             nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.MaxPool2d(2),
                           nn.Conv2d(4, 3, 2), nn.ELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)), 3),
        case("conv_strided", [2, 7, 8],
             [conv(4, 3, stride=2, padding=1, activation="relu"), {"name": "group_norm", "groups": 2},
              conv(6, 2, groups=2, activation="tanh"), {"name": "average_pool", "kernel": 2}, {"name": "flatten"}, dense(2)],
             "logistic",
             nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU(), nn.GroupNorm(2, 4),
                           nn.Conv2d(4, 6, 2, groups=2), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6, 2)), 2),
    ]
    return {"second_order": {"torch": torch.__version__.split("+")[0], "cases": cases}}
