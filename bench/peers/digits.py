"""Start to finished model in Python: imports scikit-learn, trains an MLPClassifier on its digits, prints the
accuracy on held-out rows as JSON.

    digits.py '{"hidden": [128, 64], "batch": 32, "learning_rate": 0.001, "epochs": 30}'

A tenth of the rows is held out, by class; features are standardized; Adam, no penalty, all epochs.
"""

import json
import sys
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

job = json.loads(sys.argv[1])
warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed
x, y = load_digits(return_X_y=True)
x, test_x, y, test_y = train_test_split(x, y, test_size=0.1, stratify=y, random_state=0)
model = make_pipeline(
    StandardScaler(),
    MLPClassifier(
        hidden_layer_sizes=job["hidden"],
        batch_size=job["batch"],
        learning_rate_init=job["learning_rate"],
        max_iter=job["epochs"],
        n_iter_no_change=job["epochs"],
        tol=0.0,
        alpha=0.0,
        random_state=0,
    ),
)
model.fit(x, y)
print(json.dumps({"accuracy": model.score(test_x, test_y)}))
