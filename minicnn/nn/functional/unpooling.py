"""Max pooling undone."""

import numpy as np

from minicnn.checks import DtypeError, IndexRangeError, ShapeError
from minicnn.device import first_outside, one_device
from minicnn.functions.operands import tensor_only
from minicnn.gpu import copied
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.axes import as_images, from_images
from minicnn.ops.pooling import MaxUnpool2d
from minicnn.shapes import as_tuple
from minicnn.tensor import apply


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The values that `max_pool2d` found, back at their places; 0 elsewhere (eq. ``max-unpool``).

    Args:
        input: (N, C, OH, OW) or (C, OH, OW); floating point.
        indices: int64, of the input's shape: as `max_pool2d` returns them.
        kernel_size, stride, padding: those of the pooling.
        output_size: (H, W), or (N, C, H, W), where the pooling's input was not the smallest one:
            (OH − 1)·stride − 2·padding + kernel_size, give or take less than a stride.

    Returns:
        (N, C, H, W) or (C, H, W). Of several values for one place the last stays.

    Raises:
        ShapeError: other shapes, an `output_size` out of reach. IndexRangeError: a place outside
        the output. DtypeError: indices that are not int64, an input of integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> y, places = F.max_pool2d(mc.tensor([[[1.0, 2], [4, 3]]]), 2, return_indices=True)
    >>> F.max_unpool2d(y, places, 2)
    tensor([[[0., 0.],
             [4., 0.]]])
    """
    name = "max_unpool2d"
    given = tensor_only(name, input)
    input, added = as_images(name, input, 2)
    same_dtype(name, input)
    if tensor_only(name, indices).dtype != np.int64:
        raise DtypeError(f"{name}: indices must be int64, got {indices.dtype}; use .long()")
    if indices.shape != given.shape:
        raise ShapeError(
            f"{name}: indices must have the input's shape {given.shape}, got {indices.shape}"
        )
    kernel = as_tuple(name, "kernel_size", kernel_size, 2, 1, exact=True)
    stride = kernel if stride is None else as_tuple(name, "stride", stride, 2, 1, exact=True)
    padding = as_tuple(name, "padding", padding, 2, 0, exact=True)
    out = _unpooled_size(name, input.shape[2:], kernel, stride, padding, output_size)
    # A copy: the caller may change the indices before backward needs them.
    one_device(f"{name}: input and indices", (input.array, indices.array))
    places = copied(indices.array).reshape(input.shape)
    wrong = first_outside(places, 0, out[0] * out[1])
    if wrong is not None:
        raise IndexRangeError(
            f"{name}: index {wrong} is outside an output of {out[0]} × {out[1]}; pass the "
            "output_size that the pooling had as its input"
        )
    return from_images(apply(MaxUnpool2d(places, out), input), 2, added)


def _unpooled_size(name, size, kernel, stride, padding, output_size):
    smallest = tuple(
        (n - 1) * s + k - 2 * p for n, k, s, p in zip(size, kernel, stride, padding, strict=True)
    )
    if output_size is None:
        out = smallest
    else:
        try:
            out = tuple(o.__index__() for o in output_size)
        except (TypeError, AttributeError):
            raise DtypeError(f"{name}: output_size must be integers, got {output_size!r}") from None
        if len(out) == 4:
            out = out[2:]
        if len(out) != 2:
            raise ShapeError(
                f"{name}: output_size must be (H, W) or (N, C, H, W), got {tuple(output_size)}"
            )
        for o, middle, s in zip(out, smallest, stride, strict=True):
            if not middle - s < o < middle + s:
                raise ShapeError(
                    f"{name}: output_size {out} is out of reach: {o} must lie between "
                    f"{middle - s + 1} and {middle + s - 1}"
                )
    if min(out) < 1:
        raise ShapeError(f"{name}: padding {padding} leaves an output of {out}; use less")
    return out
