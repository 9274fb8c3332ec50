"""scikit-learn's MLPClassifier: one call of `fit` that pauses between its epochs.

`fit` calls `_update_no_improvement_count` once at the end of each epoch; here that answers and waits for the
next request, so that an epoch is exactly scikit-learn's own loop, with Adam's state kept, and validation and
set-up fall into the first (warm-up) epoch. No penalty, no early stopping. For two classes scikit-learn has one
logistic output, whose first weights are the difference of the two given ones: the same function.
"""

import time

import protocol

job = protocol.job()

import threadpoolctl
from sklearn.neural_network import MLPClassifier


class Paused(MLPClassifier):
    def _init_coef(self, fan_in, fan_out, dtype):
        weight, bias = job.initial[self._layers_made]
        self._layers_made += 1
        if weight.shape[0] == 2 and fan_out == 1:
            weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
        return weight.T.astype(dtype), bias.astype(dtype)

    def _update_no_improvement_count(self, *_):
        protocol.answer(time.perf_counter() - self._start, self.loss_)
        protocol.wait()
        self._start = time.perf_counter()


model = Paused(
    hidden_layer_sizes=job.layers[1:-1],
    activation="relu",
    solver=job.optimizer,
    alpha=0.0,
    batch_size=job.batch,
    learning_rate_init=job.learning_rate,
    max_iter=1_000_000,
    shuffle=True,
    random_state=0,
    tol=0.0,
    early_stopping=False,
)
model._layers_made = 0
x = protocol.floats(job.x)
protocol.say("ready")
protocol.wait()
with threadpoolctl.threadpool_limits(job.threads):
    model._start = time.perf_counter()
    model.fit(x, job.y)
