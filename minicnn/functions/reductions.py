"""Reductions: over one dimension, several, or all."""

import numpy as np

from minicnn.checks import DtypeError, IndexRangeError, ShapeError, dimension, dimensions
from minicnn.dtypes import as_dtype, int64, is_floating
from minicnn.functions.elementwise import div, where
from minicnn.functions.operands import operand, pair
from minicnn.functions.shaping import squeeze
from minicnn.ops import reduction
from minicnn.tensor import Tensor, apply


def sum(x, dim=None, keepdim=False, *, dtype=None):
    """The sum over `dim` (an int, several, or all); integers are summed as int64."""
    x = operand("sum", x)
    if dtype is not None or not is_floating(x.dtype):
        x = operand("sum", x, int64 if dtype is None else as_dtype(dtype, "sum"))
    return apply(reduction.Sum(_reduced("sum", dim, x), keepdim), x)


def mean(x, dim=None, keepdim=False, *, dtype=None):
    """The mean over `dim` (an int, several, or all)."""
    x = operand("mean", x, None if dtype is None else as_dtype(dtype, "mean"))
    if not is_floating(x.dtype):
        raise DtypeError(f"mean: expected a floating-point tensor, got {x.dtype}; use .float()")
    dims = _reduced("mean", dim, x)
    if not x.numel():
        # 0/0: NaN, as in PyTorch, without NumPy's warning.
        return div(sum(x, dims, keepdim), 0.0)
    return apply(reduction.Mean(dims, keepdim), x)


def amax(x, dim=(), keepdim=False):
    """The maximum over `dim`; equal maxima share the gradient."""
    return _extremum("amax", reduction.Amax, x, dim, keepdim)


def amin(x, dim=(), keepdim=False):
    """The minimum over `dim`; equal minima share the gradient."""
    return _extremum("amin", reduction.Amin, x, dim, keepdim)


def _extremum(name, operation, x, dim, keepdim):
    x = operand(name, x)
    dims = _reduced(name, None if dim == () else dim, x)
    if not x.numel():
        raise ShapeError(f"{name}: an empty tensor of shape {x.shape} has no {name[1:]}imum")
    return apply(operation(dims, keepdim), x)


def argmax(x, dim=None, keepdim=False):
    """The place of the first maximum along `dim`; without `dim`, in the flattened tensor."""
    return _arg("argmax", np.argmax, x, dim, keepdim)


def argmin(x, dim=None, keepdim=False):
    """The place of the first minimum along `dim`; without `dim`, in the flattened tensor."""
    return _arg("argmin", np.argmin, x, dim, keepdim)


def _arg(name, function, x, dim, keepdim):
    x = operand(name, x)
    dim = None if dim is None else dimension(name, dim, x.ndim)
    if not x.numel():
        raise IndexRangeError(f"{name}: an empty tensor of shape {x.shape} has no such place")
    if not x.ndim:
        dim = None
    return Tensor(np.asarray(function(x.array, axis=dim, keepdims=keepdim), int64))


def max(x, dim=None, keepdim=False):
    """The maximum; with `dim`, the pair (values, indices) along it. Or of two tensors."""
    return _max_or_min("max", x, dim, keepdim, argmax, amax, maximum)


def min(x, dim=None, keepdim=False):
    """The minimum; with `dim`, the pair (values, indices) along it. Or of two tensors."""
    return _max_or_min("min", x, dim, keepdim, argmin, amin, minimum)


def _max_or_min(name, x, dim, keepdim, place, overall, of_two):
    if isinstance(dim, Tensor):
        return of_two(x, dim)
    if dim is None:
        return overall(x)
    x = operand(name, x)
    if not x.ndim:
        return x.clone(), Tensor(np.zeros((), int64))
    dim = dimension(name, dim, x.ndim)
    indices = place(x, dim, keepdim=True)
    values = apply(reduction.TakeAlong(indices.array, dim), x)
    return (values, indices) if keepdim else (squeeze(values, dim), squeeze(indices, dim))


def maximum(x, y):
    """The greater of two tensors, element by element; where they are equal each gets half of δ."""
    return _of_two("maximum", x, y, lambda a, b: a > b)


def minimum(x, y):
    """The lesser of two tensors, element by element; where they are equal each gets half of δ."""
    return _of_two("minimum", x, y, lambda a, b: a < b)


def _of_two(name, x, y, first_wins):
    x, y = pair(name, x, y)
    a, b = x.array, y.array
    wins = where(Tensor(np.asarray(first_wins(a, b) | (a != a))), x, y)
    if not is_floating(x.dtype) or not (x.requires_grad or y.requires_grad):
        return wins
    return where(Tensor(np.asarray(a == b)), (x + y) / 2, wins)


def _reduced(name, dim, x):
    return dimensions(name, dim, x.ndim)
