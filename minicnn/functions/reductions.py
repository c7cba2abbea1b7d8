"""Reductions: over one dimension, several, or all."""

from collections import namedtuple

import numpy as np

from minicnn.checks import (
    DtypeError,
    IndexRangeError,
    ShapeError,
    broadcastable,
    dimension,
    dimensions,
    flag,
)
from minicnn.device import computed, made
from minicnn.dtypes import as_dtype, int64, is_floating
from minicnn.functions.elementwise import div, maximum, minimum
from minicnn.functions.operands import not_bool, operand, tensor_only
from minicnn.functions.shaping import squeeze
from minicnn.gpu import copied
from minicnn.modes import is_grad_enabled
from minicnn.ops import reduction
from minicnn.tensor import Tensor, apply

ValuesAndIndices = namedtuple("ValuesAndIndices", "values indices")
ValuesAndIndices.__doc__ = "A pair of tensors: the values found, and where they were."


def sum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum over `dim` (an int, several, or all); integers are summed as int64.

    As ``torch.sum``.

    Args:
        input: a tensor of any shape.
        keepdim: keep the dimensions, with size 1.
        dtype: the dtype to sum in; default: that of `input`, int64 for integers.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.sum(mc.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1, keepdim=True)
    tensor([[3.],
            [7.]])
    """
    dims = _reduced("sum", dim, tensor_only("sum", input))
    flag("sum", "keepdim", keepdim)
    return apply(reduction.Sum(dims, keepdim), _counted("sum", input, dtype))


def mean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean over `dim` (an int, several, or all).

    As ``torch.mean``.

    Args:
        input: a floating-point tensor of any shape; or of integers, with a floating-point `dtype`.
        keepdim: keep the dimensions, with size 1.
        dtype: the dtype to compute in; default: that of `input`.

    Raises:
        DtypeError: not a tensor, or integers without a `dtype`.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.mean(mc.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([2., 3.])
    """
    x = operand("mean", tensor_only("mean", input), _dtype("mean", dtype))
    if not is_floating(x.dtype):
        raise DtypeError(f"mean: expected a floating-point tensor, got {x.dtype}; use .float()")
    dims = _reduced("mean", dim, x)
    flag("mean", "keepdim", keepdim)
    if not x.numel():
        # 0/0: NaN, as in PyTorch, without NumPy's warning.
        return div(sum(x, dims or None, keepdim), 0.0)
    return apply(reduction.Mean(dims, keepdim), x)


def prod(input, dim=None, keepdim=False, *, dtype=None):
    """The product over one dimension, or over all; integers are multiplied as int64.

    As ``torch.prod``.

    Args:
        input: a tensor of any shape.
        dim: one dimension; None: all.
        keepdim: keep the dimension, with size 1.
        dtype: the dtype to multiply in; default: that of `input`, int64 for integers.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.prod(mc.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([3., 8.])
    """
    ndim = tensor_only("prod", input).ndim
    flag("prod", "keepdim", keepdim)
    dims = tuple(range(ndim)) if dim is None else (dimension("prod", dim, ndim),)
    return apply(reduction.Prod(dims if ndim else (), keepdim), _counted("prod", input, dtype))


def cumsum(input, dim, *, dtype=None):
    """The sum of all elements up to each one along `dim`; integers are summed as int64.

    As ``torch.cumsum``.

    Args:
        input: a tensor of any shape.
        dim: the dimension to go along.
        dtype: the dtype to sum in, and of the result; default: that of `input`, int64 for integers.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.cumsum(mc.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 3., 6.])
    """
    dim = dimension("cumsum", dim, tensor_only("cumsum", input).ndim)
    x = _counted("cumsum", input, dtype)
    if x.dtype == bool:
        raise DtypeError("cumsum: bools cannot be added up as bools; leave dtype out for int64")
    return apply(reduction.CumSum(dim), x) if x.ndim else x.clone()


def _counted(name, input, dtype):
    """What is to be added or multiplied up: integers and truth values as int64."""
    dtype = _dtype(name, dtype)
    if dtype is None and not is_floating(input.dtype):
        dtype = int64
    if dtype is not None and not is_floating(dtype) and is_grad_enabled() and input.requires_grad:
        raise DtypeError(f"{name}: integers have no gradient; take x.detach() for dtype={dtype}")
    return operand(name, input, dtype)


def _dtype(name, dtype):
    return None if dtype is None else as_dtype(dtype, name)


def amax(input, dim=(), keepdim=False):
    """The maximum over `dim`; equal maxima share the gradient.

    As ``torch.amax``.

    Args:
        input: a tensor of any shape.
        dim: one dimension, or several; (): all.
        keepdim: keep the dimensions, with size 1.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension, or no element to choose from.

    >>> import minicnn as mc
    >>> mc.amax(mc.tensor([[1.0, 5.0], [4.0, 2.0]]), dim=1)
    tensor([5., 4.])
    """
    return _extremum("amax", reduction.Amax, input, dim, keepdim)


def amin(input, dim=(), keepdim=False):
    """The minimum over `dim`; equal minima share the gradient.

    As ``torch.amin``.

    Args:
        input: a tensor of any shape.
        dim: one dimension, or several; (): all.
        keepdim: keep the dimensions, with size 1.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension, or no element to choose from.

    >>> import minicnn as mc
    >>> mc.amin(mc.tensor([[1.0, 5.0], [4.0, 2.0]]), dim=1)
    tensor([1., 2.])
    """
    return _extremum("amin", reduction.Amin, input, dim, keepdim)


def _extremum(name, operation, input, dim, keepdim):
    x = tensor_only(name, input)
    dims = _reduced(name, dim, x)
    flag(name, "keepdim", keepdim)
    _not_empty(name, x, dims)
    return apply(operation(dims, keepdim), x)


def _not_empty(name, x, dims):
    if any(x.shape[d] == 0 for d in dims):
        raise IndexRangeError(
            f"{name}: an empty tensor of shape {x.shape} has no {name[-3:]}imum; reduce over "
            "dimensions of size > 0"
        )


def argmax(input, dim=None, keepdim=False):
    """The place of the first maximum along `dim`; without `dim`, in the flattened tensor.

    As ``torch.argmax``.

    Args:
        input: a tensor of any shape; not of truth values.
        dim: a dimension, or None.
        keepdim: keep the dimension, with size 1.

    Raises:
        DtypeError: not a tensor, or one of truth values.
        IndexRangeError: there is no such dimension, or no element to choose from.

    >>> import minicnn as mc
    >>> mc.argmax(mc.tensor([[1.0, 5.0], [4.0, 2.0]]), dim=1)
    tensor([1, 0])
    """
    return _arg("argmax", np.argmax, input, dim, keepdim)


def argmin(input, dim=None, keepdim=False):
    """The place of the first minimum along `dim`; without `dim`, in the flattened tensor.

    As ``torch.argmin``.

    Args:
        input: a tensor of any shape; not of truth values.
        dim: a dimension, or None.
        keepdim: keep the dimension, with size 1.

    Raises:
        DtypeError: not a tensor, or one of truth values.
        IndexRangeError: there is no such dimension, or no element to choose from.

    >>> import minicnn as mc
    >>> mc.argmin(mc.tensor([[1.0, 5.0], [4.0, 2.0]]))
    tensor(0)
    """
    return _arg("argmin", np.argmin, input, dim, keepdim)


def _arg(name, function, input, dim, keepdim):
    x = tensor_only(name, input)
    not_bool(name, x)
    flag(name, "keepdim", keepdim)
    return _places(name, function, x, dim, keepdim)


def _places(name, function, x, dim, keepdim):
    dims = tuple(range(x.ndim)) if dim is None else (dimension(name, dim, x.ndim),)
    _not_empty(name, x, dims if x.ndim else ())
    axis = dims[0] if dim is not None and x.ndim else None

    def places(array):
        return function(array, axis=axis, keepdims=keepdim).astype(int64, copy=False)

    return Tensor(computed(name, places, x.array))


def max(input, dim=None, keepdim=False, *, other=None):
    """The maximum; with `dim`, the pair (values, indices) along it; or `maximum` of two tensors.

    As ``torch.max``.

    Args:
        input: a tensor of any shape; without `dim`, the extremum of all elements is given.
        dim: a dimension; or the second tensor of two.
        keepdim: keep the dimension, with size 1.
        other: the second of two tensors, by name.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension, or nothing to choose from along it.
        ShapeError: without `dim`, an empty tensor.

    >>> import minicnn as mc
    >>> mc.max(mc.tensor([[1.0, 5.0], [4.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    return _max_or_min("max", (np.argmax, reduction.Max, maximum), input, dim, keepdim, other)


def min(input, dim=None, keepdim=False, *, other=None):
    """The minimum; with `dim`, the pair (values, indices) along it; or `minimum` of two tensors.

    As ``torch.min``.

    Args:
        input: a tensor of any shape; without `dim`, the extremum of all elements is given.
        dim: a dimension; or the second tensor of two.
        keepdim: keep the dimension, with size 1.
        other: the second of two tensors, by name.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension, or nothing to choose from along it.
        ShapeError: without `dim`, an empty tensor.

    >>> import minicnn as mc
    >>> mc.min(mc.tensor([[1.0, 5.0], [4.0, 2.0]]), dim=1).values
    tensor([1., 2.])
    """
    return _max_or_min("min", (np.argmin, reduction.Min, minimum), input, dim, keepdim, other)


def _max_or_min(name, functions, input, dim, keepdim, other):
    place, overall, of_two = functions
    flag(name, "keepdim", keepdim)
    if other is not None or isinstance(dim, Tensor):
        other = dim if other is None else other
        if keepdim:
            raise DtypeError(f"{name}: keepdim goes with a dimension, not with a second tensor")
        broadcastable(name, tensor_only(name, input).shape, tensor_only(name, other).shape)
        return of_two(input, other)
    x = tensor_only(name, input)
    if dim is None:
        if not x.numel():
            raise ShapeError(f"{name}: an empty tensor of shape {x.shape} has no {name}imum")
        return apply(overall(_reduced(name, None, x), keepdim), x)
    dim = dimension(name, dim, x.ndim)
    if not x.ndim:
        return ValuesAndIndices(x.clone(), Tensor(no_place(x)))
    indices = _places(name, place, x, dim, keepdim=True)
    values = apply(reduction.TakeAlong(copied(indices.array), dim), x)
    if not keepdim:
        values, indices = squeeze(values, dim), squeeze(indices, dim)
    return ValuesAndIndices(values, indices)


def no_place(x):
    """The place of the only element of a 0-d tensor."""
    return made("place", lambda xp: xp.zeros((), int64), x.device)


def _reduced(name, dim, x):
    # An empty tuple of dimensions means all of them, as in PyTorch.
    return dimensions(name, None if isinstance(dim, (tuple, list)) and not dim else dim, x.ndim)
