"""Least squares on windows that grow, by scikit-learn's cross_validate with TimeSeriesSplit.

The folds are those of `thalweg cv --split ordered`: of n rows ⌊n/(k + 1)⌋ test in each of k folds, and all rows
before them train. Each case has `folds`, and for each fold `train`, `test`, `rmse` and `r2` on the test rows.
"""

import numpy as np
import sklearn
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import TimeSeriesSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def golden():
    x, y = load_diabetes(return_X_y=True, scaled=False)
    cases = []
    for folds in (3, 5):
        split = TimeSeriesSplit(folds)
        model = make_pipeline(StandardScaler(), LinearRegression())
        scores = cross_validate(model, x, y, cv=split, scoring=("neg_root_mean_squared_error", "r2"))
        parts = list(split.split(x))
        cases.append(
            {
                "folds": folds,
                "train": [len(train) for train, _ in parts],
                "test": [test.tolist()[::len(test) - 1] for _, test in parts],
                "rmse": -scores["test_neg_root_mean_squared_error"],
                "r2": np.asarray(scores["test_r2"]),
            }
        )
    return {"cross_validation": {"scikit_learn": sklearn.__version__, "cases": cases}}
