"""Tensors cut into parts, repeated, shifted, and with one dimension made into several."""

import math

from minicnn.checks import (
    ArgumentError,
    DtypeError,
    IndexRangeError,
    ShapeError,
    dimension,
    integer,
)
from minicnn.functions.indexing import getitem
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import _sizes, expand, reshape, view
from minicnn.ops import shape as shape_ops
from minicnn.tensor import apply


def _integers(name, argument, value):
    """An integer or a sequence of them, as a tuple."""
    values = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(integer(name, argument, v) for v in values)


def unflatten(input, dim, sizes):
    """Dimension `dim` as several of `sizes` (a tuple; one may be −1): the opposite of flatten.

    As ``torch.unflatten``.

    Args:
        input: a tensor of at least one dimension.

    Raises:
        DtypeError: not a tensor.
        ShapeError: the sizes do not multiply to that of `dim`.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.zeros(2, 12).unflatten(1, (3, -1)).shape
    (2, 3, 4)
    """
    tensor_only("unflatten", input)
    if not isinstance(sizes, (tuple, list)):
        raise DtypeError(f"unflatten: sizes must be a tuple of integers, got {sizes!r}")
    sizes = _integers("unflatten", "sizes", sizes)
    if not input.ndim:
        raise IndexRangeError("unflatten: a 0-d tensor has no dimension to unflatten")
    dim = dimension("unflatten", dim, input.ndim)
    size, known = input.shape[dim], 1
    for s in sizes:
        known *= s if s != -1 else 1
    free = sizes.count(-1)
    if not sizes or free > 1 or min(sizes) < -1:
        raise ArgumentError(f"unflatten: sizes must be ≥ 0 with at most one −1, got {sizes}")
    if known != size if not free else (not known or size % known):
        raise ShapeError(f"unflatten: sizes {sizes} do not multiply up to dim {dim} of size {size}")
    sizes = tuple(size // known if s == -1 else s for s in sizes)
    return view(input, *input.shape[:dim], *sizes, *input.shape[dim + 1 :])


def repeat(input, *repeats):
    """x laid side by side repeats[d] times along each dimension d; new dimensions come first.

    As ``torch.Tensor.repeat``.

    Args:
        input: the tensor x, of any shape.
        repeats: integers ≥ 0, at least one a dimension.

    Raises:
        DtypeError: not a tensor, or not integers.
        ArgumentError: a negative number.
        ShapeError: fewer numbers than dimensions.

    >>> import minicnn as mc
    >>> mc.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    tensor_only("repeat", input)
    repeats = _sizes("repeat", repeats)
    if len(repeats) < input.ndim:
        raise ShapeError(
            f"repeat: {len(repeats)} repeats for a tensor of {input.ndim} dimensions; give one for "
            "each, those of new dimensions first"
        )
    if min(repeats, default=0) < 0:
        raise ArgumentError(f"repeat: repeats must be at least 0, got {repeats}")
    shape = (1,) * (len(repeats) - input.ndim) + input.shape
    if math.prod(r * s for r, s in zip(repeats, shape, strict=True)) >= 2**40:
        raise ArgumentError(f"repeat: {repeats} repeats of {input.shape} do not fit into memory")
    # (s) → (1, s) → (r, s) → (r · s), for every dimension
    apart = [n for s in shape for n in (1, s)]
    copies = [n for r, s in zip(repeats, shape, strict=True) for n in (r, s)]
    joined = [r * s for r, s in zip(repeats, shape, strict=True)]
    return reshape(expand(reshape(input, apart), copies).clone(), joined)


def split(tensor, split_size_or_sections, dim=0):
    """x cut along `dim` into parts of one size (the last may be smaller), or of a list of sizes.

    Returns a tuple of views.

    As ``torch.split``.

    Args:
        tensor: the tensor x, of at least one dimension.
        split_size_or_sections: an integer ≥ 0, or a list of sizes that add up to that of `dim`.
        dim: the dimension.

    Raises:
        DtypeError: not a tensor, or sizes that are no integers.
        ArgumentError: sizes that do not add up.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    tensor_only("split", tensor)
    if not tensor.ndim:
        raise ShapeError("split: a 0-d tensor cannot be cut")
    dim = dimension("split", dim, tensor.ndim)
    size = tensor.shape[dim]
    parts = _integers("split", "split_size_or_sections", split_size_or_sections)
    if not isinstance(split_size_or_sections, (tuple, list)):
        each = parts[0]
        if each < 0 or (not each and size):
            raise ArgumentError(f"split: split_size must be at least 1, got {each}")
        full, rest = divmod(size, each) if each else (0, 0)
        parts = (each,) * full + ((rest,) if rest or not size else ())
    elif sum(parts) != size or min(parts, default=0) < 0:
        raise ArgumentError(
            f"split: the sections must be ≥ 0 and add up to {size}, the size of dimension {dim}; "
            f"got {list(parts)}"
        )
    return _cut(tensor, parts, dim)


def _cut(tensor, parts, dim):
    result, start = [], 0
    for length in parts:
        place = (slice(None),) * dim + (slice(start, start + length),)
        result.append(getitem(tensor, place))
        start += length
    return tuple(result)


def chunk(input, chunks, dim=0):
    """x cut along `dim` into `chunks` parts of one size, or fewer and smaller ones at the end.

    As ``torch.chunk``.

    Args:
        input: a tensor x of at least one dimension.
        chunks: an integer ≥ 1.
        dim: the dimension.

    Raises:
        DtypeError: not a tensor.
        ArgumentError: fewer than one part.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> [part.shape[0] for part in mc.arange(5).chunk(3)]
    [2, 2, 1]
    """
    tensor_only("chunk", input)
    if not input.ndim:
        raise ShapeError("chunk: a 0-d tensor cannot be cut")
    chunks = integer("chunk", "chunks", chunks)
    if chunks < 1:
        raise ArgumentError(f"chunk: chunks must be at least 1, got {chunks}")
    dim = dimension("chunk", dim, input.ndim)
    size = input.shape[dim]
    if not size:
        return _cut(input, (0,) * chunks, dim)
    return split(input, -(-size // chunks), dim)


def roll(input, shifts, dims=None):
    """x shifted by `shifts` along `dims`; what leaves at one end enters at the other.

    Without `dims` the flattened tensor is shifted, and gets its shape back.

    As ``torch.roll``.

    Args:
        input: the tensor x, of any shape.
        shifts: an integer, or one a dimension of `dims`; negative ones shift the other way.
        dims: a dimension, or several.

    Raises:
        DtypeError: not a tensor.
        ArgumentError: not as many shifts as dimensions.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.roll(mc.arange(4), 1)
    tensor([3, 0, 1, 2])
    """
    tensor_only("roll", input)
    shifts = _integers("roll", "shifts", shifts)
    dims = () if dims is None else _integers("roll", "dims", dims)
    if not shifts or len(shifts) != (len(dims) or 1):
        raise ArgumentError(
            f"roll: {len(shifts)} shifts for {len(dims)} dims; give one shift for each"
        )
    if not dims:
        return apply(shape_ops.Roll(shifts[0], None), input)
    if not input.ndim:
        raise IndexRangeError("roll: a 0-d tensor has no dimension to shift along")
    return apply(
        shape_ops.Roll(shifts, tuple(dimension("roll", d, input.ndim) for d in dims)), input
    )
