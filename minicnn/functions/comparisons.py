"""Comparisons: results are bool tensors, and no gradient passes through them."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, broadcastable, dimensions, flag
from minicnn.device import computed
from minicnn.dtypes import uint8
from minicnn.functions.operands import NUMBERS, pair, tensor_only
from minicnn.tensor import Tensor


def _comparison(name, symbol, function):
    def compare(input, other):
        x, y = pair(name, tensor_only(name, input), other)
        return Tensor(computed(name, function, x.array, y.array))

    compare.__name__ = compare.__qualname__ = name
    compare.__doc__ = f"""input {symbol} other, element by element: a bool tensor.

    As ``torch.{name}``.

    Args:
        input: a tensor of any shape and dtype.
        other: a tensor or a number; the shapes broadcast.

    Raises:
        DtypeError: `input` is not a tensor, or `other` neither that nor a number.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.{name}(mc.tensor([1.0, 2.0, 3.0]), 2)
    {Tensor(function(np.arange(1, 4), 2))}
    """
    return compare


eq = _comparison("eq", "=", np.equal)
ne = _comparison("ne", "≠", np.not_equal)
lt = _comparison("lt", "<", np.less)
le = _comparison("le", "≤", np.less_equal)
gt = _comparison("gt", ">", np.greater)
ge = _comparison("ge", "≥", np.greater_equal)


def is_equal(input, other):
    """``==``: as `eq`, and False for what is not a number or tensor."""
    return eq(input, other) if isinstance(other, (Tensor, np.ndarray, *NUMBERS)) else NotImplemented


def is_not_equal(input, other):
    """``!=``: as `ne`, and True for what is not a number or tensor."""
    return ne(input, other) if isinstance(other, (Tensor, np.ndarray, *NUMBERS)) else NotImplemented


def contains(input, value):
    """``value in x``: whether any element equals the number, or tensor."""
    return bool(any(eq(input, value)))


def isnan(input):
    """True where x is NaN.

    As ``torch.isnan``.

    Args:
        input: a tensor x of any shape and dtype.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.isnan(mc.tensor([1.0, float("nan")]))
    tensor([False,  True])
    """
    x = tensor_only("isnan", input)
    return Tensor(computed("isnan", lambda x: x != x, x.array))


def all(input, dim=None, keepdim=False):
    """Whether all elements (along `dim`) are true.

    As ``torch.all``.

    Args:
        input: a tensor of any shape and dtype; what is not 0 counts as true.
        dim: one dimension, or several; None: all.
        keepdim: keep the dimensions, with size 1.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.all(mc.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    return _truth("all", np.all, input, dim, keepdim)


def any(input, dim=None, keepdim=False):
    """Whether any element (along `dim`) is true.

    As ``torch.any``.

    Args:
        input: a tensor of any shape and dtype; what is not 0 counts as true.
        dim: one dimension, or several; None: all.
        keepdim: keep the dimensions, with size 1.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.any(mc.tensor([[False, False], [True, False]]), dim=1)
    tensor([False,  True])
    """
    return _truth("any", np.any, input, dim, keepdim)


def _truth(name, function, x, dim, keepdim):
    x = tensor_only(name, x)
    dims = dimensions(name, dim, x.ndim)
    keepdim = flag(name, "keepdim", keepdim)
    # PyTorch's exception: uint8 stays what it is, from the time when it served for bool.
    dtype = x.dtype if x.dtype == uint8 else np.bool_

    def truth(array):
        return function(array, axis=dims, keepdims=keepdim).astype(dtype)

    return Tensor(computed(name, truth, x.array))


def equal(input, other):
    """Whether two tensors have the same shape and the same values.

    As ``torch.equal``.

    Args:
        input, other: tensors of any shapes.

    Raises:
        DtypeError: not two tensors.

    >>> import minicnn as mc
    >>> mc.equal(mc.tensor([1, 2]), mc.tensor([1, 2]))
    True
    """
    x, y = tensor_only("equal", input), tensor_only("equal", other)
    return x.shape == y.shape and bool(
        computed("equal", lambda x, y: (x == y).all(), x.array, y.array)
    )


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether |input − other| ≤ atol + rtol · |other| everywhere.

    Infinities are close to themselves; NaN only with `equal_nan`.

    As ``torch.allclose``.

    Args:
        input, other: tensors of one dtype, whose shapes broadcast.
        rtol, atol: the allowed differences, relative and absolute, numbers ≥ 0.

    Raises:
        DtypeError: not two tensors, or of different dtypes.
        ArgumentError: a negative tolerance.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.allclose(mc.tensor([1.0, 2.0]), mc.tensor([1.0, 2.00001]))
    True
    """
    x, y = tensor_only("allclose", input), tensor_only("allclose", other)
    if x.dtype != y.dtype:
        raise DtypeError(
            f"allclose: expected both of one dtype, got {x.dtype} and {y.dtype}; convert with .to()"
        )
    flag("allclose", "equal_nan", equal_nan)
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if not isinstance(tolerance, NUMBERS):
            raise DtypeError(f"allclose: {name} must be a number, got {tolerance!r}")
        if not float(tolerance) >= 0:
            raise ArgumentError(f"allclose: {name} must be at least 0, got {tolerance}")
    broadcastable("allclose", x.shape, y.shape)
    rtol, atol = float(rtol), float(atol)
    near = computed(
        "allclose", lambda x, y: np.allclose(x, y, rtol, atol, equal_nan), x.array, y.array
    )
    return bool(near)
