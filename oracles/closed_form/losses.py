"""Losses of logits written out by hand, value and gradient, in f64.

value = sum_i w_i l_i / sum_i w_i, w_i = 1 without weights; the same inputs and names as `pytorch/losses.json`
where PyTorch has the loss, whose conventions they follow (mean over outputs, but sum over outputs for
half_mse and half_mse_sigmoid). With one output z and label y in {0, 1}, s = 2y - 1:

    mse                mean_j (z_j - y_j)^2                    2 (z_j - y_j) / outputs
    half_mse           sum_j 1/2 (y_j - z_j)^2                 z_j - y_j
    half_mse_sigmoid   sum_j 1/2 (y_j - h_j)^2, h = sigma(z)   (h_j - y_j) h_j (1 - h_j)
    logistic           mean_j max(z,0) - z y + ln(1 + e^-|z|)  (sigma(z_j) - y_j) / outputs
    cross_entropy      ln sum_j e^{z_j} - z_c                  softmax(z)_j - [j = c]
    hinge              mean_j max(0, 1 - s_j z_j)              -s_j [s_j z_j < 1] / outputs
    squared_hinge      mean_j max(0, 1 - s_j z_j)^2            -2 s_j max(0, 1 - s_j z_j) / outputs
    perceptron         mean_j max(0, -s_j z_j)                 -s_j [s_j z_j < 0] / outputs
    mae                mean_j |z_j - y_j|                      sign(z_j - y_j) / outputs
    huber              mean_j of e^2/2, or |e| - 1/2 from |e| = 1 on, e = z_j - y_j; max(-1, min(1, e)) / outputs
    poisson            mean_j e^{z_j} - y_j z_j                (e^{z_j} - y_j) / outputs
    multiclass_hinge   max(0, 1 + max_{j != c} z_j - z_c)      +1 at the largest other j, -1 at c, where positive
    multiclass_focal   -(1 - p)^2 ln p, p = softmax(z)_c       (2 p (1-p) ln p - (1-p)^2) ([j = c] - softmax(z)_j)
    focal              mean_j -(1 - p)^2 ln p, p = sigma(s z)  s (2 p (1-p)^2 ln p - (1-p)^3) / outputs
"""

from math import exp, log, log1p

from problem import ROW_WEIGHTS, wave


def sigmoid(z):
    return 1.0 / (1.0 + exp(-z)) if z >= 0 else exp(z) / (1.0 + exp(z))


def mse(z, y):
    n = len(z)
    return sum((a - b) ** 2 for a, b in zip(z, y)) / n, [2.0 * (a - b) / n for a, b in zip(z, y)]


def half_mse(z, y):
    return sum(0.5 * (b - a) ** 2 for a, b in zip(z, y)), [a - b for a, b in zip(z, y)]


def each_output(value, slope):
    """A mean over outputs of a function of z and y."""

    def loss(z, y):
        n = len(z)
        return sum(map(value, z, y)) / n, [slope(a, b) / n for a, b in zip(z, y)]

    return loss


mae = each_output(lambda a, b: abs(a - b), lambda a, b: (a > b) - (a < b))
huber = each_output(
    lambda a, b: 0.5 * (a - b) ** 2 if abs(a - b) < 1.0 else abs(a - b) - 0.5,
    lambda a, b: max(-1.0, min(1.0, a - b)),
)
poisson = each_output(lambda a, b: exp(a) - b * a, lambda a, b: exp(a) - b)


def half_mse_sigmoid(z, y):
    h = [sigmoid(a) for a in z]
    return sum(0.5 * (b - a) ** 2 for a, b in zip(h, y)), [(a - b) * a * sigmoid(-c) for a, b, c in zip(h, y, z)]


def logistic(z, y):
    n = len(z)
    value = sum(max(a, 0.0) - a * b + log1p(exp(-abs(a))) for a, b in zip(z, y)) / n
    return value, [(sigmoid(a) - b) / n for a, b in zip(z, y)]


def cross_entropy(z, c):
    top = max(z)
    total = sum(exp(a - top) for a in z)
    return log(total) + top - z[c], [exp(a - top) / total - (j == c) for j, a in enumerate(z)]


def margin(value, slope):
    """A mean over outputs of a function of the margin s z, s = 2y - 1."""

    def loss(z, y):
        n = len(z)
        signs = [2.0 * b - 1.0 for b in y]
        return (
            sum(value(s * a) for s, a in zip(signs, z)) / n,
            [s * slope(s * a) / n for s, a in zip(signs, z)],
        )

    return loss


hinge = margin(lambda m: max(0.0, 1.0 - m), lambda m: -1.0 if m < 1.0 else 0.0)
squared_hinge = margin(lambda m: max(0.0, 1.0 - m) ** 2, lambda m: -2.0 * max(0.0, 1.0 - m))
perceptron = margin(lambda m: max(0.0, -m), lambda m: -1.0 if m < 0.0 else 0.0)
focal = margin(
    lambda m: -((1.0 - sigmoid(m)) ** 2) * log(sigmoid(m)),
    lambda m: 2.0 * sigmoid(m) * sigmoid(-m) ** 2 * log(sigmoid(m)) - sigmoid(-m) ** 3,
)


def multiclass_hinge(z, c):
    other = max((j for j in range(len(z)) if j != c), key=lambda j: z[j])
    value = 1.0 + z[other] - z[c]
    gradient = [0.0] * len(z)
    if value > 0.0:
        gradient[other], gradient[c] = 1.0, -1.0
    return max(0.0, value), gradient


def multiclass_focal(z, c):
    p = [1.0 / sum(exp(b - a) for b in z) for a in z]
    q = sum(a for j, a in enumerate(p) if j != c)
    slope = 2.0 * p[c] * q * log(p[c]) - q**2
    return -(q**2) * log(p[c]), [slope * ((j == c) - a) for j, a in enumerate(p)]


def case(name, loss, function, logits, rows, outputs, kind, target, weights):
    w = weights or [1.0] * rows
    value, gradient = 0.0, []
    for i in range(rows):
        y = target[i] if kind == "classes" else target[i * outputs : (i + 1) * outputs]
        l, g = function(logits[i * outputs : (i + 1) * outputs], y)
        value += w[i] * l / sum(w)
        gradient += [w[i] * a / sum(w) for a in g]
    return {
        "name": name, "loss": loss, "rows": rows, "outputs": outputs, "logits": logits, kind: target,
        "weights": weights, "value": value, "gradient": gradient,
    }  # fmt: skip


VALUES = {"mse": mse, "half_mse": half_mse, "mae": mae, "huber": huber}
COUNTS = {"poisson": poisson}
LABELS = {
    "half_mse_sigmoid": half_mse_sigmoid, "logistic": logistic, "hinge": hinge, "squared_hinge": squared_hinge,
    "perceptron": perceptron, "focal": focal,
}  # fmt: skip
CLASSES = {"cross_entropy": cross_entropy, "multiclass_hinge": multiclass_hinge, "multiclass_focal": multiclass_focal}


def golden():
    cases, rows = [], 5
    for loss, function in (VALUES | COUNTS | LABELS | CLASSES).items():
        for outputs in (3,) if loss in CLASSES else (1, 3):
            count = rows * outputs
            if loss in CLASSES:
                kind, target = "classes", [(3 * i + i // 2) % outputs for i in range(rows)]
            elif loss in LABELS:
                kind, target = "targets", [float((3 * k + k // 4) % 2) for k in range(count)]
            elif loss in COUNTS:
                kind, target = "targets", [float((5 * k) % 4) for k in range(count)]
            else:
                kind, target = "targets", wave(count, 0.9, 1.1, 2.0)
            logits = wave(count, 1.3, 0.2, 2.5)
            for weights in (None, ROW_WEIGHTS[:rows]):
                name = f"{loss}_{outputs}" + ("_weighted" if weights else "")
                cases.append(case(name, loss, function, logits, rows, outputs, kind, target, weights))
    return {"losses": {"cases": cases}}
