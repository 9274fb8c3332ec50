"""JAX with optax: the whole epoch is one compiled call that scans over the batches.

Reshuffling is part of that call, where JAX sorts random keys; or, with `host_order`, NumPy draws the order, which is
faster on a CPU, within the time that is measured. With convolutions every batch is a call of its own, and NumPy draws
the order: inside a scan, JAX 0.10.2 took four times as long for them on two cores.
"""

import functools
import math

import protocol

job = protocol.job()

import jax
import jax.numpy as jnp
import numpy as np
import optax

optimizer = getattr(optax, job.optimizer)(job.learning_rate)


def convolve(x, weight, bias):
    x = jax.lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
    x = jax.nn.relu(x + bias[:, None, None])
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def loss(parameters, x, y):
    count = len(job.convolutions)
    if count:
        edge = math.isqrt(x.shape[1])
        x = x.reshape(-1, 1, edge, edge)
        for weight, bias in parameters[:count]:
            x = convolve(x, weight, bias)
        x = x.reshape(len(x), -1)
    for weight, bias in parameters[count:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = parameters[-1]
    logits = x @ weight + bias
    if logits.shape[1] == 1:
        return optax.sigmoid_binary_cross_entropy(logits[:, 0], y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def step(carry, x, y):
    parameters, slots = carry
    value, gradient = jax.value_and_grad(loss)(parameters, x, y)
    updates, slots = optimizer.update(gradient, slots)
    return (optax.apply_updates(parameters, updates), slots), value


@functools.partial(jax.jit, donate_argnums=0)
def run_epoch(state, x, y, order):
    carry, key = state
    if order is None:
        key, shuffle = jax.random.split(key)
        order = jax.random.permutation(shuffle, x.shape[0])
    batches = order.reshape(-1, job.batch)
    carry, losses = jax.lax.scan(lambda carry, rows: step(carry, x[rows], y[rows]), carry, batches)
    return (carry, key), losses.mean()


@functools.partial(jax.jit, donate_argnums=0)
def run_step(carry, x, y, rows):
    return step(carry, x[rows], y[rows])


x, y = jnp.asarray(protocol.floats(job.x)), jnp.asarray(job.y)
del job.x, job.y
parameters = [
    (jnp.asarray(weight if weight.ndim == 4 else weight.T), jnp.asarray(bias)) for weight, bias in job.initial
]
state = ((parameters, optimizer.init(parameters)), jax.random.key(0))
random = np.random.default_rng(0)


def epoch():
    global state
    is_called_by_batch = len(job.convolutions) > 0
    order = random.permutation(job.rows).astype(np.int32) if job.host_order or is_called_by_batch else None
    if is_called_by_batch:
        carry, key = state
        losses = []
        for rows in order.reshape(-1, job.batch):
            carry, value = run_step(carry, x, y, rows)
            losses.append(value)
        state, mean = (carry, key), jnp.stack(losses).mean()
    else:
        state, mean = run_epoch(state, x, y, order)
    jax.block_until_ready(state)
    return mean


protocol.serve(epoch)
