"""Linear quantile regression by scikit-learn (a linear program) and its pinball loss: where descent on the loss
`quantile` has to end.

Each case has `quantile`, the least mean pinball loss `least`, and `solution`: the coefficients, then the intercept.
`loss` is the mean pinball loss of the predictions `predictions`, which are no solution.
"""

import numpy as np
import sklearn
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss

from problem import wave

ROWS, FEATURES = 48, 2


def golden():
    x = np.array(wave(ROWS * FEATURES, 1.37, 0.4, 1.5)).reshape(ROWS, FEATURES)
    noise = np.array(wave(ROWS, 2.71, 1.1, 1.0))
    y = np.round(x @ np.array([2.0, -1.0]) + 1.0 + (1.0 + np.abs(x[:, 0])) * noise, 6)
    predictions = np.round(x @ np.array([1.5, -1.5]) + 0.5, 6)
    cases = []
    for quantile in [0.1, 0.5, 0.9]:
        model = QuantileRegressor(quantile=quantile, alpha=0.0, solver="highs").fit(x, y)
        cases.append({
            "quantile": quantile,
            "least": mean_pinball_loss(y, model.predict(x), alpha=quantile),
            "loss": mean_pinball_loss(y, predictions, alpha=quantile),
            "solution": [*np.ravel(model.coef_), float(model.intercept_)],
        })  # fmt: skip
    return {
        "quantile": {
            "scikit_learn": sklearn.__version__, "rows": ROWS, "features": FEATURES,
            "x": x.flatten(), "targets": y, "predictions": predictions, "cases": cases,
        }
    }  # fmt: skip
