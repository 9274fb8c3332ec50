"""Weighted ridge and logistic regression by scikit-learn: where descent with sample weights has to end.

Ours is C = sum w l / sum w + l2/2 |W|^2, the bias free of the penalty.

    ridge       l = (y - h)^2 / 2; scikit-learn's alpha is l2 * sum w
    logistic    l = ln(1 + e^-sh), s = +-1; scikit-learn's C is 1 / (l2 * sum w)

Each case has `loss` (ours), `l2`, `targets` and `solution`: the coefficients, then the intercept. `weights` are those of
all cases. One row in four weighs 9, and its target follows another plane: without weights the solution is far away,
at `unweighted`.
"""

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression, Ridge

from problem import wave

ROWS, FEATURES = 64, 2
L2 = 0.1


def solution(loss, x, y, weights):
    total = weights.sum()
    if loss == "half_mse":
        model = Ridge(alpha=L2 * total, solver="cholesky")
    else:
        model = LogisticRegression(C=1.0 / (L2 * total), solver="newton-cholesky", tol=1e-14, max_iter=1000)
    model.fit(x, y, sample_weight=weights)
    return [*np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])]


def golden():
    x = np.array(wave(ROWS * FEATURES, 1.37, 0.4, 1.5)).reshape(ROWS, FEATURES)
    weights = np.where(np.arange(ROWS) % 4 == 0, 9.0, 1.0)
    is_heavy = weights > 1.0
    plane = np.where(is_heavy, x @ np.array([2.0, -1.0]) + 1.0, x @ np.array([-1.0, 0.5]) - 1.0)
    targets = {"half_mse": np.round(plane, 6), "logistic": (plane > 0).astype(int)}
    cases = [
        {
            "loss": loss, "l2": L2, "targets": y,
            "solution": solution(loss, x, y, weights),
            "unweighted": solution(loss, x, y, np.ones(ROWS)),
        }
        for loss, y in targets.items()
    ]  # fmt: skip
    return {
        "weighted": {
            "scikit_learn": sklearn.__version__, "rows": ROWS, "features": FEATURES,
            "x": x.flatten(), "weights": weights, "cases": cases,
        }
    }  # fmt: skip
