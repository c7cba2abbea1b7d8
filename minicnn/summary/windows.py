"""Receptive fields of what looks through windows, and of what enlarges or borders an image."""

from fractions import Fraction

import numpy as np

from minicnn.ops.convolution import Conv2d, ConvTranspose2d
from minicnn.ops.pooling import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    MaxPool2d,
    MaxUnpool2d,
)
from minicnn.ops.resampling import Interpolate, SelectPlaces
from minicnn.ops.windows import Fold, Unfold
from minicnn.shapes import adaptive_windows, effective_kernel
from minicnn.summary.rule import rule_of_first


def _windows(field, kernel, stride, padding, dilation, out):
    """Windows over the last two dimensions, `out` many (eq. ``conv-size``)."""
    options = zip((2, 3), kernel, stride, padding, dilation, out, strict=True)
    for dim, k, s, p, d, o in options:
        field = field.looking(dim, o, s, -p, effective_kernel(k, d) - 1 - p)
    return field


def _laid_on(field, kernel, stride, padding, dilation, out):
    """The transpose of `_windows`: output o is reached from i where o + p = s·i + d·k."""
    options = zip((2, 3), kernel, stride, padding, dilation, out, strict=True)
    for dim, k, s, p, d, o in options:
        first = Fraction(p - effective_kernel(k, d) + 1, s)
        field = field.looking(dim, o, Fraction(1, s), first, Fraction(p, s))
    return field


def _at_places(field, dim, scale, low, high):
    """Output o sees the entries low[o] … high[o], which lie at about scale · o."""
    first = min(int(n) - scale * o for o, n in enumerate(low))
    last = max(int(n) - scale * o for o, n in enumerate(high))
    return field.looking(dim, len(low), scale, first, last)


def _with_channels(field, shape):
    return field.gathered([1], [shape[1]])


@rule_of_first(Conv2d)
def _conv2d(operation, field, shapes, shape):
    stride, padding, dilation, _ = operation.options
    field = _windows(field, shapes[1][2:], stride, padding, dilation, shape[2:])
    return _with_channels(field, shape)


@rule_of_first(ConvTranspose2d)
def _conv_transpose2d(operation, field, shapes, shape):
    stride, padding, dilation, _ = operation.options
    field = _laid_on(field, shapes[1][2:], stride, padding, dilation, shape[2:])
    return _with_channels(field, shape)


@rule_of_first(MaxPool2d)
def _max_pool2d(operation, field, shapes, shape):
    kernel, stride, padding, dilation, _ = operation.options
    return _windows(field, kernel, stride, padding, dilation, shape[2:])


@rule_of_first(AvgPool2d)
def _avg_pool2d(operation, field, shapes, shape):
    return _windows(field, *operation.options, (1, 1), shape[2:])


@rule_of_first(AdaptiveMaxPool2d, AdaptiveAvgPool2d)
def _adaptive_pool2d(operation, field, shapes, shape):
    for dim in (2, 3):
        n, out = shapes[0][dim], shape[dim]
        if out == 1 < n:
            field = field.gathered([dim], [1])
        elif out != n:
            starts, ends = zip(*adaptive_windows(n, out), strict=True)
            field = _at_places(field, dim, Fraction(n, out), starts, [end - 1 for end in ends])
    return field


@rule_of_first(MaxUnpool2d)
def _max_unpool2d(operation, field, shapes, shape):
    # Each value returns into the window that it was the maximum of.
    ratio = [max(1, round(out / n)) for n, out in zip(shapes[0][2:], shape[2:], strict=True)]
    return _laid_on(field, ratio, ratio, (0, 0), (1, 1), shape[2:])


@rule_of_first(Unfold)
def _unfold(operation, field, shapes, shape):
    field = _windows(field, *operation.options)
    n, _, *out = field.shape
    return field.gathered([1], [shape[1]]).reshaped((n, shape[1], out[0] * out[1]))


@rule_of_first(Fold)
def _fold(operation, field, shapes, shape):
    *options, out = operation.options
    n, k, _ = field.shape
    return _with_channels(_laid_on(field.reshaped((n, k, *out)), *options, shape[2:]), shape)


@rule_of_first(Interpolate)
def _interpolate(operation, field, shapes, shape):
    for axis, low, high, share in operation.axes:
        n, out = shapes[0][axis], len(low)
        aligned = out > 1 and n > 1 and low[-1] == n - 1 and low[0] == 0 and share[-1] == 0
        scale = Fraction(n - 1, out - 1) if aligned else Fraction(n, out)
        # Where a share is 0 its neighbour is not looked at.
        field = _at_places(field, axis, scale, low, np.where(share > 0, high, low))
    return field


@rule_of_first(SelectPlaces)
def _select_places(operation, field, shapes, shape):
    for axis, places in operation.places:
        n, out = shapes[0][axis], len(places)
        inside = _unbroken(places, n)
        if inside is not None:  # a border around the image: what it repeats lies nearby
            field = field.looking(axis, out, 1, -inside, -inside)
        else:
            field = _at_places(field, axis, Fraction(n, out), places, places)
    return field


def _unbroken(places, n):
    """Where in `places` the image stands as it is, or None."""
    starts = np.flatnonzero(places[: len(places) - n + 1] == 0)
    whole = np.arange(n)
    return next((int(s) for s in starts if (places[s : s + n] == whole).all()), None)
