"""Dense networks in f64 from PyTorch: logits, loss, all parameter gradients, Hessian-vector products.

One file a network, `networks_A-B-C.json`, with its parameters (`weight` is [out][in], `bias` [out], layer by
layer), six input rows and their weights, and for every activation and loss a case. Conventions of the losses:
nets.py; all cases are weighted by `weights`. The hidden activation is applied between layers, not after the
last one. `gradient` and `hvp` are flat: layer by layer, the weight row-major, then the bias; so is the
`direction` of the Hessian-vector products.
"""

import torch
from nets import CLASSES, LABELS, LOSSES, forward, gradient_and_hvp, tensor, weighted_mean

from problem import ROW_WEIGHTS, wave

NETWORKS = [[3, 4, 2], [5, 8, 6, 3], [4, 1]]
ACTIVATIONS = {"identity": lambda x: x, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
ROWS = 6
EVERYWHERE = ("mse", "half_mse", "half_mse_sigmoid", "mae", "huber", "logistic", "cross_entropy")
ONCE = ("poisson", "hinge", "squared_hinge", "perceptron", "focal", "multiclass_hinge", "multiclass_focal")


def targets_of(loss, outputs):
    count = ROWS * outputs
    if loss in CLASSES:
        return "classes", [(3 * i + i // 2) % outputs for i in range(ROWS)]
    if loss in LABELS:
        return "targets", [float((3 * k + k // 4) % 2) for k in range(count)]
    if loss == "poisson":
        return "targets", [float((5 * k) % 4) for k in range(count)]
    return "targets", wave(count, 0.9, 1.1, 2.0)


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


def network(sizes):
    layers = []
    for k, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        weight = tensor(wave(inputs * outputs, 1.9 + 0.3 * k, 0.5 + k, 0.8), outputs, inputs).requires_grad_(True)
        bias = tensor(wave(outputs, 2.3, 0.7 + k, 0.3), outputs).requires_grad_(True)
        layers.append((weight, bias))
    variables = [t for layer in layers for t in layer]
    count = sum(t.numel() for t in variables)
    inputs = wave(ROWS * sizes[0], 1.1, 0.4, 1.5)
    direction = wave(count, 1.7, 0.3, 1.0)
    pieces = [p.reshape(t.shape) for p, t in zip(tensor(direction, count).split([t.numel() for t in variables]), variables)]
    targets, cases = {}, []
    for activation in ACTIVATIONS if len(sizes) > 2 else ["identity"]:
        logits = forward(layers, tensor(inputs, ROWS, sizes[0]), ACTIVATIONS[activation])
        losses = []
        for loss in EVERYWHERE + (ONCE if activation in ("identity", "tanh") and len(sizes) < 4 else ()):
            if loss in CLASSES and sizes[-1] == 1:
                continue
            kind, values = targets_of(loss, sizes[-1])
            targets[loss] = {kind: values}
            y = torch.tensor(values) if kind == "classes" else tensor(values, ROWS, sizes[-1])
            value = weighted_mean(LOSSES[loss](logits, y), tensor(ROW_WEIGHTS, ROWS))
            gradient, hvp = gradient_and_hvp(value, variables, pieces)
            # Each loss needs the graph of `logits` again.
            logits = forward(layers, tensor(inputs, ROWS, sizes[0]), ACTIVATIONS[activation])
            losses.append({"loss": loss, "value": value.item(), "gradient": flat(gradient), "hvp": flat(hvp)})
        cases.append({"activation": activation, "logits": logits.detach().flatten(), "losses": losses})
    return {
        "torch": torch.__version__.split("+")[0],
        "sizes": sizes,
        "parameters": [{"weight": w.detach(), "bias": b.detach()} for w, b in layers],
        "rows": ROWS,
        "inputs": inputs,
        "weights": ROW_WEIGHTS,
        "targets": targets,
        "direction": direction,
        "cases": cases,
    }


def golden():
    return {f"networks_{'-'.join(map(str, sizes))}": network(sizes) for sizes in NETWORKS}
