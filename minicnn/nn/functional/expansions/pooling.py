"""Pooling, written with borders, windows as columns, and a maximum or a mean of each column."""

import math

from minicnn.creation import arange, ones_like, zeros
from minicnn.dtypes import float64
from minicnn.functions.elementwise import abs, where
from minicnn.functions.shaping import flatten, reshape, squeeze, stack, unsqueeze
from minicnn.nn.functional.expansions.windows import pair, with_height
from minicnn.nn.functional.padding import pad
from minicnn.nn.functional.windows import unfold as image_to_columns
from minicnn.shapes import adaptive_windows, effective_kernel, output_size


def _windows(x, kernel, stride, dilation, out, value):
    """The entries of the first `out` windows of x, (…, C, kh·kw, OH·OW).

    What no window sees at the end is cut off; where `ceil_mode` lets the last windows look beyond
    the end, they see `value`.
    """
    seen = [
        (o - 1) * s + effective_kernel(k, d)
        for k, s, d, o in zip(kernel, stride, dilation, out, strict=True)
    ]
    more = [m - n for m, n in zip(seen, x.shape[-2:], strict=True)]
    columns = image_to_columns(
        pad(x, (0, more[1], 0, more[0]), value=value), kernel, dilation, 0, stride
    )
    # (…, C·kh·kw, L) → (…, C, kh·kw, L)
    return reshape(columns, (*x.shape[:-2], kernel[0] * kernel[1], columns.shape[-1]))


def _pool_arguments(input, kernel_size, stride, padding, dilation, ceil_mode):
    """(border for `pad`, (kernel, stride, dilation, (OH, OW)))."""
    kernel, padding, dilation = pair(kernel_size), pair(padding), pair(dilation)
    stride = kernel if stride is None else pair(stride)
    axes = zip(input.shape[-2:], kernel, stride, padding, dilation, strict=True)
    out = tuple(output_size(*axis, ceil_mode) for axis in axes)
    return (padding[1], padding[1], padding[0], padding[0]), (kernel, stride, dilation, out)


def max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """The maximum of each column, in a border of −∞; the first of equal ones has the gradient."""
    border, options = _pool_arguments(input, kernel_size, stride, padding, dilation, ceil_mode)
    nothing = -float("inf")
    windows = _windows(pad(input, border, value=nothing), *options, nothing)
    values, which = windows.max(-2)
    shape = (*input.shape[:-2], *options[-1])
    if not return_indices:
        return reshape(values, shape)
    # The places of the pixels, pooled along with them.
    height, width = input.shape[-2:]
    places = arange(height * width, dtype=float64).reshape(1, height, width)
    places = _windows(pad(places, border), *options, 0)
    found = places[0, which, arange(which.shape[-1])]
    return reshape(values, shape), reshape(found.long(), shape)


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The sum of each column over the number of its entries, counted by pooling ones likewise."""
    border, options = _pool_arguments(input, kernel_size, stride, padding, 1, ceil_mode)
    total = _windows(pad(input, border), *options, 0).sum(-2)
    if divisor_override is not None:
        count = divisor_override
    else:
        ones = ones_like(input[..., :1, :, :])
        ones = pad(ones, border, value=1 if count_include_pad else 0)
        count = _windows(ones, *options, 0).sum(-2)
    return reshape(total / count, (*input.shape[:-2], *options[-1]))


def max_pool1d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool2d` over an image of height 1, where L is the whole H·W."""
    window = _of_height_1(kernel_size, stride, padding)
    dilation = with_height(dilation, 1)
    options = ceil_mode, return_indices
    found = max_pool2d(unsqueeze(input, -2), *window, dilation, *options)
    return tuple(squeeze(t, -2) for t in found) if return_indices else squeeze(found, -2)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """`avg_pool2d` over an image of height 1."""
    window = _of_height_1(kernel_size, stride, padding)
    means = avg_pool2d(unsqueeze(input, -2), *window, ceil_mode, count_include_pad)
    return squeeze(means, -2)


def _of_height_1(kernel_size, stride, padding):
    stride = kernel_size if stride is None else stride
    return with_height(kernel_size, 1), with_height(stride, 1), with_height(padding, 0)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-th powers pooled, and the root of their sum: m·n times their mean (eq. ``lp-pool``)."""
    if math.isinf(norm_type):
        sign = 1 if norm_type > 0 else -1
        return sign * max_pool2d(sign * abs(input), kernel_size, stride, ceil_mode=ceil_mode)
    kh, kw = pair(kernel_size)
    total = avg_pool2d(input**norm_type, (kh, kw), stride, ceil_mode=ceil_mode) * (kh * kw)
    # The slope of the root is infinite at 0: where the sum is 0, no gradient goes through it.
    flat = total.detach() == 0
    root = where(flat, 1.0, total) ** (1 / norm_type)
    return where(flat, 0.0 if norm_type > 0 else float("inf"), root)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The values written to their places in a tensor of zeros (eq. ``max-unpool``)."""
    if output_size is None:
        stride = kernel_size if stride is None else stride
        axes = zip(input.shape[-2:], *map(pair, (kernel_size, stride, padding)), strict=True)
        output_size = [(n - 1) * s + k - 2 * p for n, k, s, p in axes]
    *planes, height, width = *input.shape[:-2], *output_size[-2:]
    # (…, H, W) → (planes, H·W): a plane for each channel of each sample.
    count, places = math.prod(planes), input.shape[-2] * input.shape[-1]
    y = zeros(count, height * width, dtype=input.dtype)
    y[unsqueeze(arange(count), 1), reshape(indices, count, places)] = reshape(input, count, places)
    return reshape(y, *planes, height, width)


def adaptive_avg_pool2d(input, output_size):
    """The mean of each window, cut out of the image one after another."""
    return _adaptive(input, output_size, lambda window: window.mean((-2, -1)))


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """The maximum of each window, cut out of the image one after another."""
    width = input.shape[-1]
    values = _adaptive(input, output_size, lambda window: flatten(window, -2).max(-1)[0])
    if not return_indices:
        return values

    places = arange(input.shape[-2] * width).reshape(input.shape[-2:])

    def place(window, found):
        return flatten(found)[flatten(window, -2).argmax(-1)]

    return values, _adaptive(input, output_size, place, places)


def _adaptive(input, output_size, function, *others):
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * 2
    sizes = [n if o is None else o for o, n in zip(sizes, input.shape[-2:], strict=True)]
    rows, columns = map(adaptive_windows, input.shape[-2:], sizes)
    lines = []
    for top, bottom in rows:
        cut = [[x[..., top:bottom, a:b] for x in (input, *others)] for a, b in columns]
        lines.append(stack([function(*window) for window in cut], -1))
    return stack(lines, -2)


EXPANSIONS = {
    "max_pool1d": max_pool1d,
    "max_pool2d": max_pool2d,
    "avg_pool1d": avg_pool1d,
    "avg_pool2d": avg_pool2d,
    "lp_pool2d": lp_pool2d,
    "max_unpool2d": max_unpool2d,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "adaptive_max_pool2d": adaptive_max_pool2d,
}
