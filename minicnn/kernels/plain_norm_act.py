"""Batch normalisation, a shortcut and an activation: the kernels of `BatchNormAct`, in NumPy."""

import numpy as np

from minicnn.kernels.plain_activation import (
    hardswish,
    hardswish_gradient,
    relu,
    relu6,
    relu6_gradient,
    relu_gradient,
    silu,
    silu_gradient,
)
from minicnn.kernels.registry import register

FUNCTIONS = {"relu": relu, "relu6": relu6, "silu": silu, "hardswish": hardswish}
GRADIENTS = {
    "relu": relu_gradient,
    "relu6": relu6_gradient,
    "silu": silu_gradient,
    "hardswish": hardswish_gradient,
}


def _column(numbers):
    return numbers.reshape(1, -1, 1)


@register("norm_act", "plain")
def norm_act(x, gamma, beta, eps, statistics, act, residual):
    """y = f((x − μ)/√(σ² + ε) γ + β + r), μ and σ²; x is (N, C, L), the others (C)."""
    if statistics is None:
        mean = x.mean(axis=(0, 2), dtype="float64").astype(x.dtype)
        squares = (x - _column(mean)) ** 2
        statistics = mean, squares.mean(axis=(0, 2), dtype="float64").astype(x.dtype)
    mean, var = statistics
    scale = gamma / np.sqrt(var + x.dtype.type(eps))
    z = (x - _column(mean)) * _column(scale) + _column(beta)
    if residual is not None:
        z += residual
    return (FUNCTIONS[act](z) if act else z), mean, var


@register("norm_act_gradient", "plain")
def norm_act_gradient(delta, x, y, gamma, beta, eps, given, mean, var, act, shortcut):
    """∂L/∂x, ∂L/∂γ, ∂L/∂β and, with a `shortcut`, what goes along it (see ``bn-backward``)."""
    inverse = 1 / np.sqrt(var + x.dtype.type(eps))
    centred, scale = x - _column(mean), gamma * inverse
    # With a shortcut z is not known, and ReLU's slope is read from y.
    saved = y if shortcut else centred * _column(scale) + _column(beta)
    dz = GRADIENTS[act](delta, saved) if act else delta.copy()
    dbeta = dz.sum(axis=(0, 2), dtype="float64")
    product = (dz * centred).sum(axis=(0, 2), dtype="float64")
    count = 1 if given else x.shape[0] * x.shape[2]
    share = 0 if given else 1 / count
    first = _column((dbeta * share).astype(x.dtype))
    second = _column((product * inverse**2 * share).astype(x.dtype))
    dx = _column(scale) * (dz - first - centred * second)
    dgamma = (product * inverse).astype(x.dtype)
    return dx, dgamma, dbeta.astype(x.dtype), dz if shortcut else None
