"""100 steps of the forms of the optimizers that PyTorch lacks, transcribed scalar by scalar, in f64.

The same parameters and gradients as `pytorch/optimizers.py` (problem.py). The state of each parameter is its
own, so every rule is written for one number; t counts from 1, η is `lr`. The equations:

    gd                θ ← θ − η g
    momentum          v ← β v + (1−β) g, v₀ = 0; θ ← θ − η v                          (moving average)
    adagrad_mean      n ← n + 1, S ← S + g²; σ = √(S / n); θ ← θ − η / (σ + ε) · g    (root mean square of g so far)
    rmsprop_first     s ← g² in the first step, then s ← α s + (1−α) g²; θ ← θ − η g / √(s + ε)
    rmsprop_inside    s₀ = 0; s ← α s + (1−α) g²; θ ← θ − η g / √(s + ε)
    rmsprop_first_outside   as rmsprop_first, θ ← θ − η g / (√s + ε)
    adam_inside       m ← β₁ m + (1−β₁) g; v ← β₂ v + (1−β₂) g²; m̂ = m/(1−β₁ᵗ); v̂ = v/(1−β₂ᵗ);
                      θ ← θ − η m̂ / √(v̂ + ε)
    lion              θ ← θ − η (sign(β₁ m + (1−β₁) g) + λ θ); m ← β₂ m + (1−β₂) g    (Chen et al. 2023)

The cases named as in PyTorch (sgd_nesterov, adam, adamw, adagrad, rmsprop) transcribe PyTorch's forms from its
documentation: a second opinion on `pytorch/optimizers.json`, which has cases of the same names and settings.
"""

from math import copysign, sqrt

from problem import GRADIENTS, REPORTED, THETA


def gd(lr):
    return lambda theta, g, t, state: theta - lr * g


def momentum(lr, beta):
    def step(theta, g, t, state):
        state["v"] = beta * state.get("v", 0.0) + (1.0 - beta) * g
        return theta - lr * state["v"]

    return step


def sgd_nesterov(lr, momentum):
    def step(theta, g, t, state):
        state["v"] = momentum * state["v"] + g if t > 1 else g
        return theta - lr * (g + momentum * state["v"])

    return step


def adagrad_mean(lr, eps):
    def step(theta, g, t, state):
        state["S"] = state.get("S", 0.0) + g * g
        return theta - lr / (sqrt(state["S"] / t) + eps) * g

    return step


def adagrad(lr, eps):
    def step(theta, g, t, state):
        state["S"] = state.get("S", 0.0) + g * g
        return theta - lr * g / (sqrt(state["S"]) + eps)

    return step


def rmsprop(lr, alpha, eps, first=False, inside=False):
    def step(theta, g, t, state):
        start = g * g if first else (1.0 - alpha) * g * g
        state["s"] = start if t == 1 else alpha * state["s"] + (1.0 - alpha) * g * g
        return theta - lr * g / (sqrt(state["s"] + eps) if inside else sqrt(state["s"]) + eps)

    return step


def adam(lr, betas, eps, inside=False, weight_decay=0.0):
    beta1, beta2 = betas

    def step(theta, g, t, state):
        state["m"] = beta1 * state.get("m", 0.0) + (1.0 - beta1) * g
        state["v"] = beta2 * state.get("v", 0.0) + (1.0 - beta2) * g * g
        m_hat = state["m"] / (1.0 - beta1**t)
        v_hat = state["v"] / (1.0 - beta2**t)
        theta -= lr * weight_decay * theta
        return theta - lr * m_hat / (sqrt(v_hat + eps) if inside else sqrt(v_hat) + eps)

    return step


def lion(lr, betas, weight_decay):
    beta1, beta2 = betas

    def step(theta, g, t, state):
        m = state.get("m", 0.0)
        u = beta1 * m + (1.0 - beta1) * g
        state["m"] = beta2 * m + (1.0 - beta2) * g
        sign = copysign(1.0, u) if u != 0.0 else 0.0
        return theta - lr * (sign + weight_decay * theta)

    return step


CASES = [
    ("gd", gd, {"lr": 0.1}, {}),
    ("momentum", momentum, {"lr": 0.1, "beta": 0.9}, {}),
    ("adagrad_mean", adagrad_mean, {"lr": 0.1, "eps": 0.0}, {}),
    ("adagrad_mean_epsilon", adagrad_mean, {"lr": 0.1, "eps": 1e-3}, {}),
    ("rmsprop_first", rmsprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-8}, {"first": True, "inside": True}),
    ("rmsprop_first_outside", rmsprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-3}, {"first": True}),
    ("rmsprop_inside", rmsprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-3}, {"inside": True}),
    ("adam_inside", adam, {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8}, {"inside": True}),
    ("adam_inside_large", adam, {"lr": 0.1, "betas": [0.8, 0.95], "eps": 1e-3}, {"inside": True}),
    ("lion", lion, {"lr": 0.01, "betas": [0.9, 0.99], "weight_decay": 0.0}, {}),
    ("lion_decay", lion, {"lr": 0.01, "betas": [0.9, 0.99], "weight_decay": 0.1}, {}),
    ("sgd_nesterov", sgd_nesterov, {"lr": 0.1, "momentum": 0.9}, {}),
    ("rmsprop", rmsprop, {"lr": 0.01, "alpha": 0.99, "eps": 1e-8}, {}),
    ("adagrad", adagrad, {"lr": 0.1, "eps": 1e-10}, {}),
    ("adam", adam, {"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8}, {}),
    ("adamw", adam, {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}, {}),
]


def run(rule):
    after = {t: [] for t in REPORTED}
    for i, theta in enumerate(THETA):
        state = {}
        for t in range(1, len(GRADIENTS) + 1):
            theta = rule(theta, GRADIENTS[t - 1][i], t, state)
            if t in REPORTED:
                after[t].append(theta)
    return after


def golden():
    cases = [
        {"name": name, "settings": settings, "after": run(rule(**settings, **form))}
        for name, rule, settings, form in CASES
    ]
    return {"optimizers": {"theta": THETA, "gradients": GRADIENTS, "cases": cases}}
