"""The peers: each a function (task, x, y, is_validation) → a function from rows to predictions.

All run on one thread. Where a peer takes validation rows it gets those of the split; scikit-learn's MLP draws as many
itself, and the linear models choose their penalty by folds over all rows to learn from.
RealMLP is as published, with what its authors advise where the area under the curve counts (two classes): no label
smoothing, and the epoch chosen by cross-entropy.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler


def columns(numeric, categorical):
    """One pipeline for columns of numbers and one for those of categories."""
    return make_column_transformer(
        (numeric, make_column_selector(dtype_include=np.number)),
        (categorical, make_column_selector(dtype_exclude=np.number)),
    )


def inputs():
    """One-hot categories, standardized numbers, medians with an indicator for what is missing."""
    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return columns(numeric, OneHotEncoder(handle_unknown="ignore", min_frequency=2, sparse_output=False))


def fitted(task, model, x, y):
    model.fit(x, y)
    return model.predict if task == "regression" else model.predict_proba


def linear(task, x, y, is_validation, seed):
    if task == "regression":
        model = RidgeCV(np.logspace(-3, 4, 15))
    else:
        model = LogisticRegressionCV(Cs=7, cv=3, max_iter=300, scoring="neg_log_loss", l1_ratios=(0,), use_legacy_attributes=False)
    return fitted(task, make_pipeline(inputs(), model), x, y)


def mlp(task, x, y, is_validation, seed):
    settings = dict(
        early_stopping=True, validation_fraction=float(is_validation.mean()), max_iter=500, random_state=seed
    )
    if task == "regression":
        # MLPRegressor does not scale its target.
        model = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
    else:
        model = MLPClassifier(**settings)
    return fitted(task, make_pipeline(inputs(), model), x, y)


def boosting(task, x, y, is_validation, seed):
    """Codes of categories as such; early stopping on the validation rows, a small rate."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, max_categories=254
    )
    encode = columns("passthrough", codes)
    encode.set_output(transform="pandas")
    learn = encode.fit_transform(x)
    model = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    categorical = [name for name in learn.columns if name.startswith("ordinalencoder")]
    model = model(
        learning_rate=0.05, max_iter=2000, early_stopping=True, n_iter_no_change=20, random_state=seed,
        categorical_features=categorical or None,
    )
    model.fit(
        learn[~is_validation], y[~is_validation], X_val=learn[is_validation], y_val=y[is_validation]
    )
    predict = model.predict if task == "regression" else model.predict_proba
    return lambda rows: predict(encode.transform(rows))


def complete(x):
    """Tables for pytabkit: its networks take no missing numbers, so medians with an indicator; categories as text."""
    numeric = [name for name in x.columns if pd.api.types.is_numeric_dtype(x[name])]
    medians = x[numeric].median()
    missing = [name for name in numeric if x[name].isna().any()]

    def fill(rows):
        filled = rows.copy()
        for name in x.columns:
            if name not in numeric:
                filled[name] = rows[name].astype(object).fillna("missing")
        filled[numeric] = rows[numeric].fillna(medians)
        for name in missing:
            filled[f"{name} is missing"] = rows[name].isna().astype(float)
        return filled

    return fill, [name for name in x.columns if name not in numeric]


def pytabkit(kind, folds=None):
    """A network of pytabkit; with `folds` the mean of one a fold, each of which validates the network that has not seen it."""

    def peer(task, x, y, is_validation, seed):
        from pytabkit.models.sklearn import sklearn_interfaces

        warnings.filterwarnings("ignore")
        settings = dict(device="cpu", random_state=seed, n_threads=1, verbosity=0)
        if task == "binary" and kind.startswith("RealMLP"):
            settings |= dict(val_metric_name="cross_entropy", use_ls=False)
        suffix = "Regressor" if task == "regression" else "Classifier"
        validation = None if folds else np.flatnonzero(is_validation)
        model = getattr(sklearn_interfaces, f"{kind}_{suffix}")(**settings, n_cv=folds or 1)
        fill, categorical = complete(x)
        model.fit(fill(x), y, val_idxs=validation, cat_col_names=categorical)
        predict = model.predict if task == "regression" else model.predict_proba
        return lambda rows: predict(fill(rows))

    return peer


PEERS = {
    "linear": linear,
    "mlp": mlp,
    "boosting": boosting,
    "realmlp-td-s": pytabkit("RealMLP_TD_S"),
    "realmlp-td": pytabkit("RealMLP_TD"),
    "realmlp-td-4": pytabkit("RealMLP_TD", folds=4),
    "tabm": pytabkit("TabM_D"),
}
