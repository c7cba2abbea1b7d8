"""Activation functions and their slopes, element by element."""

from minicnn.arrays import array_module
from minicnn.kernels.cuda.epilogue import ACTIVATIONS
from minicnn.kernels.cuda.launching import contiguous, launch_each
from minicnn.kernels.registry import register


def _each(kernel, *arrays, into=None, options=()):
    """A kernel that reads entry i of each array and writes entry i of the result."""
    xp = array_module(arrays[0])
    arrays = [contiguous(a) for a in arrays]
    result = xp.empty(arrays[0].shape, arrays[0].dtype)
    if into is not None and into.flags.c_contiguous:
        result = into
    arguments = [*arrays, result, *options, result.size]
    launch_each("elementwise", kernel, result.dtype, result.size, arguments)
    if into is None or result is into:
        return result
    into[...] = result
    return into


@register("logistic", "cuda")
def logistic(x):
    """σ(x) = 1 / (1 + e^(−x)), for any x."""
    return _each("logistic", x)


@register("logistic_gradient", "cuda")
def logistic_gradient(delta, y):
    return _each("logistic_gradient", delta, y)


@register("hardsigmoid", "cuda")
def hardsigmoid(x):
    return _each("hardsigmoid", x)


@register("hardsigmoid_gradient", "cuda")
def hardsigmoid_gradient(delta, x):
    return _each("hardsigmoid_gradient", delta, x)


@register("normal_cdf", "cuda")
def normal_cdf(x):
    """Φ(x) = erfc(−x/√2) / 2 (equation ``gelu``)."""
    return _each("normal_cdf", x)


@register("relu", "cuda")
def relu(x, into=None):
    return _each("activate", x, into=into, options=(ACTIVATIONS["relu"],))


@register("relu_gradient", "cuda")
def relu_gradient(delta, y):
    # y ≤ 0 exactly where x ≤ 0, so the output is all that has to be kept.
    return _each("activate_gradient", delta, y, options=(ACTIVATIONS["relu"],))


@register("relu6", "cuda")
def relu6(x):
    return _each("activate", x, options=(ACTIVATIONS["relu6"],))


@register("relu6_gradient", "cuda")
def relu6_gradient(delta, x):
    return _each("activate_gradient", delta, x, options=(ACTIVATIONS["relu6"],))


@register("silu", "cuda")
def silu(x):
    return _each("activate", x, options=(ACTIVATIONS["silu"],))


@register("silu_gradient", "cuda")
def silu_gradient(delta, x):
    return _each("activate_gradient", delta, x, options=(ACTIVATIONS["silu"],))


@register("hardswish", "cuda")
def hardswish(x):
    return _each("activate", x, options=(ACTIVATIONS["hardswish"],))


@register("hardswish_gradient", "cuda")
def hardswish_gradient(delta, x):
    return _each("activate_gradient", delta, x, options=(ACTIVATIONS["hardswish"],))
