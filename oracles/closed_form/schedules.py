"""Learning rates as functions of progress.

Progress is a fraction of epochs or of steps; every case gives `at` (the points), `unit`, `settings`, `rate`
(the base rate η) and `values` (the rates). The equations, e the epoch (fractional), E all epochs, t the number
of steps taken before this one (from 0), T all steps, p = e/E or t/T:

    constant        η
    exponential     η·γ^e
    step            η·γ^⌊e / s⌋
    inverse_time    η / (1 + k·e)                                                     (1/t decay)
    polynomial      η_min + (η − η_min)·(1 − p)^q
    cosine          η_min + (η − η_min)·(1 + cos(π p)) / 2               (Loshchilov and Hutter 2017, one period)
    cosine_restarts cosine with p = fractional part of e / period
    linear_warmup   η·min(1, (t + 1) / W), W warm-up steps                            (before a constant rate)
    warmup_times_cosine   min(1, (t + 1) / W) times cosine with p = t / T, not shifted
    inverse_sqrt    η·min((t + 1)^−½, (t + 1)·W^−3/2)·√W, so that the peak, at t + 1 = W, is η    (Vaswani et al. 2017)
    coslog4         η·(1 − cos(2π·log₂(1 + 15 p))) / 2                                (RealMLP, Holzmüller et al. 2024)
    flat_cosine     η for p ≤ s, then cosine with p = (p − s)/(1 − s)                (RealMLP's schedule of dropout and decay)
    linear_scaling  η·B_new / B_old                                                  (Goyal et al. 2017)
"""

from math import cos, floor, log2, pi, sqrt

EPOCHS = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.75, 5.0, 7.5, 9.0, 9.99, 10.0]
STEPS = [0, 1, 2, 4, 9, 10, 11, 25, 50, 75, 98, 99]
ALL_EPOCHS, ALL_STEPS = 10.0, 100


def cosine(rate, low, p):
    return low + (rate - low) * (1.0 + cos(pi * p)) / 2.0


def case(schedule, unit, settings, function, rate=0.1):
    at = EPOCHS if unit == "epochs" else STEPS
    total = ALL_EPOCHS if unit == "epochs" else ALL_STEPS
    return {
        "schedule": schedule, "unit": unit, "total": total, "rate": rate, "settings": settings, "at": at,
        "values": [function(x) for x in at],
    }  # fmt: skip


def golden():
    r, w = 0.1, 10
    cases = [
        case("constant", "epochs", {}, lambda e: r),
        case("exponential", "epochs", {"gamma": 0.9}, lambda e: r * 0.9**e),
        case("step", "epochs", {"gamma": 0.5, "epochs": 3}, lambda e: r * 0.5 ** floor(e / 3)),
        case("inverse_time", "epochs", {"decay": 0.5}, lambda e: r / (1.0 + 0.5 * e)),
        case("polynomial", "epochs", {"power": 2.0, "minimum": 0.01}, lambda e: 0.01 + (r - 0.01) * (1.0 - e / ALL_EPOCHS) ** 2),
        case("cosine", "epochs", {"minimum": 0.0}, lambda e: cosine(r, 0.0, e / ALL_EPOCHS)),
        case("cosine", "epochs", {"minimum": 0.01}, lambda e: cosine(r, 0.01, e / ALL_EPOCHS)),
        case("cosine_restarts", "epochs", {"period": 4.0, "minimum": 0.0}, lambda e: cosine(r, 0.0, e / 4.0 - floor(e / 4.0))),
        case("coslog4", "epochs", {}, lambda e: r * (1.0 - cos(2.0 * pi * log2(1.0 + 15.0 * e / ALL_EPOCHS))) / 2.0),
        case("flat_cosine", "epochs", {"flat": 0.5, "minimum": 0.01}, lambda e: cosine(r, 0.01, max(0.0, (e / ALL_EPOCHS - 0.5) / 0.5))),
        case("linear_warmup", "steps", {"steps": w}, lambda t: r * min(1.0, (t + 1) / w)),
        case("warmup_times_cosine", "steps", {"steps": w, "minimum": 0.0}, lambda t: min(1.0, (t + 1) / w) * cosine(r, 0.0, t / ALL_STEPS)),
        case("inverse_sqrt", "steps", {"steps": w}, lambda t: r * min((t + 1) ** -0.5, (t + 1) * w**-1.5) * sqrt(w)),
    ]
    scaling = [{"rate": 0.1, "from": 256, "to": b, "value": 0.1 * b / 256} for b in (32, 256, 1000, 8192)]
    return {"schedules": {"cases": cases, "linear_scaling": scaling}}
