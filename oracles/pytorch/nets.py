"""Dense networks and losses as PyTorch tensors: shared by losses.py and networks.py.

Convention of every loss: value = sum_i w_i l_i / sum_i w_i over rows i, w_i = 1 without weights. The loss l_i
of a row is the mean over its outputs for mse, mae, huber and logistic (PyTorch's mean over all elements, when
rows weigh the same), and the sum over its outputs for half_mse and half_mse_sigmoid.

    mse               (h - y)^2
    half_mse          1/2 (y - h)^2, h = z                       sum over outputs
    half_mse_sigmoid  1/2 (y - h)^2, h = sigmoid(z)              sum over outputs
    mae               |h - y|                                    derivative 0 at h = y
    huber             F.huber_loss, delta 1
    logistic          F.binary_cross_entropy_with_logits; label smoothing 0 or 0.1 (y becomes 0.9 y + 0.05)
    cross_entropy     F.cross_entropy; targets are class indices, or probabilities; label smoothing 0 or 0.1
    poisson           F.poisson_nll_loss(log_input=True, full=False): e^z - y z       mean over outputs

PyTorch has no loss of these forms; they are written with its operations and differentiated by it. For a label
y in {0, 1}, s = 2y - 1:

    hinge             max(0, 1 - s z)                            mean over outputs
    squared_hinge     max(0, 1 - s z)^2                          mean over outputs
    perceptron        max(0, -s z)                               mean over outputs
    focal             -(1 - p)^gamma ln p, p = sigmoid(s z)      mean over outputs; gamma 2, or 0.5
    multiclass_hinge  max(0, 1 + max of the other z - z_c)
    multiclass_focal  -(1 - p)^gamma ln p, p = softmax(z)_c      gamma 2, or 0.5

`hvp` is the Hessian times `direction`, by automatic differentiation twice.
"""

import torch
import torch.nn.functional as F


def tensor(values, *shape):
    return torch.tensor(values, dtype=torch.float64).reshape(*shape)


def focal(z, y, gamma):
    m = (2 * y - 1) * z
    return (torch.exp(gamma * F.logsigmoid(-m)) * -F.logsigmoid(m)).mean(1)


def multiclass_hinge(z, c):
    right = F.one_hot(c, z.shape[1]).bool()
    return F.relu(1 + z.masked_fill(right, -torch.inf).amax(1) - z[right])


def multiclass_focal(z, c, gamma):
    z = z - z.amax(1, keepdim=True).detach()  # so that nothing cancels where logits are large
    loss = F.cross_entropy(z, c, reduction="none")
    others = z.masked_fill(F.one_hot(c, z.shape[1]).bool(), -torch.inf).logsumexp(1) - z.logsumexp(1)
    return torch.exp(gamma * others) * loss


LOSSES = {
    "mse": lambda z, y: F.mse_loss(z, y, reduction="none").mean(1),
    "half_mse": lambda z, y: 0.5 * ((y - z) ** 2).sum(1),
    "half_mse_sigmoid": lambda z, y: 0.5 * ((y - torch.sigmoid(z)) ** 2).sum(1),
    "mae": lambda z, y: F.l1_loss(z, y, reduction="none").mean(1),
    "huber": lambda z, y: F.huber_loss(z, y, reduction="none", delta=1.0).mean(1),
    "logistic": lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none").mean(1),
    "logistic_smoothed": lambda z, y: F.binary_cross_entropy_with_logits(z, 0.9 * y + 0.05, reduction="none").mean(1),
    "cross_entropy": lambda z, y: F.cross_entropy(z, y, reduction="none"),
    "cross_entropy_smoothed": lambda z, y: F.cross_entropy(z, y, reduction="none", label_smoothing=0.1),
    "huber_delta_2": lambda z, y: F.huber_loss(z, y, reduction="none", delta=2.0).mean(1),
    "hinge": lambda z, y: F.relu(1 - (2 * y - 1) * z).mean(1),
    "squared_hinge": lambda z, y: (F.relu(1 - (2 * y - 1) * z) ** 2).mean(1),
    "perceptron": lambda z, y: F.relu(-(2 * y - 1) * z).mean(1),
    "focal": lambda z, y: focal(z, y, 2.0),
    "focal_gamma_half": lambda z, y: focal(z, y, 0.5),
    "multiclass_hinge": multiclass_hinge,
    "multiclass_focal": lambda z, c: multiclass_focal(z, c, 2.0),
    "multiclass_focal_gamma_half": lambda z, c: multiclass_focal(z, c, 0.5),
    "poisson": lambda z, y: F.poisson_nll_loss(z, y, log_input=True, full=False, reduction="none").mean(1),
}


CLASSES = ("cross_entropy", "cross_entropy_smoothed", "multiclass_hinge", "multiclass_focal", "multiclass_focal_gamma_half")
LABELS = ("logistic", "logistic_smoothed", "half_mse_sigmoid", "hinge", "squared_hinge", "perceptron", "focal", "focal_gamma_half")


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
