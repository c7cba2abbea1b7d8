"""The same values under another shape, or joined together."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, dimension, dimensions
from minicnn.dtypes import int64, result_type
from minicnn.functions.operands import operand, tensor_only
from minicnn.ops import shape as shape_ops
from minicnn.tensor import apply


def _sizes(name, sizes):
    """Sizes given as separate arguments or as one sequence."""
    if len(sizes) == 1 and not hasattr(sizes[0], "__index__"):
        sizes = sizes[0]
    try:
        return tuple(s.__index__() for s in sizes)
    except (TypeError, AttributeError):
        raise DtypeError(f"{name}: sizes must be integers, got {sizes!r}") from None


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


def reshape(x, *shape):
    """The same values under another shape; one size may be −1. A view where memory allows."""
    tensor_only("reshape", x)
    shape = _filled_in("reshape", x, _sizes("reshape", shape))
    try:
        return apply(shape_ops.View(shape), x)
    except ValueError:  # what NumPy says when the memory cannot be looked at that way
        return apply(shape_ops.Reshape(shape), x)


def view(x, *shape):
    """As `reshape`, on the same memory; refused where that cannot be."""
    tensor_only("view", x)
    if len(shape) == 1 and isinstance(shape[0], (np.dtype, type)):
        raise ArgumentError("view: viewing memory as another dtype is not supported; use .to()")
    shape = _filled_in("view", x, _sizes("view", shape))
    try:
        return apply(shape_ops.View(shape), x)
    except ValueError:
        raise ShapeError(
            f"view: the memory of this tensor of shape {x.shape} does not lie so that it can be "
            f"seen as {shape}; use .reshape(), which copies, or .contiguous() first"
        ) from None


def flatten(x, start_dim=0, end_dim=-1):
    """Dimensions `start_dim` … `end_dim` as one, in row-major order."""
    tensor_only("flatten", x)
    if not x.ndim:
        return reshape(x, 1)
    start, end = (dimension("flatten", d, x.ndim) for d in (start_dim, end_dim))
    if start > end:
        raise ArgumentError(f"flatten: start_dim {start_dim} lies after end_dim {end_dim}")
    merged = int(np.prod(x.shape[start : end + 1], dtype=int64))
    return reshape(x, *x.shape[:start], merged, *x.shape[end + 1 :])


def permute(x, *dims):
    """Dimension i of the result is dimension dims[i] of x."""
    tensor_only("permute", x)
    dims = _sizes("permute", dims)
    found = tuple(dimension("permute", d, x.ndim) for d in dims)
    if sorted(found) != list(range(x.ndim)):
        raise ArgumentError(
            f"permute: dims {dims} must name each of the {x.ndim} dimensions of shape {x.shape} "
            "exactly once"
        )
    return apply(shape_ops.Permute(found), x)


def transpose(x, dim0, dim1):
    """Two dimensions swapped."""
    tensor_only("transpose", x)
    a, b = (dimension("transpose", d, x.ndim) for d in (dim0, dim1))
    dims = list(range(x.ndim))
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    return apply(shape_ops.Permute(tuple(dims)), x)


def t(x):
    """The transpose of a matrix; a vector stays as it is."""
    if tensor_only("t", x).ndim > 2:
        raise ShapeError(f"t: expected at most 2 dimensions, got shape {x.shape}; use transpose")
    return transpose(x, 0, 1) if x.ndim == 2 else x


def squeeze(x, dim=None):
    """Without the dimensions of size 1: all of them, or those of `dim` that have size 1."""
    tensor_only("squeeze", x)
    dims = set(dimensions("squeeze", dim, x.ndim))
    kept = [s for i, s in enumerate(x.shape) if s != 1 or i not in dims]
    return reshape(x, kept)


def unsqueeze(x, dim):
    """With a dimension of size 1 put in at `dim`."""
    tensor_only("unsqueeze", x)
    dim = dimension("unsqueeze", dim, x.ndim + 1)
    return reshape(x, *x.shape[:dim], 1, *x.shape[dim:])


def expand(x, *sizes):
    """Stretched to `sizes` along dimensions of size 1; −1 leaves a size; no memory is used."""
    tensor_only("expand", x)
    sizes = _sizes("expand", sizes)
    added = len(sizes) - x.ndim
    target = tuple(x.shape[i - added] if s == -1 and i >= added else s for i, s in enumerate(sizes))
    fits = added >= 0 and all(
        s >= 0 and old in (1, s) for s, old in zip(target[added:], x.shape, strict=True)
    )
    if not fits or min(target, default=0) < 0:
        raise ShapeError(
            f"expand: shape {x.shape} cannot be stretched to {sizes}: only sizes of 1 can grow, "
            "and new dimensions come first"
        )
    return apply(shape_ops.Expand(target), x)


def cat(tensors, dim=0):
    """Tensors joined along a dimension; all other sizes must be equal."""
    tensors = [tensor_only("cat", t) for t in tensors]
    if not tensors:
        raise ArgumentError("cat: expected at least one tensor, got none")
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
    dtype = result_type(*[x.array for x in tensors])
    return apply(shape_ops.Concatenate(dim), *[operand("cat", x, dtype) for x in tensors])


def stack(tensors, dim=0):
    """Tensors of one shape, side by side along a new dimension."""
    tensors = [tensor_only("stack", t) for t in tensors]
    if not tensors:
        raise ArgumentError("stack: expected at least one tensor, got none")
    for i, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise ShapeError(
                f"stack: tensor {i} has shape {x.shape}, the first {tensors[0].shape}; all must "
                "be equal"
            )
    dim = dimension("stack", dim, tensors[0].ndim + 1)
    return cat([unsqueeze(x, dim) for x in tensors], dim)


def flip(x, dims):
    """The order along `dims` reversed, in memory of its own."""
    tensor_only("flip", x)
    return apply(shape_ops.Flip(dimensions("flip", dims, x.ndim)), x)
