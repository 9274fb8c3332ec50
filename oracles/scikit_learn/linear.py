"""Logistic regression and linear support vector machines by liblinear, through scikit-learn.

liblinear minimizes 1/2 |w|^2 + C sum_i v_i l(s_i w·x_i), s = ±1, v the sample weights, without an intercept here.
Divided by C sum v that is a weighted mean loss with the penalty lambda/2 |w|^2, lambda = 1 / (C sum v): `l2`.

    logistic         l(m) = ln(1 + e^-m)
    squared_hinge    l(m) = max(0, 1 - m)^2
    hinge            l(m) = max(0, 1 - m)

Each case has `loss`, `l2`, `weights` (or null), `coefficients` (the minimum, to about 1e-8; for hinge to 1e-5) and
`objective`, the mean loss with its penalty at the coefficients, computed here.
"""

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from problem import wave

ROWS, FEATURES = 40, 3
LOSSES = {
    "logistic": lambda m: np.logaddexp(0.0, -m),
    "squared_hinge": lambda m: np.maximum(0.0, 1.0 - m) ** 2,
    "hinge": lambda m: np.maximum(0.0, 1.0 - m),
}


def model(loss, c):
    if loss == "logistic":
        return LogisticRegression(C=c, solver="liblinear", fit_intercept=False, tol=1e-12, max_iter=100_000)
    return LinearSVC(
        loss=loss, C=c, fit_intercept=False, dual=loss == "hinge", tol=1e-10, max_iter=10_000_000, random_state=0
    )


def golden():
    x = np.array(wave(ROWS * FEATURES, 1.37, 0.4, 2.0)).reshape(ROWS, FEATURES)
    # Labels of a plane, of which every seventh is wrong.
    labels = (x @ np.array([1.0, -0.5, 0.8]) > 0).astype(int)
    labels[::7] = 1 - labels[::7]
    weights = np.array([0.5 + (3 * i % 5) / 2 for i in range(ROWS)])
    cases = []
    for loss, value in LOSSES.items():
        for c in (0.1, 2.0):
            for v in (None, weights):
                fitted = model(loss, c).fit(x, labels, sample_weight=v)
                w = fitted.coef_[0]
                total = ROWS if v is None else v.sum()
                losses = value((2 * labels - 1) * (x @ w))
                l2 = 1.0 / (c * total)
                cases.append({
                    "loss": loss, "l2": l2, "weights": v, "coefficients": w,
                    "objective": np.average(losses, weights=v) + 0.5 * l2 * w @ w,
                })  # fmt: skip
    return {
        "linear": {
            "scikit_learn": sklearn.__version__, "rows": ROWS, "features": FEATURES,
            "x": x.flatten(), "labels": labels, "cases": cases,
        }
    }  # fmt: skip
