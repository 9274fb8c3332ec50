"""PyTorch's activations in f64 with first and second derivative by automatic differentiation.

These fix the conventions (which function a name means, what happens at kinks). They are not everywhere right
to the last digits; where they differ from `closed_form/activations.json`, take that:

    sigmoid and what is built on it   sigmoid'(50) = 0 and few digits from |x| = 20 on: PyTorch forms 1 - sigmoid(x)
    softplus                          is x itself from x = 20 on (its `threshold`)
    hard_sigmoid                      the derivative is 1/6 rounded to f32
    elu, selu                         second derivative 0 at x = 0, where PyTorch's first takes the branch x <= 0
"""

import torch
import torch.nn.functional as F

from problem import GRID

ACTIVATIONS = {
    "identity": lambda x: x * 1.0,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": F.hardsigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "mish": F.mish,
}
# PyTorch has no second derivative of hardsigmoid; it is 0.
PIECEWISE_LINEAR = ["hard_sigmoid"]


def golden():
    functions = {}
    for name, function in ACTIVATIONS.items():
        x = torch.tensor(GRID, dtype=torch.float64, requires_grad=True)
        value = function(x)
        (first,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        second = torch.zeros_like(x)
        if first.requires_grad and name not in PIECEWISE_LINEAR:
            (gradient,) = torch.autograd.grad(first.sum(), x, allow_unused=True)
            second = second if gradient is None else gradient
        functions[name] = {"value": value.detach(), "first": first.detach(), "second": second}
    return {"activations": {"x": GRID, "torch": torch.__version__.split("+")[0], "activations": functions}}
