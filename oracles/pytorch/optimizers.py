"""100 steps of PyTorch's optimizers in f64 on a fixed sequence of gradients.

Seven parameters start at `theta`; step t applies `gradients[t]` = sin(0.1·(t+1)·(i+1)) + 0.1·i (problem.py),
whatever the parameters are, so that an implementation can replay them. `settings` are PyTorch's own names and
values; what is not listed is PyTorch's default. `weight_decay` is the coupled L2 term (g + weight_decay·θ),
except in adamw and in cases with `decoupled_weight_decay`. `after` has the parameters after 1, 2, 10 and 100
steps.
"""

import torch

from problem import GRADIENTS, REPORTED, THETA

# NAdam keeps its product of momenta in the default precision.
torch.set_default_dtype(torch.float64)

DECAY = {"weight_decay": 0.1}
CASES = [
    ("sgd", torch.optim.SGD, {"lr": 0.1}),
    ("sgd_momentum", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.0}),
    ("sgd_nesterov", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("rmsprop", torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-8}),
    ("rmsprop_centered", torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "centered": True}),
    ("rmsprop_momentum", torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-8, "momentum": 0.9}),
    ("rmsprop_centered_momentum", torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-8, "centered": True, "momentum": 0.9}),
    ("adagrad", torch.optim.Adagrad, {"lr": 0.1, "eps": 1e-10}),
    ("adagrad_lr_decay", torch.optim.Adagrad, {"lr": 0.1, "eps": 1e-10, "lr_decay": 0.01}),
    ("adadelta", torch.optim.Adadelta, {"lr": 1.0, "rho": 0.9, "eps": 1e-6}),
    ("adam", torch.optim.Adam, {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8}),
    ("adam_large", torch.optim.Adam, {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-3}),
    ("adam_amsgrad", torch.optim.Adam, {"lr": 0.01, "betas": [0.9, 0.9], "eps": 1e-8, "amsgrad": True}),
    ("adamw", torch.optim.AdamW, {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}),
    ("adamw_amsgrad", torch.optim.AdamW, {"lr": 0.01, "betas": [0.9, 0.9], "eps": 1e-8, "weight_decay": 0.1, "amsgrad": True}),
    ("adamax", torch.optim.Adamax, {"lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8}),
    ("nadam", torch.optim.NAdam, {"lr": 0.002, "betas": [0.9, 0.999], "eps": 1e-8, "momentum_decay": 0.004}),
    ("nadam_decoupled", torch.optim.NAdam, {"lr": 0.002, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("radam", torch.optim.RAdam, {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8}),
    ("radam_decoupled", torch.optim.RAdam, {"lr": 0.01, "weight_decay": 0.1, "decoupled_weight_decay": True}),
]
WITH_DECAY = ["sgd", "sgd_momentum", "sgd_nesterov", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "nadam", "radam"]
CASES += [(f"{name}_decay", kind, settings | DECAY) for name, kind, settings in CASES if name in WITH_DECAY]


def run(kind, settings):
    theta = torch.tensor(THETA, dtype=torch.float64, requires_grad=True)
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    optimizer = kind([theta], foreach=False, **settings)
    after = {}
    for t, gradient in enumerate(GRADIENTS, start=1):
        theta.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        if t in REPORTED:
            after[t] = theta.tolist()
    return after


def golden():
    cases = [
        {"name": name, "optimizer": kind.__name__.lower(), "settings": settings, "after": run(kind, settings)}
        for name, kind, settings in CASES
    ]
    version = torch.__version__.split("+")[0]
    return {"optimizers": {"torch": version, "theta": THETA, "gradients": GRADIENTS, "cases": cases}}
