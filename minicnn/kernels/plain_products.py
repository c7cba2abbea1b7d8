"""Products of matrices, linear layers, and maps times one number each, in NumPy."""

import numpy as np

from minicnn.arrays import array_module
from minicnn.kernels.registry import find, register
from minicnn.kernels.threads import compute_lock, use_blas_threads


@register("matmul", "plain")
def matmul(a, b):
    """The matrix product, by NumPy's BLAS or, on a GPU, by CuPy's."""
    if array_module(a) is not np:
        return a @ b
    with compute_lock:
        use_blas_threads(a.size * (b.shape[-1] if b.ndim > 1 else 1))
        return np.matmul(a, b)


@register("scale_maps", "plain")
def scale_maps(x, scale):
    """Every map of x (N, C, H, W) times its number in scale (N, C, 1, 1)."""
    return x * scale


@register("scale_maps_gradient", "plain")
def scale_maps_gradient(delta, x, scale):
    """∂L/∂x = δ ⊙ scale; ∂L/∂scale sums δ ⊙ x over the map."""
    return delta * scale, (delta * x).sum(axis=(2, 3), keepdims=True)


@register("linear", "plain")
def linear(x, w, bias):
    """Z = X Wᵀ + b, eq. 1.10 for each row of X (rows, in); W (out, in)."""
    z = find("matmul", x)(x, w.T)
    if bias is not None:
        z += bias
    return z


@register("linear_input_gradient", "plain")
def linear_input_gradient(delta, w):
    """∂L/∂X = δ W."""
    return find("matmul", delta)(delta, w)


@register("linear_weight_gradient", "plain")
def linear_weight_gradient(delta, x):
    """∂L/∂W = δᵀ X, the sum over the rows."""
    return find("matmul", delta)(delta.T, x)


@register("bias_gradient", "plain")
def bias_gradient(delta):
    """∂L/∂b = Σ δ over images and places (eq. 1.14): (N, F, OH, OW) → (F)."""
    return delta.sum(axis=(0, 2, 3))
