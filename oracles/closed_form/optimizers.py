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

    nadam             μ_t = β₁ (1 − ½·0.96^(t ψ)); P_t = μ₁…μ_t; m, v as adam;
                      θ ← θ − η ((1−μ_t)/(1−P_t) g + μ_{t+1}/(1−P_t μ_{t+1}) m) / (√v̂ + ε)   (PyTorch's form; PyTorch
                      keeps P_t in single precision)
    radam_paper       ρ∞ = 2/(1−β₂) − 1; ρ = ρ∞ − 2 t β₂ᵗ/(1−β₂ᵗ); where ρ > 4
                      θ ← θ − η m̂ r √(1−β₂ᵗ)/(√v + ε), r = √((ρ−4)(ρ−2)ρ∞/((ρ∞−4)(ρ∞−2)ρ)), else θ ← θ − η m̂
                                                                                   (Liu et al. 2020, algorithm 2)
    clip_value        as gd or adam, of g clipped to [−c, c]
    l1, elastic       as gd, of g + λ₁ sign θ + λ₂ θ
    adam_cosine       as adam with weight decay λ θ in g, η_t = η (1 + cos(π (t−1)/100))/2

These see all seven parameters at once, as one tensor of seven rows and one column:

    lars              u = c ‖θ‖/(‖g‖ + λ ‖θ‖ + ε) (g + λ θ); v ← β v + u; θ ← θ − η v
    lamb              r = adam's direction + λ θ; θ ← θ − η ‖θ‖/‖r‖ r
    muon              m ← β m + (1−β) g; n = (1−β) g + β m; x = n/(‖n‖ + 1e-7); five times with A = x·x:
                      x ← a x + (b A + c A²) x, (a, b, c) = (3.4445, −4.7750, 2.0315); θ ← θ − η (√7 x + λ θ)
    clip_norm         as gd, of g min(1, c/‖g‖)
    adam_clipped      the same in front of adam

The cases named as in PyTorch (sgd_nesterov, adam, adamw, adagrad, rmsprop) transcribe PyTorch's forms from its
documentation: a second opinion on `pytorch/optimizers.json`, which has cases of the same names and settings.
"""

from math import copysign, cos, pi, sqrt

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


def nadam(lr, betas, eps, momentum_decay):
    beta1, beta2 = betas

    def step(theta, g, t, state):
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (t * momentum_decay))
        after = beta1 * (1.0 - 0.5 * 0.96 ** ((t + 1) * momentum_decay))
        state["P"] = state.get("P", 1.0) * mu
        state["m"] = beta1 * state.get("m", 0.0) + (1.0 - beta1) * g
        state["v"] = beta2 * state.get("v", 0.0) + (1.0 - beta2) * g * g
        scale = sqrt(state["v"] / (1.0 - beta2**t)) + eps
        theta -= lr * (1.0 - mu) / (1.0 - state["P"]) * g / scale
        return theta - lr * after / (1.0 - state["P"] * after) * state["m"] / scale

    return step


def radam(lr, betas, eps, threshold):
    beta1, beta2 = betas
    limit = 2.0 / (1.0 - beta2) - 1.0

    def step(theta, g, t, state):
        state["m"] = beta1 * state.get("m", 0.0) + (1.0 - beta1) * g
        state["v"] = beta2 * state.get("v", 0.0) + (1.0 - beta2) * g * g
        m_hat = state["m"] / (1.0 - beta1**t)
        rho = limit - 2.0 * t * beta2**t / (1.0 - beta2**t)
        if rho <= threshold:
            return theta - lr * m_hat
        r = sqrt((rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho))
        return theta - lr * m_hat * r * sqrt(1.0 - beta2**t) / (sqrt(state["v"]) + eps)

    return step


def of_clipped(rule, clip_value):
    return lambda theta, g, t, state: rule(theta, min(max(g, -clip_value), clip_value), t, state)


def clipped_gd(lr, clip_value):
    return of_clipped(gd(lr), clip_value)


def clipped_adam(lr, betas, eps, clip_value):
    return of_clipped(adam(lr, betas, eps), clip_value)


def penalized_gd(lr, l1, l2=0.0):
    def step(theta, g, t, state):
        sign = copysign(1.0, theta) if theta != 0.0 else 0.0
        return theta - lr * (g + l1 * sign + l2 * theta)

    return step


def adam_cosine(lr, betas, eps, l2):
    def step(theta, g, t, state):
        rate = lr * (1.0 + cos(pi * (t - 1) / len(GRADIENTS))) / 2.0
        return adam(rate, betas, eps)(theta, g + l2 * theta, t, state)

    return step


def norm(vector):
    return sqrt(sum(x * x for x in vector))


def lars(lr, momentum, trust, eps, weight_decay):
    def step(theta, g, t, state):
        length = norm(theta)
        ratio = trust * length / (norm(g) + weight_decay * length + eps)
        state["v"] = [
            momentum * v + ratio * (gi + weight_decay * p) for v, gi, p in zip(state.get("v", [0.0] * 7), g, theta)
        ]
        return [p - lr * v for p, v in zip(theta, state["v"])]

    return step


def lamb(lr, betas, eps, weight_decay):
    direction = adam(1.0, betas, eps)

    def step(theta, g, t, state):
        states = state.setdefault("states", [{} for _ in theta])
        r = [-direction(0.0, gi, t, s) + weight_decay * p for gi, s, p in zip(g, states, theta)]
        ratio = norm(theta) / norm(r)
        return [p - lr * ratio * ri for p, ri in zip(theta, r)]

    return step


def muon(lr, momentum, weight_decay):
    a, b, c = 3.4445, -4.7750, 2.0315

    def step(theta, g, t, state):
        m = state["m"] = [momentum * m + (1.0 - momentum) * gi for m, gi in zip(state.get("m", [0.0] * 7), g)]
        x = [(1.0 - momentum) * gi + momentum * mi for gi, mi in zip(g, m)]
        length = norm(x) + 1e-7
        x = [xi / length for xi in x]
        for _ in range(5):
            gram = sum(xi * xi for xi in x)
            x = [a * xi + (b * gram + c * gram * gram) * xi for xi in x]
        return [p - lr * (sqrt(7.0) * xi + weight_decay * p) for p, xi in zip(theta, x)]

    return step


def clip_norm(lr, clip_norm, betas=None, eps=None):
    rule = adam(lr, betas, eps) if betas else gd(lr)

    def step(theta, g, t, state):
        factor = min(1.0, clip_norm / norm(g))
        states = state.setdefault("states", [{} for _ in theta])
        return [rule(p, factor * gi, t, s) for p, gi, s in zip(theta, g, states)]

    return step


BETAS = [0.9, 0.999]
TENSOR_CASES = [
    ("lars", lars, {"lr": 0.5, "momentum": 0.9, "trust": 0.02, "eps": 1e-8, "weight_decay": 0.0}),
    ("lars_decay", lars, {"lr": 0.5, "momentum": 0.9, "trust": 0.02, "eps": 1e-8, "weight_decay": 0.1}),
    ("lamb", lamb, {"lr": 0.01, "betas": BETAS, "eps": 1e-6, "weight_decay": 0.0}),
    ("lamb_decay", lamb, {"lr": 0.01, "betas": BETAS, "eps": 1e-6, "weight_decay": 0.1}),
    ("muon", muon, {"lr": 0.02, "momentum": 0.95, "weight_decay": 0.0}),
    ("muon_decay", muon, {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1}),
    ("clip_norm", clip_norm, {"lr": 0.1, "clip_norm": 1.5}),
    ("adam_clipped", clip_norm, {"lr": 0.01, "clip_norm": 1.8, "betas": BETAS, "eps": 1e-8}),
]

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
    ("nadam", nadam, {"lr": 0.002, "betas": BETAS, "eps": 1e-8, "momentum_decay": 0.004}, {}),
    ("radam_paper", radam, {"lr": 0.01, "betas": BETAS, "eps": 1e-8, "threshold": 4.0}, {}),
    ("clip_value", clipped_gd, {"lr": 0.1, "clip_value": 0.5}, {}),
    ("adam_clip_value", clipped_adam, {"lr": 0.01, "betas": BETAS, "eps": 1e-8, "clip_value": 0.5}, {}),
    ("l1", penalized_gd, {"lr": 0.1, "l1": 0.05}, {}),
    ("elastic", penalized_gd, {"lr": 0.1, "l1": 0.05, "l2": 0.1}, {}),
    ("adam_cosine", adam_cosine, {"lr": 0.01, "betas": BETAS, "eps": 1e-8, "l2": 0.1}, {}),
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


def run_tensor(rule):
    after, theta, state = {}, list(THETA), {}
    for t, g in enumerate(GRADIENTS, start=1):
        theta = rule(theta, g, t, state)
        if t in REPORTED:
            after[t] = theta
    return after


def golden():
    cases = [
        {"name": name, "settings": settings, "after": run(rule(**settings, **form))}
        for name, rule, settings, form in CASES
    ]
    cases += [
        {"name": name, "settings": settings, "after": run_tensor(rule(**settings))}
        for name, rule, settings in TENSOR_CASES
    ]
    return {"optimizers": {"theta": THETA, "gradients": GRADIENTS, "cases": cases}}
