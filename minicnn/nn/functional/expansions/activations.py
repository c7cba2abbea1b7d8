"""Activation functions, written with exponentials, limits and products.

`gelu` itself stays as it is, since Φ is made of no simpler functions; its approximation is.
"""

import math

from minicnn.functions.elementwise import clamp, exp, log, sigmoid, tanh, where
from minicnn.nn.functional.activation import gelu as fused_gelu


def relu6(input, inplace=False):
    """min(max(x, 0), 6) (eq. ``relu6``)."""
    return clamp(input, 0, 6)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x or a·x (eq. ``leaky-relu``)."""
    return where(input > 0, input, input * negative_slope)


def elu(input, alpha=1.0, inplace=False):
    """x or a·(eˣ − 1) (eq. ``elu``)."""
    return where(input > 0, input, alpha * (exp(clamp(input, max=0)) - 1))


def gelu(input, approximate="none"):
    """(x/2)·(1 + tanh u), u = √(2/π)·(x + 0.044715·x³) (eq. ``gelu-tanh``)."""
    if approximate == "none":
        return fused_gelu(input)
    return input / 2 * (1 + tanh(math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)))


def silu(input, inplace=False):
    """x·σ(x) (eq. ``silu``)."""
    return input * sigmoid(input)


def hardsigmoid(input, inplace=False):
    """ReLU6(x + 3)/6 (eq. ``hardsigmoid``)."""
    return clamp(input + 3, 0, 6) / 6


def hardswish(input, inplace=False):
    """x·ReLU6(x + 3)/6 (eq. ``hardswish``)."""
    return input * clamp(input + 3, 0, 6) / 6


def softplus(input, beta=1.0, threshold=20.0):
    """ln(1 + e^(βx))/β (eq. ``softplus``)."""
    z = clamp(beta * input, max=threshold)
    return where(beta * input > threshold, input, log(1 + exp(z)) / beta)


EXPANSIONS = {
    "relu6": relu6,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "gelu": gelu,
    "silu": silu,
    "hardsigmoid": hardsigmoid,
    "hardswish": hardswish,
    "softplus": softplus,
}
