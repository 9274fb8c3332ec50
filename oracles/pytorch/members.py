"""Networks of members that share their weights (BatchEnsemble, as in TabM) in f64 from PyTorch: predictions, losses,
gradients, Hessian-vector products and updates.

A case has `name`, `inputs`, `layers` (Thalweg's entries), `loss`, `rows`, `x`, `weights` of the rows, `classes` or
`targets`, `parameters`, `value`, `gradient`, `direction`, `hvp`, `predictions`, `evaluated` and `after`, all row-major;
vectors are flat, layer by layer r [k, in], weight, s [k, out] and bias [k, out], or weight [k·out, in] and bias of members
with weights of their own. A member's layer is y = s * ((x * r) @ W.T) + b (Wen, Tran & Ba 2020, equation 5).

`value` is the weighted mean over rows of the mean over members of each member's loss (nets.py), `gradient` and `hvp` are
its own. `predictions` are the means over members of probabilities (of numbers), and `evaluated` is the weighted mean of
the loss of these means. `after` are the parameters after three steps of AdamW (lr 0.02, decay 0.1 on `weight` alone) on
the mean over all rows, each of weight 1.
"""

import torch
import torch.nn as nn
from nets import LOSSES, gradient_and_hvp, tensor, weighted_mean

from problem import ROW_WEIGHTS, wave

ROWS = len(ROW_WEIGHTS)


class Shared(nn.Module):
    def __init__(self, members, inputs, units, bias=True):
        super().__init__()
        self.r = nn.Parameter(torch.ones(members, inputs))
        self.weight = nn.Parameter(torch.zeros(units, inputs))
        self.s = nn.Parameter(torch.ones(members, units))
        self.bias = nn.Parameter(torch.zeros(members, units)) if bias else None

    def forward(self, x):
        """[rows, k, inputs] to [rows, k, units]; [rows, 1, inputs] is for all members."""
        y = ((x * self.r) @ self.weight.T) * self.s
        return y if self.bias is None else y + self.bias


class Own(nn.Module):
    def __init__(self, members, inputs, units):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(members, units, inputs))
        self.bias = nn.Parameter(torch.zeros(members, units))

    def forward(self, x):
        x = x.expand(-1, self.weight.shape[0], -1)
        return torch.stack([x[:, g] @ w.T + b for g, (w, b) in enumerate(zip(self.weight, self.bias))], 1)


def case(name, inputs, layers, loss, module, outputs):
    module = module.double()
    for index, (parameter, p) in enumerate(module.named_parameters()):
        values = tensor(wave(p.numel(), 1.3 + 0.37 * index, 0.4 + index, 0.5), *p.shape)
        with torch.no_grad():
            p.copy_(values + (1.2 if parameter.endswith((".r", ".s")) else 0.0))
    variables = list(module.parameters())
    flat = lambda tensors: torch.cat([t.detach().flatten() for t in tensors])
    x = wave(ROWS * inputs, 1.1, 0.4, 1.5)
    rows = tensor(x, ROWS, 1, inputs)
    if loss == "cross_entropy":
        targets = {"classes": [(3 * i + i // 2) % outputs for i in range(ROWS)]}
    elif loss == "logistic":
        targets = {"targets": [float((i + i // 3) % 2) for i in range(ROWS * outputs)]}
    else:
        targets = {"targets": wave(ROWS * outputs, 0.9, 1.1, 2.0)}
    (values,) = targets.values()
    y = torch.tensor(values) if loss == "cross_entropy" else tensor(values, ROWS, outputs)
    weights = tensor(ROW_WEIGHTS, ROWS)
    losses = lambda: torch.stack([LOSSES[loss](z, y) for z in module(rows).unbind(1)]).mean(0)

    value = weighted_mean(losses(), weights)
    direction = [tensor(wave(v.numel(), 1.7 + 0.11 * k, 0.3 + k, 1.0), *v.shape) for k, v in enumerate(variables)]
    gradient, hvp = gradient_and_hvp(value, variables, direction)
    z = module(rows).detach()
    if loss == "cross_entropy":
        predictions = z.softmax(2).mean(1)
        evaluated = -predictions.log()[range(ROWS), y]
    elif loss == "logistic":
        predictions = z.sigmoid().mean(1)
        evaluated = nn.functional.binary_cross_entropy(predictions, y, reduction="none").mean(1)
    else:
        predictions = z.mean(1)
        evaluated = LOSSES[loss](predictions, y)
    before = flat(variables)
    decays = [p for n, p in module.named_parameters() if n.endswith("weight")]
    others = [p for n, p in module.named_parameters() if not n.endswith("weight")]
    groups = [{"params": decays, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.02)
    for _ in range(3):
        optimizer.zero_grad()
        losses().mean().backward()
        optimizer.step()
    return {
        "name": name,
        "inputs": inputs,
        "layers": layers,
        "loss": loss,
        "rows": ROWS,
        "x": x,
        "weights": ROW_WEIGHTS,
        **targets,
        "parameters": before,
        "value": value.item(),
        "gradient": flat(gradient),
        "direction": flat(direction),
        "hvp": flat(hvp),
        "predictions": predictions.flatten(),
        "evaluated": weighted_mean(evaluated, weights).item(),
        "after": flat(variables),
    }


def golden():
    def layer(members, units, **settings):
        return {"name": "batch_ensemble", "members": members, "units": units} | settings

    def tabm(members, inputs, outputs, bias=True):
        """Two layers of 5 and 16 units, and a linear one of each member's own."""
        layers = [
            layer(members, 5, activation="tanh"),
            layer(members, 16, activation="silu", bias=bias),
            layer(members, outputs, shared=False),
        ]
        body = [Shared(members, inputs, 5), nn.Tanh(), Shared(members, 5, 16, bias), nn.SiLU(), Own(members, 16, outputs)]
        return layers, nn.Sequential(*body)

    cases = []
    for name, loss, outputs, members in [
        ("numbers", "mse", 2, 3),
        ("labels", "logistic", 1, 4),
        ("several_labels", "logistic", 3, 2),
        ("classes", "cross_entropy", 3, 3),
        ("many_classes", "cross_entropy", 7, 3),
    ]:
        layers, module = tabm(members, 4, outputs, bias=name != "numbers")
        cases.append(case(name, 4, layers, loss, module, outputs))
    packed = [layer(3, 6, shared=False, activation="tanh"), layer(3, 2, shared=False)]
    cases.append(case("packed", 5, packed, "mse", nn.Sequential(Own(3, 5, 6), nn.Tanh(), Own(3, 6, 2)), 2))
    return {"members": {"torch": torch.__version__.split("+")[0], "cases": cases}}
