"""Errors from predictions, by NumPy alone: the one scorer for all contestants.

Regression: root mean squared error. Two classes: 1 − area under the ROC curve. More classes: share of wrong answers.
Beside it, for classes: log loss, and the expected calibration error over 15 bins of equal width of the probability of
the likeliest class (Guo et al. 2017), Σ share of bin · |accuracy − mean confidence|.
"""

import numpy as np


def area(positive, score):
    """Area under the ROC curve: mean rank of the positives, ties in the middle."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    n = positive.sum()
    return (rank[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n))


def calibration(hit, confidence, bins=15):
    which = np.clip((confidence * bins).astype(int), 0, bins - 1)
    gap = np.bincount(which, hit - confidence, minlength=bins)
    return np.abs(gap).sum() / len(hit)


def scores(task, truth, predicted):
    """`predicted`: a number a row, or for classes a probability a class c0, c1, … in that order."""
    if not np.isfinite(predicted).all():
        raise ValueError("a prediction is not finite")
    if task == "regression":
        return {"error": float(np.sqrt(np.mean((predicted - truth) ** 2)))}
    code = np.array([int(name[1:]) for name in truth])
    predicted = predicted / predicted.sum(axis=1, keepdims=True)
    hit = predicted.argmax(axis=1) == code
    error = 1 - area(code == 1, predicted[:, 1]) if task == "binary" else 1 - hit.mean()
    true = np.maximum(predicted[np.arange(len(code)), code], 1e-12)
    return {
        "error": float(error),
        "log_loss": float(-np.log(true).mean()),
        "calibration": float(calibration(hit, predicted.max(axis=1))),
    }
