"""Softmax and the cross-entropy: for each sample one row of numbers, one for each class."""

import math

from minicnn.arrays import array_module
from minicnn.kernels.cuda.launching import contiguous, launch, launch_each
from minicnn.kernels.registry import register

FEW = 32  # classes, of which a thread takes all; of more, a block does


def _rows(shape, dim):
    """How many rows run along `dim`, how long they are, and how far their entries are apart."""
    dim %= len(shape)
    return [math.prod(shape[:dim] + shape[dim + 1 :]), shape[dim], math.prod(shape[dim + 1 :])]


def _along(kernel, dim, *arrays, logarithm):
    if not arrays[0].ndim:  # a single number is a row
        found = _along(kernel, 0, *(a.reshape(1) for a in arrays), logarithm=logarithm)
        return found.reshape(())
    arrays = [contiguous(a) for a in arrays]
    result = array_module(arrays[0]).empty(arrays[0].shape, arrays[0].dtype)
    if not result.size:
        return result
    rows, classes, inner = _rows(result.shape, dim)
    arguments = [*arrays, result, logarithm, rows, classes, inner]
    if classes <= FEW:
        launch_each("losses", f"{kernel}_few", result.dtype, rows, arguments)
    else:
        launch("losses", f"{kernel}_many", result.dtype, min(rows, 2**16), arguments)
    return result


@register("softmax", "cuda")
def softmax(z, dim):
    """y_i = e^(z_i) / Σ_j e^(z_j)."""
    return _along("softmax", dim, z, logarithm=False)


@register("softmax_gradient", "cuda")
def softmax_gradient(delta, y, dim):
    """∂L/∂z = y ⊙ (δ − Σ_j δ_j y_j)."""
    return _along("softmax_gradient", dim, delta, y, logarithm=False)


@register("log_softmax", "cuda")
def log_softmax(z, dim):
    """y_i = z_i − ln Σ_j e^(z_j)."""
    return _along("softmax", dim, z, logarithm=True)


@register("log_softmax_gradient", "cuda")
def log_softmax_gradient(delta, y, dim):
    """∂L/∂z = δ − softmax(z) Σ_j δ_j."""
    return _along("softmax_gradient", dim, delta, y, logarithm=True)


@register("pick_classes", "cuda")
def pick_classes(y, target):
    """y[n, target_n] of y (N, K, …) and the classes (N, …)."""
    y, target = contiguous(y), contiguous(target)
    picked = array_module(y).empty(target.shape, y.dtype)
    arguments = [y, target, picked, *_rows(y.shape, 1)]
    launch_each("losses", "pick_classes", y.dtype, picked.size, arguments)
    return picked


@register("cross_entropy_gradient", "cuda")
def cross_entropy_gradient(probabilities, target, share):
    """∂L/∂z = (softmax(z) − onehot(target)) · share."""
    probabilities, target, share = (contiguous(a) for a in (probabilities, target, share))
    dz = array_module(share).empty(probabilities.shape, probabilities.dtype)
    arguments = [probabilities, target, share, dz, *_rows(dz.shape, 1)]
    launch_each("losses", "cross_entropy_gradient", dz.dtype, dz.size, arguments)
    return dz
