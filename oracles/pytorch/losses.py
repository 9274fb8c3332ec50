"""Losses of logits in f64 from PyTorch: value, gradient and Hessian-vector product. Conventions: nets.py.

Each case has `rows`, `outputs`, `logits` (row-major), `targets` (row-major values) or `classes` (one index a
row), `weights` (one a row, or null), `value`, `gradient`, `direction` and `hvp` (all row-major). The cases
`*_extreme` have |z| = 1e4.
"""

import torch
from nets import CLASSES, LABELS, LOSSES, gradient_and_hvp, tensor, weighted_mean

from problem import ROW_WEIGHTS, wave


def case(name, loss, logits, rows, outputs, target, weights):
    z = tensor(logits, rows, outputs).requires_grad_(True)
    kind, values = target
    y = torch.tensor(values) if kind == "classes" else tensor(values, rows, outputs)
    w = None if weights is None else tensor(weights, rows)
    value = weighted_mean(LOSSES[loss](z, y), w)
    direction = wave(rows * outputs, 1.7, 0.3, 1.0)
    (gradient,), (hvp,) = gradient_and_hvp(value, [z], [tensor(direction, rows, outputs)])
    return {
        "name": name, "loss": loss, "rows": rows, "outputs": outputs, "logits": logits, kind: values,
        "weights": weights, "value": value.item(), "gradient": gradient.flatten(),
        "direction": direction, "hvp": hvp.flatten(),
    }  # fmt: skip


def targets_of(loss, rows, outputs):
    count = rows * outputs
    if loss in CLASSES:
        return "classes", [(3 * i + i // 2) % outputs for i in range(rows)]
    if loss in LABELS:
        return "targets", [float((3 * k + k // 4) % 2) for k in range(count)]
    if loss == "poisson":
        return "targets", [float((5 * k) % 4) for k in range(count)]
    return "targets", wave(count, 0.9, 1.1, 2.0)


def golden():
    cases = []
    rows = 5
    for loss in LOSSES:
        for outputs in (1, 3):
            if loss in CLASSES and outputs == 1:
                continue
            logits = wave(rows * outputs, 1.3, 0.2, 2.5)
            target = targets_of(loss, rows, outputs)
            for weights in (None, ROW_WEIGHTS[:rows]):
                name = f"{loss}_{outputs}" + ("_weighted" if weights else "")
                cases.append(case(name, loss, logits, rows, outputs, target, weights))
    # Probability targets: rows sum to 1.
    probabilities = [0.2, 0.5, 0.3, 1.0, 0.0, 0.0, 0.1, 0.1, 0.8, 0.25, 0.25, 0.5, 0.0, 0.5, 0.5]
    for weights in (None, ROW_WEIGHTS[:rows]):
        name = "cross_entropy_probabilities" + ("_weighted" if weights else "")
        logits = wave(rows * 3, 1.3, 0.2, 2.5)
        cases.append(case(name, "cross_entropy", logits, rows, 3, ("targets", probabilities), weights))
    huge = [1e4, -1e4, 1e4, -1e4]
    cases.append(case("logistic_extreme", "logistic", huge, 4, 1, ("targets", [1.0, 0.0, 0.0, 1.0]), None))
    cases.append(case("half_mse_sigmoid_extreme", "half_mse_sigmoid", huge, 4, 1, ("targets", [1.0, 0.0, 0.0, 1.0]), None))
    for loss in ("hinge", "squared_hinge", "perceptron", "focal"):
        cases.append(case(f"{loss}_extreme", loss, huge, 4, 1, ("targets", [1.0, 0.0, 0.0, 1.0]), None))
    huge = [1e4, -1e4, 0.0, 1e4, -1e4, 0.0, 1e4, 1e4, 1e4, -1e4, -1e4, -1e4]
    for loss in ("cross_entropy", "multiclass_focal"):
        cases.append(case(f"{loss}_extreme", loss, huge, 4, 3, ("classes", [0, 1, 2, 0]), None))
    for loss in ("mse", "mae", "huber"):
        cases.append(case(f"{loss}_extreme", loss, [1e4, -1e4], 2, 1, ("targets", [0.0, 0.0]), None))
    return {"losses": {"torch": torch.__version__.split("+")[0], "cases": cases}}
