"""Pooling over signals and images."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, flag, integer, truth
from minicnn.device import computed
from minicnn.functions.elementwise import abs, mul, pow, relu
from minicnn.functions.operands import tensor_only
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.axes import as_images, from_images, per_axis
from minicnn.nn.functional.options import number
from minicnn.ops.pooling import AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d
from minicnn.shapes import as_tuple, window_output
from minicnn.tensor import Tensor, apply


def _window(name, n, kernel_size, stride, padding):
    """(kernel, stride, padding) as pairs."""
    kernel = per_axis(name, "kernel_size", kernel_size, n, 1, 1)
    # PyTorch: a stride that is not given (or empty) is the kernel's size.
    given = stride is not None and not (isinstance(stride, tuple) and not stride)
    stride = per_axis(name, "stride", stride, n, 1, 1) if given else kernel
    padding = per_axis(name, "padding", padding, n, 0, 0)
    if any(p > k // 2 for p, k in zip(padding, kernel, strict=True)):
        raise ArgumentError(
            f"{name}: padding {padding[-n:]} must be at most half of the kernel {kernel[-n:]}, so "
            "that no window lies in the padding alone"
        )
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


def max_pool1d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool2d` with one axis (equation 1.17): (N, C, L) or (C, L) → (N, C, OL).

    Args:
        input: (N, C, L) or (C, L).
        kernel_size, stride, padding: numbers, or tuples of one; as for `avg_pool2d`.
        dilation: the distance of neighbours in a window.
        ceil_mode: also the windows that reach over the end.
        return_indices: return (maxima, their places along L).

    Raises:
        ShapeError: other dimensions, or a signal shorter than a window.
        ArgumentError: sizes, strides or padding out of range.
        DtypeError: not a tensor, or sizes that are no integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.max_pool1d(mc.tensor([[1.0, 3, 2, 2, 5]]), 2)
    tensor([[3., 2.]])
    """
    return _max_pool(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
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
    return _max_pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


def _max_pool(
    name, n, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
):  # fmt: skip
    input, added = as_images(name, input, n)
    same_dtype(name, input)
    kernel, stride, padding = _window(name, n, kernel_size, stride, padding)
    dilation = per_axis(name, "dilation", dilation, n, 1, 1)
    flag(name, "ceil_mode", ceil_mode)
    out = _window_counts(name, n, input, kernel, stride, padding, dilation, ceil_mode)
    if max(dilation) > 1:
        _refuse_windows_of_padding(name, input.shape[2:], kernel, stride, padding, dilation, out)
    output, indices = apply(MaxPool2d(kernel, stride, padding, dilation, out), input)
    output = from_images(output, n, added)
    if truth(name, "return_indices", return_indices):
        return output, from_images(indices.long(), n, added)
    return output


def _window_counts(name, n, input, kernel, stride, padding, dilation, ceil_mode):
    """(OH, OW), for signals (1, OL)."""
    axes = (input.shape[2:], kernel, stride, padding, dilation)
    out = window_output(name, *[axis[-n:] for axis in axes], ceil_mode)
    return out if n == 2 else (1, *out)


def avg_pool1d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):  # fmt: skip
    """`avg_pool2d` with one axis (equation 1.17): (N, C, L) or (C, L) → (N, C, OL).

    Args:
        input: (N, C, L) or (C, L).
        kernel_size, stride, padding: numbers, or tuples of one; as for `avg_pool2d`.
        ceil_mode: also the windows that reach over the end.
        count_include_pad: count the padding's zeros in the mean.

    Raises:
        ShapeError: other dimensions, or a signal shorter than a window.
        ArgumentError: sizes, strides or padding out of range.
        DtypeError: not a tensor, or sizes that are no integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.avg_pool1d(mc.tensor([[1.0, 3, 2, 2, 5]]), 2)
    tensor([[2., 2.]])
    """
    return _avg_pool(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


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
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def _avg_pool(name, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor):
    input, added = as_images(name, input, n)
    same_dtype(name, input)
    kernel, stride, padding = _window(name, n, kernel_size, stride, padding)
    flag(name, "ceil_mode", ceil_mode), flag(name, "count_include_pad", count_include_pad)
    if divisor is not None and not integer(name, "divisor_override", divisor):
        raise ArgumentError(f"{name}: divisor_override must not be 0")
    out = _window_counts(name, n, input, kernel, stride, padding, (1, 1), ceil_mode)
    operation = AvgPool2d(kernel, stride, padding, out, count_include_pad, divisor)
    return from_images(apply(operation, input), n, added)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^(1/p) over each window, p = `norm_type` (eq. ``lp-pool``).

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        norm_type: p, not 0; ∞ gives the maximum of |x|, −∞ the minimum. An odd p keeps signs, and
            then a negative sum has no root: NaN, as in PyTorch.
        kernel_size, stride, ceil_mode: as in `avg_pool2d`.

    Returns:
        (N, C, OH, OW). Where a window sums to 0 the gradient is 0.

    Raises:
        As `avg_pool2d`; ArgumentError for p = 0.
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.lp_pool2d(mc.tensor([[[3.0, 0], [0, 4]]]), 2, 2)
    tensor([[[5.]]])
    """
    name = "lp_pool2d"
    same_dtype(name, tensor_only(name, input))
    number(name, "norm_type", norm_type)
    kh, kw = as_tuple(name, "kernel_size", kernel_size, 2, 1, exact=True)
    if norm_type in (float("inf"), -float("inf")):
        sign = 1 if norm_type > 0 else -1
        pooled = _max_pool(
            name, 2, sign * abs(input), kernel_size, stride, 0, 1, ceil_mode, False
        )  # fmt: skip
        return sign * pooled
    if norm_type == 0:
        raise ArgumentError(f"{name}: norm_type must not be 0: there is no 1/0-th power")
    # As in PyTorch: k² times the mean, also where ceil_mode cuts a window.
    means = _avg_pool(
        name, 2, pow(input, norm_type), kernel_size, stride, 0, ceil_mode, True, None
    )  # fmt: skip
    # relu stops the infinite slope of the root at 0; the sign comes back afterwards.
    sign = Tensor(computed(name, np.sign, means.array))
    return pow(mul(mul(sign, relu(abs(means))), kh * kw), 1.0 / norm_type)


def _adaptive_size(name, input, output_size):
    """(OH, OW); None stands for the input's own size."""
    if isinstance(output_size, (tuple, list)):
        sizes = input.shape[2:]
        if len(output_size) == 2:
            output_size = tuple(
                n if o is None else o for o, n in zip(output_size, sizes, strict=True)
            )
    elif output_size is None:
        raise DtypeError(f"{name}: output_size is None; (None, None) keeps the input's size")
    return as_tuple(name, "output_size", output_size, 2, 1, exact=True)


def adaptive_avg_pool2d(input, output_size):
    """The mean of each of `output_size` windows that cover the input (eq. ``adaptive-pool``).

    Args:
        input: (N, C, H, W) or (C, H, W); floating point.
        output_size: (OH, OW), or one number for both; None in a pair keeps that size. 1 is global
            average pooling (eq. ``global-pool``).

    Returns:
        (N, C, OH, OW).

    Raises:
        ArgumentError: sizes < 1. ShapeError, DtypeError: no image, or integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.adaptive_avg_pool2d(mc.arange(15.0).reshape(1, 3, 5), (1, 2))
    tensor([[[6., 8.]]])
    """
    name = "adaptive_avg_pool2d"
    input, added = as_images(name, input, 2, empty_channels=True)
    same_dtype(name, input)
    out = _adaptive_size(name, input, output_size)
    return from_images(apply(AdaptiveAvgPool2d(out), input), 2, added)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """The maximum of each of `output_size` windows that cover the input (eq. ``adaptive-pool``).

    Arguments and errors as `adaptive_avg_pool2d`; with `return_indices` a pair, as `max_pool2d`.

    Args:
        input: (N, C, H, W) or (C, H, W), floating point.
        output_size: (OH, OW) or one number; None keeps the input's size.
        return_indices: return (maxima, where they were).

    Raises:
        ShapeError: other dimensions.
        DtypeError: not a floating-point tensor, or sizes that are no integers.
        ArgumentError: sizes < 0.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.adaptive_max_pool2d(mc.arange(15.0).reshape(1, 3, 5), (1, 2), return_indices=True)
    (tensor([[[12., 14.]]]), tensor([[[12, 14]]]))
    """
    name = "adaptive_max_pool2d"
    input, added = as_images(name, input, 2)
    same_dtype(name, input)
    out = _adaptive_size(name, input, output_size)
    output, indices = apply(AdaptiveMaxPool2d(out), input)
    output = from_images(output, 2, added)
    if truth(name, "return_indices", return_indices):
        return output, from_images(indices, 2, added)
    return output
