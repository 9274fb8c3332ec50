"""Dense networks and losses as PyTorch tensors: shared by losses.py and networks.py.

Convention of every loss: value = sum_i w_i l_i / sum_i w_i over rows i, w_i = 1 without weights. The loss l_i
of a row is the mean over its outputs for mse, mae, huber and logistic (PyTorch's mean over all elements, when
rows weigh the same), and the sum over its outputs for half_mse and half_mse_sigmoid.

    mse               (h - y)^2
    half_mse          1/2 (y - h)^2, h = z                       sum over outputs
    half_mse_sigmoid  1/2 (y - h)^2, h = sigmoid(z)              sum over outputs
    mae               |h - y|                                    derivative 0 at h = y
    huber             F.huber_loss, delta 1
    logistic          F.binary_cross_entropy_with_logits
    cross_entropy     F.cross_entropy; targets are class indices, or probabilities; label smoothing 0 or 0.1
    poisson           F.poisson_nll_loss(log_input=True, full=False): e^z - y z       mean over outputs

`hvp` is the Hessian times `direction`, by automatic differentiation twice.
"""

import torch
import torch.nn.functional as F


def tensor(values, *shape):
    return torch.tensor(values, dtype=torch.float64).reshape(*shape)


LOSSES = {
    "mse": lambda z, y: F.mse_loss(z, y, reduction="none").mean(1),
    "half_mse": lambda z, y: 0.5 * ((y - z) ** 2).sum(1),
    "half_mse_sigmoid": lambda z, y: 0.5 * ((y - torch.sigmoid(z)) ** 2).sum(1),
    "mae": lambda z, y: F.l1_loss(z, y, reduction="none").mean(1),
    "huber": lambda z, y: F.huber_loss(z, y, reduction="none", delta=1.0).mean(1),
    "logistic": lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none").mean(1),
    "cross_entropy": lambda z, y: F.cross_entropy(z, y, reduction="none"),
    "cross_entropy_smoothed": lambda z, y: F.cross_entropy(z, y, reduction="none", label_smoothing=0.1),
    "poisson": lambda z, y: F.poisson_nll_loss(z, y, log_input=True, full=False, reduction="none").mean(1),
}


def weighted_mean(rows, weights):
    return rows.mean() if weights is None else (rows * weights).sum() / weights.sum()


def gradient_and_hvp(value, variables, direction):
    """Gradients of `value`, and the Hessian times `direction`; both lists like `variables`."""
    gradients = torch.autograd.grad(value, variables, create_graph=True)
    product = sum((g * d).sum() for g, d in zip(gradients, direction))
    if not product.requires_grad:
        return [g.detach() for g in gradients], [torch.zeros_like(v) for v in variables]
    hvp = torch.autograd.grad(product, variables, allow_unused=True)
    # Adding to zeros also gives storage to PyTorch's symbolic zero tensors.
    hvp = [torch.zeros_like(v) if h is None else torch.zeros_like(v) + h for h, v in zip(hvp, variables)]
    return [g.detach() for g in gradients], hvp


def forward(parameters, x, activation):
    """z_k = x W^T + b, x = activation(z) between layers; returns the last layer's z."""
    for weight, bias in parameters[:-1]:
        x = activation(x @ weight.T + bias)
    weight, bias = parameters[-1]
    return x @ weight.T + bias
