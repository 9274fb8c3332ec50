"""Metrics of scikit-learn on small fixed arrays, without and with sample weights.

binary: `labels` (0 or 1), `scores` (with ties), class 1 predicted where score >= 0.5.
    auc (ties count one half), average_precision, log_loss, brier, accuracy, balanced_accuracy, precision,
    recall, f1 (of class 1), mcc, confusion [[true 0 predicted 0, true 0 predicted 1], ...]
multiclass: `labels` of 3 classes, and `scores`, their probabilities, row-major, of which the largest is predicted.
    accuracy, balanced_accuracy, f1_macro, f1_micro, f1_weighted, mcc, confusion (rows: truth), log_loss, brier,
    auc_ovr and average_precision (each class against the rest, mean over classes), top_2
multilabel: 3 labels a row, row-major; `scores`, a label predicted where score >= 0.5.
    auc_macro, f1_macro, f1_micro, subset_accuracy, hamming_loss, average_precision; log_loss and brier: the means over
    labels
regression: `targets`, `predictions`. mse, rmse, mae, r2, and median_absolute_error (unweighted)
regression_two: 2 targets a row, row-major; the mean over targets (scikit-learn's uniform_average).
"""

import numpy as np
import sklearn
from sklearn import metrics as m

from problem import wave

WEIGHTS = [1.0, 0.5, 2.0, 0.0, 1.25, 3.0, 1.0, 1.0, 0.25, 4.0, 1.0, 0.75]
N = len(WEIGHTS)


def binary(w):
    y = [0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 0]
    score = [0.1, 0.4, 0.35, 0.8, 0.8, 0.5, 0.4, 0.9, 0.5, 0.2, 0.4, 0.05]
    p = [int(s >= 0.5) for s in score]
    return {
        "labels": y, "scores": score, "weights": w,
        "auc": m.roc_auc_score(y, score, sample_weight=w),
        "average_precision": m.average_precision_score(y, score, sample_weight=w),
        "log_loss": m.log_loss(y, score, sample_weight=w),
        "brier": m.brier_score_loss(y, score, sample_weight=w),
        "accuracy": m.accuracy_score(y, p, sample_weight=w),
        "balanced_accuracy": m.balanced_accuracy_score(y, p, sample_weight=w),
        "precision": m.precision_score(y, p, sample_weight=w),
        "recall": m.recall_score(y, p, sample_weight=w),
        "f1": m.f1_score(y, p, sample_weight=w),
        "mcc": m.matthews_corrcoef(y, p, sample_weight=w),
        "confusion": m.confusion_matrix(y, p, sample_weight=w).astype(float),
    }  # fmt: skip


def multiclass(w):
    y = [0, 1, 2, 2, 1, 0, 0, 1, 2, 0, 0, 1]
    p = [0, 2, 2, 2, 1, 0, 1, 1, 0, 0, 2, 1]
    score = np.eye(3)[p] * 0.8 + np.abs(np.array(wave(3 * N, 1.1, 0.7, 0.7))).reshape(N, 3) + 0.05
    score = score / score.sum(axis=1, keepdims=True)
    p = score.argmax(axis=1)
    f1 = lambda kind: m.f1_score(y, p, average=kind, sample_weight=w)
    return {
        "labels": y, "scores": score.flatten(), "outputs": 3, "weights": w,
        "accuracy": m.accuracy_score(y, p, sample_weight=w),
        "balanced_accuracy": m.balanced_accuracy_score(y, p, sample_weight=w),
        "f1_macro": f1("macro"), "f1_micro": f1("micro"), "f1_weighted": f1("weighted"),
        "mcc": m.matthews_corrcoef(y, p, sample_weight=w),
        "confusion": m.confusion_matrix(y, p, sample_weight=w).astype(float),
        "log_loss": m.log_loss(y, score, sample_weight=w),
        "brier": m.brier_score_loss(y, score, sample_weight=w, labels=[0, 1, 2]),
        "auc_ovr": m.roc_auc_score(y, score, multi_class="ovr", average="macro", sample_weight=w),
        "average_precision": m.average_precision_score(y, score, average="macro", sample_weight=w),
        "top_2": m.top_k_accuracy_score(y, score, k=2, sample_weight=w),
    }  # fmt: skip


def multilabel(w):
    y = np.array([(3 * k + k // 4) % 2 for k in range(3 * N)]).reshape(N, 3)
    p = np.array([(k + k // 5) % 2 for k in range(3 * N)]).reshape(N, 3)
    score = np.round(0.5 * p + np.abs(wave(3 * N, 1.3, 0.2, 0.45)).reshape(N, 3), 2)
    return {
        "labels": y.flatten(), "scores": score.flatten(), "outputs": 3, "weights": w,
        "auc_macro": m.roc_auc_score(y, score, average="macro", sample_weight=w),
        "f1_macro": m.f1_score(y, p, average="macro", sample_weight=w),
        "f1_micro": m.f1_score(y, p, average="micro", sample_weight=w),
        "subset_accuracy": m.accuracy_score(y, p, sample_weight=w),
        "hamming_loss": m.hamming_loss(y, p, sample_weight=w),
        "average_precision": m.average_precision_score(y, score, average="macro", sample_weight=w),
        "log_loss": np.mean([m.log_loss(y[:, j], score[:, j], sample_weight=w) for j in range(3)]),
        "brier": np.mean([m.brier_score_loss(y[:, j], score[:, j], sample_weight=w) for j in range(3)]),
    }  # fmt: skip


def regression(outputs, w):
    shape = (N,) if outputs == 1 else (N, outputs)
    y = np.array(wave(N * outputs, 0.9, 1.1, 3.0)).reshape(shape)
    p = np.round(y + np.array(wave(N * outputs, 1.7, 0.3, 0.8)).reshape(shape), 4)
    return {
        "targets": y.flatten(), "predictions": p.flatten(), "outputs": outputs, "weights": w,
        "mse": m.mean_squared_error(y, p, sample_weight=w),
        "rmse": m.root_mean_squared_error(y, p, sample_weight=w),
        "mae": m.mean_absolute_error(y, p, sample_weight=w),
        "r2": m.r2_score(y, p, sample_weight=w),
    } | ({"median_absolute_error": m.median_absolute_error(y, p)} if w is None else {})  # fmt: skip


def golden():
    cases = {}
    for suffix, w in (("", None), ("_weighted", WEIGHTS)):
        cases[f"binary{suffix}"] = binary(w)
        cases[f"multiclass{suffix}"] = multiclass(w)
        cases[f"multilabel{suffix}"] = multilabel(w)
        cases[f"regression{suffix}"] = regression(1, w)
        cases[f"regression_two{suffix}"] = regression(2, w)
    return {"metrics": {"scikit_learn": sklearn.__version__, "cases": cases}}
