"""Borders."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, integer, one_of, real, sequence
from minicnn.device import moved
from minicnn.functions.indexing import getitem
from minicnn.functions.operands import tensor_only
from minicnn.ops.resampling import SelectPlaces
from minicnn.ops.shape import Pad
from minicnn.tensor import apply

MODES = ("constant", "reflect", "replicate", "circular")


def pad(input, pad, mode="constant", value=None):
    """The input with a border around it; negative widths cut entries off.

    Args:
        input: any shape; for other modes than ``"constant"``, the last one, two or three
            dimensions are padded, and one or two more (channels, batch) stand before them.
        pad: (before, after) for the last dimension, then for the one before it, and so on, in one
            flat tuple: (left, right, top, bottom) for images.
        mode: ``"constant"``; ``"reflect"`` (the image mirrored, its edge not repeated),
            ``"replicate"`` (its edge repeated), ``"circular"`` (the other end) (``pad-modes``).
        value: of the border in mode ``"constant"``; default 0.

    Returns:
        A tensor of the input's dtype, in memory of its own.

    Raises:
        ArgumentError: a number of widths that does not fit the input, an unknown mode, a value in
            another mode. ShapeError: widths that cut off more than there is, or that the input is
            too small to be mirrored or wrapped for. DtypeError: widths that are not integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.pad(mc.tensor([1, 2, 3]), (1, -1), value=9)
    tensor([9, 1, 2])
    >>> F.pad(mc.tensor([[1, 2, 3]]), (2, 2), mode="reflect")
    tensor([[3, 2, 1, 2, 3, 2, 1]])
    """
    tensor_only("pad", input)
    one_of("pad", "mode", mode, MODES)
    widths = _widths(input, pad)
    if mode == "constant":
        return _constant(input, widths, 0 if value is None else real("pad", "value", value))
    if value is not None and value != 0:
        raise ArgumentError(
            f"pad: mode {mode!r} takes its border from the input, not value={value}"
        )
    axes = len(widths)
    if not 1 <= axes <= 3 or input.ndim not in (axes + 1, axes + 2):
        raise ArgumentError(
            f"pad: mode {mode!r} pads the last 1, 2 or 3 dimensions of an input that has one or "
            f"two more; got {2 * axes} widths for an input of {input.ndim} dimensions"
        )
    if input.dtype == bool and mode != "circular":
        raise DtypeError(
            f"pad: mode {mode!r} does not work on bool; convert with .to(minicnn.uint8)"
        )
    if 0 in input.shape[-axes - 1 :]:
        raise ShapeError(f"pad: only the batch may be empty, got input of shape {input.shape}")
    places = []
    for axis, (before, after) in zip(range(input.ndim - axes, input.ndim), widths, strict=True):
        if before or after:
            n = input.shape[axis]
            places.append((axis, moved(_places(mode, axis, n, before, after), input.device)))
    return apply(SelectPlaces(places), input) if places else input.clone()


def _widths(input, pad):
    """[(before, after)] of the last dimensions, in the order of the dimensions."""
    try:
        given = [integer("pad", "each width", p) for p in sequence("pad", "pad", pad)]
    except DtypeError:
        raise DtypeError(
            f"pad: the widths must be a tuple of integers, (left, right, …), got {pad!r}"
        ) from None
    if len(given) % 2 or len(given) > 2 * input.ndim:
        raise ArgumentError(
            f"pad: expected two widths for each padded dimension, at most {2 * input.ndim} for "
            f"an input of shape {input.shape}; got {len(given)}: {tuple(given)}"
        )
    if input.numel() + max((abs(p) for p in given), default=0) >= 2**40:
        raise ArgumentError(f"pad: widths {tuple(given)} give more than fits into memory")
    return list(zip(given[::2], given[1::2], strict=True))[::-1]


def _kept(axis, n, before, after):
    """(start, end) of what negative widths leave of n entries."""
    start, end = max(0, -before), n - max(0, -after)
    if start > end:
        raise ShapeError(
            f"pad: widths ({before}, {after}) cut more off dimension {axis} than its {n} entries"
        )
    return start, end


def _constant(input, widths, value):
    first = input.ndim - len(widths)
    kept = [_kept(first + i, input.shape[first + i], *pair) for i, pair in enumerate(widths)]
    if any(pair != (0, n) for pair, n in zip(kept, input.shape[first:], strict=True)):
        input = getitem(input, (..., *[slice(*pair) for pair in kept]))
    grown = [(max(0, before), max(0, after)) for before, after in widths]
    return apply(Pad([(0, 0)] * first + grown, value), input)


def _places(mode, axis, n, before, after):
    """For each entry of the padded axis, its place in the input."""
    size = n + before + after
    if size < 1:
        raise ShapeError(
            f"pad: widths ({before}, {after}) leave nothing of dimension {axis} of {n} entries"
        )
    i = np.arange(-before, n + after)
    if mode == "replicate":
        return i.clip(0, n - 1)
    if mode == "circular":
        # What is cut off is cut off first: the rest is wrapped, as in PyTorch.
        start, end = _kept(axis, n, before, after)
        if max(before, after) > end - start:
            raise ShapeError(
                f"pad: mode 'circular' would wrap around more than once: widths ({before}, "
                f"{after}) for the {end - start} entries of dimension {axis}"
            )
        return start + (i - start) % (end - start)
    places = n - 1 - abs(n - 1 - abs(i))
    if max(before, after) >= n or places.min() < 0:
        raise ShapeError(
            f"pad: mode 'reflect' needs widths smaller than the input: got ({before}, {after}) for "
            f"dimension {axis} of {n} entries"
        )
    return places
