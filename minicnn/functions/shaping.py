"""The same values under another shape, or joined together."""

import math

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, dimension, dimensions, integer
from minicnn.dtypes import int64, result_type
from minicnn.functions.operands import operand, tensor_only
from minicnn.ops import shape as shape_ops
from minicnn.tensor import apply


def _sizes(name, sizes, keyword=None):
    """Sizes given as separate arguments, as one sequence, or by keyword."""
    if keyword is not None:
        sizes = (*sizes, keyword)
    if not sizes:
        raise DtypeError(f"{name}: the sizes are missing; for a 0-d result pass ()")
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    return tuple(integer(name, "each size", s) for s in sizes)


def _filled_in(name, x, shape):
    """`shape` with its −1 replaced by what makes the number of elements fit."""
    known = int(np.prod([s for s in shape if s != -1], dtype=int64))
    free = shape.count(-1)
    if min(shape, default=0) < -1 or free > 1:
        raise ArgumentError(f"{name}: sizes must be ≥ 0 with at most one −1, got {shape}")
    fits = known == x.numel() if not free else known and x.numel() % known == 0
    if not fits:
        raise ShapeError(
            f"{name}: a tensor of shape {x.shape} has {x.numel()} elements, which do not fit into "
            f"{shape}"
            + (f"; to keep the batch, try {name}({x.shape[0]}, -1)" if x.ndim > 1 else "")
        )
    return tuple(x.numel() // known if s == -1 else s for s in shape)


def reshape(input, *sizes, shape=None):
    """The same values under another shape; one size may be −1. A view where memory allows.

    As ``torch.reshape``.

    Args:
        input: a tensor of any shape.
        sizes: the new shape: integers, or one tuple of them.
        shape: the same, by name.

    Raises:
        DtypeError: not a tensor, or sizes that are no integers.
        ShapeError: the new shape holds another number of elements.

    >>> import minicnn as mc
    >>> mc.reshape(mc.arange(6), 2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    tensor_only("reshape", input)
    shape = _filled_in("reshape", input, _sizes("reshape", sizes, shape))
    try:
        return apply(shape_ops.View(shape), input)
    except ValueError:  # what NumPy says when the memory cannot be looked at that way
        return apply(shape_ops.Reshape(shape), input)


def view(input, *sizes, size=None):
    """As `reshape`, on the same memory; refused where that cannot be.

    As ``torch.Tensor.view``.

    Args:
        input: a tensor of any shape.
        sizes: the new shape: integers, or one tuple of them.
        size: the same, by name.

    Raises:
        DtypeError: not a tensor, or sizes that are no integers.
        ShapeError: the new shape holds another number of elements.

    >>> import minicnn as mc
    >>> mc.arange(6).view(3, 2).shape
    (3, 2)
    """
    tensor_only("view", input)
    if len(sizes) == 1 and isinstance(sizes[0], (np.dtype, type)):
        raise ArgumentError("view: viewing memory as another dtype is not supported; use .to()")
    shape = _filled_in("view", input, _sizes("view", sizes, size))
    try:
        return apply(shape_ops.View(shape), input)
    except ValueError:
        raise ShapeError(
            f"view: the memory of this tensor of shape {input.shape} does not lie so that it can "
            f"be seen as {shape}; use .reshape(), which copies, or .contiguous() first"
        ) from None


def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions `start_dim` … `end_dim` as one, in row-major order.

    As ``torch.flatten``.

    Args:
        input: a tensor of any shape.
        start_dim, end_dim: the first and the last dimension to join.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.
        ArgumentError: `start_dim` comes after `end_dim`.

    >>> import minicnn as mc
    >>> mc.flatten(mc.zeros(8, 16, 5, 5), start_dim=1).shape
    (8, 400)
    """
    tensor_only("flatten", input)
    start, end = (dimension("flatten", d, input.ndim) for d in (start_dim, end_dim))
    if not input.ndim:
        return reshape(input, 1)
    if start > end:
        raise ArgumentError(f"flatten: start_dim {start_dim} lies after end_dim {end_dim}")
    merged = int(np.prod(input.shape[start : end + 1], dtype=int64))
    return reshape(input, *input.shape[:start], merged, *input.shape[end + 1 :])


def permute(input, *order, dims=None):
    """Dimension i of the result is dimension dims[i] of input.

    As ``torch.permute``.

    Args:
        input: a tensor of any shape.
        order: the dimensions in their new order, as several arguments or one tuple.
        dims: the same, by name.

    Raises:
        DtypeError: not a tensor.
        ArgumentError: not every dimension once.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.zeros(2, 28, 30, 3).permute(0, 3, 1, 2).shape        # (N, H, W, C) → (N, C, H, W)
    (2, 3, 28, 30)
    """
    tensor_only("permute", input)
    dims = _sizes("permute", order, dims)
    found = tuple(dimension("permute", d, input.ndim) for d in dims)
    if sorted(found) != list(range(input.ndim)):
        raise ArgumentError(
            f"permute: dims {dims} must name each of the {input.ndim} dimensions of shape "
            f"{input.shape} exactly once"
        )
    return apply(shape_ops.Permute(found), input)


def transpose(input, dim0, dim1):
    """Two dimensions swapped.

    As ``torch.transpose``.

    Args:
        input: a tensor of any shape.
        dim0, dim1: the two.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.transpose(mc.zeros(2, 3, 4), 0, 2).shape
    (4, 3, 2)
    """
    tensor_only("transpose", input)
    a, b = (dimension("transpose", d, input.ndim) for d in (dim0, dim1))
    dims = list(range(input.ndim))
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    return apply(shape_ops.Permute(tuple(dims)), input)


def t(input):
    """The transpose of a matrix; a vector stays as it is."""
    if tensor_only("t", input).ndim > 2:
        raise ShapeError(
            f"t: expected at most 2 dimensions, got shape {input.shape}; use transpose"
        )
    return transpose(input, 0, 1) if input.ndim == 2 else input


def squeeze(input, dim=None):
    """Without the dimensions of size 1: all of them, or those of `dim` that have size 1.

    As ``torch.squeeze``.

    Args:
        input: a tensor of any shape.
        dim: one dimension, several, or None.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.squeeze(mc.zeros(1, 3, 1)).shape, mc.squeeze(mc.zeros(1, 3, 1), 0).shape
    ((3,), (3, 1))
    """
    tensor_only("squeeze", input)
    dims = set(dimensions("squeeze", dim, input.ndim))
    kept = [s for i, s in enumerate(input.shape) if s != 1 or i not in dims]
    return reshape(input, kept)


def unsqueeze(input, dim):
    """With a dimension of size 1 put in at `dim`.

    As ``torch.unsqueeze``.

    Args:
        input: a tensor of any shape.
        dim: an integer.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such place.

    >>> import minicnn as mc
    >>> mc.unsqueeze(mc.zeros(2, 3), 0).shape
    (1, 2, 3)
    """
    tensor_only("unsqueeze", input)
    dim = dimension("unsqueeze", dim, input.ndim + 1)
    return reshape(input, *input.shape[:dim], 1, *input.shape[dim:])


def expand(input, *sizes, size=None):
    """Stretched to `sizes` along dimensions of size 1; −1 leaves a size; no memory is used.

    As ``torch.Tensor.expand``.

    Args:
        input: a tensor.
        sizes: the new shape: integers, or one tuple of them; new dimensions come first.
        size: the same, by name.

    Raises:
        DtypeError: not a tensor, or sizes that are no integers.
        ShapeError: a dimension that is not of size 1 would change its size.

    >>> import minicnn as mc
    >>> mc.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    tensor_only("expand", input)
    sizes = _sizes("expand", sizes, size)
    added = len(sizes) - input.ndim
    target = tuple(
        input.shape[i - added] if s == -1 and i >= added else s for i, s in enumerate(sizes)
    )
    fits = added >= 0 and all(
        s >= 0 and old in (1, s) for s, old in zip(target[added:], input.shape, strict=True)
    )
    if not fits or min(target, default=0) < 0:
        raise ShapeError(
            f"expand: shape {input.shape} cannot be stretched to {sizes}: only sizes of 1 can "
            "grow, and new dimensions come first"
        )
    if math.prod(s for s in target if s) >= 2**60:
        raise ShapeError(f"expand: a tensor of shape {target} has too many elements")
    return apply(shape_ops.Expand(target), input)


def _several(name, tensors):
    if not isinstance(tensors, (list, tuple)):
        raise DtypeError(
            f"{name}: expected a list or tuple of tensors, got {type(tensors).__name__}"
        )
    if not tensors:
        raise ArgumentError(f"{name}: expected at least one tensor, got none")
    return [tensor_only(name, t) for t in tensors]


def cat(tensors, dim=0):
    """Tensors joined along a dimension; all other sizes must be equal.

    As ``torch.cat``.

    Args:
        tensors: a list or tuple of tensors.
        dim: the dimension.

    Raises:
        DtypeError: not tensors.
        ShapeError: other sizes than that of `dim` differ.
        IndexRangeError: there is no such dimension.
        ArgumentError: no tensor at all.

    >>> import minicnn as mc
    >>> mc.cat([mc.zeros(2, 3), mc.ones(2, 1)], dim=1)
    tensor([[0., 0., 0., 1.],
            [0., 0., 0., 1.]])
    """
    tensors = _several("cat", tensors)
    dtype = result_type(*[x.array for x in tensors])
    # Empty vectors may stand among tensors of any shape, as in PyTorch: a list begun with nothing.
    tensors = [x for x in tensors if x.shape != (0,)] or tensors[:1]
    dim = dimension("cat", dim, tensors[0].ndim)
    first = tensors[0].shape
    for i, x in enumerate(tensors):
        if not x.ndim:
            raise ShapeError(f"cat: tensor {i} is 0-d and cannot be joined; use stack")
        other = x.shape[:dim] + x.shape[dim + 1 :]
        if x.ndim != len(first) or other != first[:dim] + first[dim + 1 :]:
            raise ShapeError(
                f"cat: tensor {i} has shape {x.shape}, which does not fit to {first} along "
                f"dimension {dim}: all other sizes must be equal"
            )
    return apply(shape_ops.Concatenate(dim), *[operand("cat", x, dtype) for x in tensors])


def stack(tensors, dim=0):
    """Tensors of one shape, side by side along a new dimension.

    As ``torch.stack``.

    Args:
        tensors: a list or tuple of tensors of one shape.
        dim: where the new dimension comes.

    Raises:
        DtypeError: not tensors.
        ShapeError: the shapes differ.
        IndexRangeError: there is no such place.
        ArgumentError: no tensor at all.

    >>> import minicnn as mc
    >>> mc.stack([mc.zeros(2), mc.ones(2)], dim=1)
    tensor([[0., 1.],
            [0., 1.]])
    """
    tensors = _several("stack", tensors)
    for i, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise ShapeError(
                f"stack: tensor {i} has shape {x.shape}, the first {tensors[0].shape}; all must "
                "be equal"
            )
    dim = dimension("stack", dim, tensors[0].ndim + 1)
    return cat([unsqueeze(x, dim) for x in tensors], dim)


def flip(input, *order, dims=None):
    """The order along `dims` (a sequence, or several arguments) reversed, in memory of its own.

    As ``torch.flip``.

    Args:
        input: a tensor of any shape.
        order: the dimensions, as several arguments or one tuple.
        dims: the same, by name.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.
        ArgumentError: a dimension occurs twice.

    >>> import minicnn as mc
    >>> mc.flip(mc.tensor([[1, 2], [3, 4]]), 1)
    tensor([[2, 1],
            [4, 3]])
    """
    tensor_only("flip", input)
    dims = _sizes("flip", order, dims)
    return apply(shape_ops.Flip(dimensions("flip", dims, input.ndim)), input)
