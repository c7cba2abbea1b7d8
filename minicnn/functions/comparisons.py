"""Comparisons: results are bool tensors, and no gradient passes through them."""

import numpy as np

from minicnn.checks import dimensions
from minicnn.dtypes import uint8
from minicnn.functions.operands import operand, pair, tensor_only
from minicnn.tensor import Tensor


def _comparison(name, function):
    def compare(x, y):
        x, y = pair(name, x, y)
        return Tensor(np.asarray(function(x.array, y.array)))

    compare.__name__ = name
    compare.__doc__ = f"Element by element ``{name}``, with broadcasting; a bool tensor."
    return compare


eq = _comparison("eq", np.equal)
ne = _comparison("ne", np.not_equal)
lt = _comparison("lt", np.less)
le = _comparison("le", np.less_equal)
gt = _comparison("gt", np.greater)
ge = _comparison("ge", np.greater_equal)


def isnan(x):
    """True where x is NaN."""
    x = operand("isnan", x)
    return Tensor(np.asarray(x.array != x.array))


def all(x, dim=None, keepdim=False):
    """Whether all elements (along `dim`) are true."""
    return _truth("all", np.all, x, dim, keepdim)


def any(x, dim=None, keepdim=False):
    """Whether any element (along `dim`) is true."""
    return _truth("any", np.any, x, dim, keepdim)


def _truth(name, function, x, dim, keepdim):
    x = operand(name, x)
    dims = dimensions(name, dim, x.ndim)
    result = np.asarray(function(x.array, axis=dims, keepdims=keepdim))
    # PyTorch's exception: uint8 stays what it is, from the time when it served for bool.
    return Tensor(result.astype(x.dtype) if x.dtype == uint8 else result)


def equal(x, y):
    """Whether two tensors have the same shape and the same values."""
    x, y = tensor_only("equal", x), tensor_only("equal", y)
    return x.shape == y.shape and bool((x.array == y.array).all())


def allclose(x, y, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether |x − y| ≤ atol + rtol · |y| everywhere."""
    x, y = pair("allclose", x, y)
    return bool(np.allclose(x.array, y.array, rtol, atol, equal_nan))
