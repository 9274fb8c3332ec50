"""scikit-learn's SGDClassifier with the logistic loss: an epoch is one `partial_fit`, reshuffled, without penalty.

It updates after every row, so it makes as many updates as there are rows, with a rate that suits single rows
(0.002). It starts from zero; the problem is convex. It does not tell its loss: that is computed after the epoch,
outside of its time, for the weights that the epoch left. The check for infinite values is left out of its time.
"""

import time

import numpy as np

import protocol

job = protocol.job()

import sklearn
from sklearn.linear_model import SGDClassifier

model = SGDClassifier(loss="log_loss", penalty=None, learning_rate="constant", eta0=0.002, shuffle=True, random_state=0)
sign = 1 - 2 * job.y

protocol.say("ready")
with sklearn.config_context(assume_finite=True):
    while True:
        protocol.wait()
        start = time.perf_counter()
        model.partial_fit(job.x, job.y, classes=[0, 1])
        seconds = time.perf_counter() - start
        scores = job.x @ model.coef_[0].astype(np.float32) + np.float32(model.intercept_[0])
        protocol.answer(seconds, np.logaddexp(0, sign * scores, dtype=np.float64).mean())
