"""The worked examples with known answers, in exact rational arithmetic or 60-digit decimals, rounded once.

house_price: h = sigma(b + w1 x1 + w2 x2), loss 1/2 (y - h)^2, theta = (b, w1, w2) = (4, 5, 6), one row
(x1, x2, y) = (1, 2, 3): gradient = (h - y) h (1 - h) (1, x1, x2), and theta - alpha·gradient with alpha = 1e6.

linear_regression: X = [[1,2,3],[4,5,6]], y = (6, 15), no bias, theta0 = 0, learning rate 0.1; one step with the
gradient of the mean squared error and with that of half of it; largest eigenvalue of the Hessian 2/m·X^T X.

one_weight: rows (2,4), (4,9), (-1,-2), (5,15), sum of (y - w x)^2, batches {0,1} and {2,3}.

averages: v_t = beta v_{t-1} + (1 - beta) x_t, v_0 = 0, with and without bias correction v_t / (1 - beta^t).
"""

from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np

getcontext().prec = 60


def house_price():
    theta, (x1, x2, y) = (4, 5, 6), (1, 2, 3)
    z = Decimal(theta[0] + theta[1] * x1 + theta[2] * x2)
    h = 1 / (1 + (-z).exp())
    delta = (h - y) * h * (1 - h)
    gradient = [delta, delta * x1, delta * x2]
    return {
        "theta": [float(v) for v in theta],
        "row": [1.0, 2.0, 3.0],
        "z": float(z),
        "output": float(h),
        "loss": float((y - h) ** 2 / 2),
        "gradient": [float(g) for g in gradient],
        "learning_rate": 1e6,
        "theta_1": [float(v - 10**6 * g) for v, g in zip(theta, gradient)],
    }


def linear_regression():
    x, y = [[1, 2, 3], [4, 5, 6]], [6, 15]
    rate, m = Fraction(1, 10), 2

    def mse(theta):
        return sum((sum(a * b for a, b in zip(row, theta)) - t) ** 2 for row, t in zip(x, y)) / Fraction(m)

    def gradient(theta):
        errors = [sum(a * b for a, b in zip(row, theta)) - t for row, t in zip(x, y)]
        return [sum(Fraction(2 * e, m) * row[j] for e, row in zip(errors, x)) for j in range(3)]

    full = gradient([0, 0, 0])
    steps = {}
    for name, factor in (("half_mse", Fraction(1, 2)), ("mse", Fraction(1))):
        theta = [-rate * factor * g for g in full]
        steps[name] = {
            "gradient": [float(factor * g) for g in full],
            "theta_1": [float(v) for v in theta],
            "mse_1": float(mse(theta)),
        }
    eigenvalue = float(np.linalg.eigvalsh(2 / m * np.array(x).T @ np.array(x))[-1])
    return {
        "x": [[float(v) for v in row] for row in x],
        "y": [float(v) for v in y],
        "learning_rate": 0.1,
        "mse_0": float(mse([0, 0, 0])),
        "steps": steps,
        "largest_eigenvalue": eigenvalue,
        "stable_below": 2 / eigenvalue,
    }


def one_weight():
    rows = [(2, 4), (4, 9), (-1, -2), (5, 15)]
    minimum = lambda part: Fraction(sum(a * b for a, b in part), sum(a * a for a, _ in part))
    gradient = lambda part: -2 * sum(a * b for a, b in part)
    return {
        "rows": [[float(a), float(b)] for a, b in rows],
        "minimum": float(minimum(rows)),
        "batch_minima": [float(minimum(rows[:2])), float(minimum(rows[2:]))],
        "gradient_at_0": float(gradient(rows)),
        "batch_gradients_at_0": [float(gradient(rows[:2])), float(gradient(rows[2:]))],
    }


def averages():
    beta = Fraction(9, 10)
    xs = [Fraction((7 * t) % 11 - 5, 4) for t in range(1, 21)]
    v, plain, corrected = Fraction(0), [], []
    for t, x in enumerate(xs, start=1):
        v = beta * v + (1 - beta) * x
        plain.append(float(v))
        corrected.append(float(v / (1 - beta**t)))
    return {"beta": 0.9, "x": [float(x) for x in xs], "average": plain, "corrected": corrected}


def golden():
    return {
        "worked_examples": {
            "house_price": house_price(),
            "linear_regression": linear_regression(),
            "one_weight": one_weight(),
            "averages": averages(),
        }
    }
