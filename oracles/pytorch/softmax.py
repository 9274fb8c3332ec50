"""Softmax of rows in f64 from PyTorch: value, gradient and the second-order term of the R-operator.

For logits z, an incoming gradient dy and a direction v of z: `value` = softmax(z), `gradient` = J^T dy with
J = d softmax/dz, `second` = (d/dt J(z + t v) at t = 0)^T dy, by automatic differentiation twice. Row-major.
"""

import torch
from nets import tensor

from problem import wave


def case(rows, width, amplitude):
    count = rows * width
    logits, dy, direction = wave(count, 1.3, 0.2, amplitude), wave(count, 0.7, 1.0, 2.0), wave(count, 1.7, 0.3, 1.0)
    z = tensor(logits, rows, width).requires_grad_(True)
    y = torch.softmax(z, 1)
    (gradient,) = torch.autograd.grad((y * tensor(dy, rows, width)).sum(), z, create_graph=True)
    (second,) = torch.autograd.grad((gradient * tensor(direction, rows, width)).sum(), z)
    return {
        "rows": rows, "width": width, "logits": logits, "dy": dy, "direction": direction,
        "value": y.detach().flatten(), "gradient": gradient.detach().flatten(), "second": second.flatten(),
    }  # fmt: skip


def golden():
    cases = [case(5, 3, 2.5), case(3, 1, 2.5), case(4, 17, 4.0), case(2, 3, 1e4)]
    return {"softmax": {"torch": torch.__version__.split("+")[0], "cases": cases}}
