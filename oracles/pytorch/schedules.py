"""Learning rates of torch.optim.lr_scheduler: `values[k]` is the rate after k calls of scheduler.step().

`settings` are PyTorch's own; base rate 0.1. PyTorch computes most of them step from step, so they
carry its rounding: compare within a relative 1e-12.
"""

import torch
from torch.optim import lr_scheduler as s

STEPS = 40


def run(make):
    parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    scheduler = make(optimizer)
    values = [optimizer.param_groups[0]["lr"]]
    for _ in range(STEPS):
        optimizer.step()
        scheduler.step()
        values.append(optimizer.param_groups[0]["lr"])
    return values


def warmup_times_cosine(optimizer):
    warmup = s.LinearLR(optimizer, start_factor=0.1, end_factor=1.0, total_iters=9)
    return s.ChainedScheduler([warmup, s.CosineAnnealingLR(optimizer, T_max=STEPS)])


CASES = [
    ("exponential", s.ExponentialLR, {"gamma": 0.95}),
    ("step", s.StepLR, {"step_size": 7, "gamma": 0.5}),
    ("polynomial", s.PolynomialLR, {"total_iters": STEPS, "power": 2.0}),
    ("cosine", s.CosineAnnealingLR, {"T_max": STEPS, "eta_min": 0.001}),
    ("cosine_restarts", s.CosineAnnealingWarmRestarts, {"T_0": 16, "eta_min": 0.001}),
    ("cosine_restarts", s.CosineAnnealingWarmRestarts, {"T_0": 5, "T_mult": 2, "eta_min": 0.0}),
    # From 1/10 to 1 in 9 steps: (k + 1)/10.
    ("linear_warmup", s.LinearLR, {"start_factor": 0.1, "end_factor": 1.0, "total_iters": 9}),
    ("one_cycle", s.OneCycleLR, {"max_lr": 1.0, "total_steps": STEPS + 1, "pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 10000.0}),
]


def golden():
    cases = [
        {"schedule": name, "torch": kind.__name__, "settings": settings, "values": run(lambda o: kind(o, **settings))}
        for name, kind, settings in CASES
    ]
    cases.append({
        "schedule": "warmup_times_cosine",
        "torch": "ChainedScheduler([LinearLR, CosineAnnealingLR])",
        "settings": {"start_factor": 0.1, "total_iters": 9, "T_max": STEPS},
        "values": run(warmup_times_cosine),
    })  # fmt: skip
    return {"schedules": {"torch": torch.__version__.split("+")[0], "rate": 0.1, "cases": cases}}
