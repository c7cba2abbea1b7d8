"""Activation functions and their slopes, element by element, in NumPy.

``f_gradient(delta, …)`` is f'(x) ⊙ δ. Where f' is 0 it is 0, whatever δ is: no product with 0,
since an infinite δ must vanish, too.
"""

import numpy as np

from minicnn.kernels.registry import register


@register("logistic", "plain")
def logistic(x):
    """σ(x) = 1 / (1 + e^(−x)), for any x."""
    # e^(−|x|) cannot overflow, and e/(1 + e) keeps the small values that 1 − 1/(1 + e) loses.
    e = np.exp(-abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


@register("logistic_gradient", "plain")
def logistic_gradient(delta, y):
    return delta * (y * (1 - y))


@register("relu", "plain")
def relu(x, into=None):
    return np.maximum(x, 0, out=into)


@register("relu_gradient", "plain")
def relu_gradient(delta, y):
    # y ≤ 0 exactly where x ≤ 0, so the output is all that has to be kept.
    return np.where(y <= 0, 0, delta)


@register("relu6", "plain")
def relu6(x):
    return np.clip(x, 0, 6)


@register("relu6_gradient", "plain")
def relu6_gradient(delta, x):
    return np.where((x <= 0) | (x >= 6), 0, delta)


@register("silu", "plain")
def silu(x):
    return x * logistic(x)


@register("silu_gradient", "plain")
def silu_gradient(delta, x):
    s = logistic(x)
    return delta * (s * (1 + x * (1 - s)))


@register("hardsigmoid", "plain")
def hardsigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


@register("hardsigmoid_gradient", "plain")
def hardsigmoid_gradient(delta, x):
    return np.where((x > -3) & (x < 3), delta / 6, 0)


@register("hardswish", "plain")
def hardswish(x):
    return x * (np.clip(x + 3, 0, 6) / 6)


@register("hardswish_gradient", "plain")
def hardswish_gradient(delta, x):
    between = np.where(x < 3, delta * (x / 3 + 0.5), delta)
    return np.where(x <= -3, 0, between)
