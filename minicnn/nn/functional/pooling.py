"""Pooling over images."""

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.functions.shaping import squeeze
from minicnn.nn.functional.arguments import images, same_dtype
from minicnn.ops.pooling import AvgPool2d, MaxPool2d
from minicnn.shapes import as_tuple, window_output
from minicnn.tensor import apply


def _pool_arguments(name, input, kernel_size, stride, padding):
    kernel = as_tuple(name, "kernel_size", kernel_size, 2, 1)
    # PyTorch: a stride that is not given (or empty) is the kernel's size.
    given = stride is not None and stride != ()
    stride = as_tuple(name, "stride", stride, 2, 1) if given else kernel
    padding = as_tuple(name, "padding", padding, 2, 0)
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise ArgumentError(
            f"{name}: padding {padding} must be at most half of the kernel {kernel}, so that no "
            "window lies in the padding alone"
        )
    same_dtype(name, input)
    return kernel, stride, padding


def _refuse_windows_of_padding(name, *axes):
    """With dilation the entries of a window may all fall outside, before and behind the input."""
    for n, k, s, p, d, o in zip(*axes, strict=True):
        places = (np.arange(o) * s - p)[:, None] + np.arange(k) * d
        if not ((places >= 0) & (places < n)).any(axis=1).all():
            raise ArgumentError(
                f"{name}: with dilation {d} and padding {p} some windows of {k} lie in the padding "
                f"alone, for an input of size {n}; there is no maximum. Use less of either"
            )


def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """The maximum of each window; δ goes to where it was: up(δ) of eq. 1.17.

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        kernel_size: of the window, ≥ 1.
        stride: default: `kernel_size`, so that windows do not overlap.
        padding: with −∞, which never wins; at most half of the kernel.
        dilation: distance between the entries of a window.
        ceil_mode: add a last window where rows or columns would be left over.
        return_indices: also return the place of each maximum, a flat index into H·W (int64).

    Returns:
        (N, C, OH, OW), or a pair of two such tensors. Of equal values the first wins.

    Raises:
        ShapeError: the window is larger than the padded input. ArgumentError, DtypeError.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.max_pool2d(mc.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    name = "max_pool2d"
    input, added = images(name, input)
    kernel, stride, padding = _pool_arguments(name, input, kernel_size, stride, padding)
    dilation = as_tuple(name, "dilation", dilation, 2, 1)
    out = window_output(name, input.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    if max(dilation) > 1:
        _refuse_windows_of_padding(name, input.shape[2:], kernel, stride, padding, dilation, out)
    output, indices = apply(MaxPool2d(kernel, stride, padding, dilation, out), input)
    if added:
        output, indices = squeeze(output, 0), squeeze(indices, 0)
    return (output, indices) if return_indices else output


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The mean of each window; δ is spread evenly over it: up(δ) of eq. 1.17.

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        kernel_size: of the window, ≥ 1.
        stride: default: `kernel_size`.
        padding: with zeros; at most half of the kernel.
        ceil_mode: add a last window where rows or columns would be left over.
        count_include_pad: divide by k², padding included; else by the entries inside the input.
        divisor_override: divide by this number instead.

    Returns:
        (N, C, OH, OW).

    Raises:
        ShapeError: the window is larger than the padded input. ArgumentError, DtypeError.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.avg_pool2d(mc.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5,  4.5],
             [10.5, 12.5]]])
    """
    name = "avg_pool2d"
    input, added = images(name, input)
    kernel, stride, padding = _pool_arguments(name, input, kernel_size, stride, padding)
    if divisor_override == 0:
        raise ArgumentError(f"{name}: divisor_override must not be 0")
    out = window_output(name, input.shape[2:], kernel, stride, padding, (1, 1), ceil_mode)
    operation = AvgPool2d(kernel, stride, padding, out, count_include_pad, divisor_override)
    output = apply(operation, input)
    return squeeze(output, 0) if added else output
