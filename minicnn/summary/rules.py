"""How each operation changes the receptive field: one rule a kind of operation.

A rule is given the operation, the fields of its inputs (None: independent of the image), and the
shapes of inputs and outputs; it answers with the field of the outputs. What has no rule computes
every entry from the entries at the same place.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np

from minicnn.nn.backward_hooks import ModuleBoundary
from minicnn.ops.convolution import Conv2d, ConvTranspose2d
from minicnn.ops.linear import Dot, Linear, Matmul
from minicnn.ops.loss import LogSoftmax, Softmax
from minicnn.ops.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LpNorm,
    Normalization,
)
from minicnn.ops.pooling import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    MaxPool2d,
    MaxUnpool2d,
)
from minicnn.ops.reduction import CumSum, Reduction, TakeAlong
from minicnn.ops.resampling import Interpolate, SelectPlaces
from minicnn.ops.shape import (
    Concatenate,
    Diagonal,
    Flip,
    Gather,
    Pad,
    Permute,
    Reshape,
    Roll,
    Slice,
    View,
    WriteThrough,
)
from minicnn.ops.windows import Fold, Unfold
from minicnn.shapes import adaptive_windows, effective_kernel
from minicnn.summary.field import union

_rules = {}


def fields_after(operation, fields, shapes, outputs):
    """The field of each output; `shapes` are those of the inputs, `outputs` those of the outputs.

    An operation without a rule, a user's own say, is taken to work place by place if its output has
    the shape that its inputs broadcast to; else every entry may depend on all of them.
    """
    if all(f is None for f in fields):
        return (None,) * len(outputs)
    if getattr(operation, "function", None) is ModuleBoundary:
        return tuple(fields)
    for kind in type(operation).__mro__:
        if kind in _rules:
            return (_rules[kind](operation, fields, shapes, outputs[0]),) * len(outputs)
    return tuple(_place_by_place(fields, shapes, shape) for shape in outputs)


def _place_by_place(fields, shapes, shape):
    try:
        fits = np.broadcast_shapes(*shapes) == tuple(shape)
    except ValueError:
        fits = False
    return union(fields, shape) if fits else _from_everything(fields, shape)


def _from_everything(fields, shape):
    return union([f if f is None else f.gathered_into(shape) for f in fields], shape)


def _rule(*kinds):
    def add(function):
        _rules.update(dict.fromkeys(kinds, function))
        return function

    return add


def _rule_of_one(*kinds):
    """A rule for what looks at places of its first input; the others are its parameters."""

    def add(function):
        def of_first(operation, fields, shapes, shape):
            first, *others = fields
            if first is None:
                return _from_everything(others, shape)
            found = function(operation, first, shapes, shape)
            # Parameters computed from the image carry all of it to every place.
            return replace(found, everywhere=True) if any(others) else found

        _rules.update(dict.fromkeys(kinds, of_first))
        return function

    return add


# -------------------------------------------------------------------- windows over H and W


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


@_rule_of_one(Conv2d)
def _conv2d(operation, field, shapes, shape):
    stride, padding, dilation, _ = operation.options
    field = _windows(field, shapes[1][2:], stride, padding, dilation, shape[2:])
    return _with_channels(field, shape)


@_rule_of_one(ConvTranspose2d)
def _conv_transpose2d(operation, field, shapes, shape):
    stride, padding, dilation, _ = operation.options
    field = _laid_on(field, shapes[1][2:], stride, padding, dilation, shape[2:])
    return _with_channels(field, shape)


@_rule_of_one(MaxPool2d)
def _max_pool2d(operation, field, shapes, shape):
    kernel, stride, padding, dilation, _ = operation.options
    return _windows(field, kernel, stride, padding, dilation, shape[2:])


@_rule_of_one(AvgPool2d)
def _avg_pool2d(operation, field, shapes, shape):
    return _windows(field, *operation.options, (1, 1), shape[2:])


@_rule_of_one(AdaptiveMaxPool2d, AdaptiveAvgPool2d)
def _adaptive_pool2d(operation, field, shapes, shape):
    for dim in (2, 3):
        n, out = shapes[0][dim], shape[dim]
        if out == 1 < n:
            field = field.gathered([dim], [1])
        elif out != n:
            starts, ends = zip(*adaptive_windows(n, out), strict=True)
            field = _at_places(field, dim, Fraction(n, out), starts, [end - 1 for end in ends])
    return field


@_rule_of_one(MaxUnpool2d)
def _max_unpool2d(operation, field, shapes, shape):
    # Each value returns into the window that it was the maximum of.
    ratio = [max(1, round(out / n)) for n, out in zip(shapes[0][2:], shape[2:], strict=True)]
    return _laid_on(field, ratio, ratio, (0, 0), (1, 1), shape[2:])


@_rule_of_one(Unfold)
def _unfold(operation, field, shapes, shape):
    field = _windows(field, *operation.options)
    n, _, *out = field.shape
    return field.gathered([1], [shape[1]]).reshaped((n, shape[1], out[0] * out[1]))


@_rule_of_one(Fold)
def _fold(operation, field, shapes, shape):
    *options, out = operation.options
    n, k, _ = field.shape
    return _with_channels(_laid_on(field.reshaped((n, k, *out)), *options, shape[2:]), shape)


@_rule_of_one(Interpolate)
def _interpolate(operation, field, shapes, shape):
    for axis, low, high, share in operation.axes:
        n, out = shapes[0][axis], len(low)
        aligned = out > 1 and n > 1 and low[-1] == n - 1 and low[0] == 0 and share[-1] == 0
        scale = Fraction(n - 1, out - 1) if aligned else Fraction(n, out)
        # Where a share is 0 its neighbour is not looked at.
        field = _at_places(field, axis, scale, low, np.where(share > 0, high, low))
    return field


@_rule_of_one(SelectPlaces)
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


# ----------------------------------------------------------------- other places, same entries


@_rule_of_one(View, Reshape)
def _reshape(operation, field, shapes, shape):
    return field.reshaped(shape)


@_rule_of_one(Permute)
def _permute(operation, field, shapes, shape):
    return field.permuted(operation.dims)


@_rule_of_one(Flip)
def _flip(operation, field, shapes, shape):
    for dim in operation.dims:
        field = field.looking(dim, shape[dim], -1, shape[dim] - 1, shape[dim] - 1)
    return field


@_rule_of_one(Pad)
def _pad(operation, field, shapes, shape):
    for dim, (before, after) in enumerate(operation.widths):
        if before or after:
            field = field.looking(dim, shape[dim], 1, -before, -before)
    return field


@_rule_of_one(Slice)
def _slice(operation, field, shapes, shape):
    index = operation.index
    if Ellipsis in index:
        at = index.index(Ellipsis)
        named = sum(e is not None for e in index) - 1
        fill = (slice(None),) * (len(shapes[0]) - named)
        index = (*index[:at], *fill, *index[at + 1 :])
    dim, dropped, added = 0, [], []
    for entry in index:
        if entry is None:
            added.append(dim - len(dropped) + len(added))
            continue
        n = shapes[0][dim]
        if isinstance(entry, slice):
            places = range(n)[entry]
            if places != range(n):
                field = field.looking(dim, len(places), places.step, places.start, places.start)
        else:
            place = entry % n
            field = field.looking(dim, 1, 1, place, place).gathered([dim])
            dropped.append(dim)
        dim += 1
    field = field.without(dropped)
    return field.with_new(added)


@_rule_of_one(Gather)
def _gather(operation, field, shapes, shape):
    # One list of places in one dimension (of channels, say) leaves the others as they are.
    lists = [i for i, e in enumerate(operation.index) if isinstance(e, np.ndarray)]
    simple = len(lists) == 1 and operation.index[lists[0]].ndim == 1
    if not simple or len(shape) != len(shapes[0]):
        return field.gathered_into(shape)
    dim = lists[0] - (len(operation.index) if Ellipsis in operation.index[: lists[0]] else 0)
    dim %= len(shape)
    return field.gathered([dim], [shape[dim]])


@_rule_of_one(TakeAlong)
def _take_along(operation, field, shapes, shape):
    dims = [d for d, (n, out) in enumerate(zip(shapes[0], shape, strict=True)) if n != out]
    dims = sorted({operation.dim % max(1, len(shape)), *dims}) if shape else []
    return field.gathered(dims, [shape[d] for d in dims])


@_rule_of_one(Roll, Diagonal)
def _everything(operation, field, shapes, shape):
    return field.gathered_into(shape)


@_rule(Concatenate)
def _concatenate(operation, fields, shapes, shape):
    dim = operation.dim
    grown = []
    for field in fields:
        if field is not None and field.shape[dim] != shape[dim]:
            field = field.gathered([dim], [shape[dim]])
        grown.append(field)
    return union(grown, shape)


@_rule(WriteThrough)
def _write_through(operation, fields, shapes, shape):
    base, part = fields
    if part is not None:
        moved = [any(f.moved() for f in factors) for factors in part.dims]
        aligned = len(part.shape) == len(shape) and all(
            n == out for n, out, m in zip(part.shape, shape, moved, strict=True) if m
        )
        others = [d for d, m in enumerate(moved) if not m]
        part = part.gathered(others, [shape[d] for d in others]) if aligned else None
        if not aligned:
            part = fields[1].gathered_into(shape)
    return union([base, part], shape)


# ------------------------------------------------------------- many entries become one


@_rule_of_one(Reduction)
def _reduction(operation, field, shapes, shape):
    dims = [d % len(shapes[0]) for d in operation.dims]
    field = field.gathered(dims, [1] * len(dims))
    return field if operation.keepdim else field.without(dims)


@_rule_of_one(CumSum, Softmax, LogSoftmax)
def _along_one(operation, field, shapes, shape):
    return _mixed(field, [operation.dim % len(shape)] if shape else [])


@_rule_of_one(LpNorm)
def _lp_norm(operation, field, shapes, shape):
    dims = [d for d, (n, out) in enumerate(zip(shapes[0], shape, strict=True)) if n != out]
    return field.gathered(dims, [shape[d] for d in dims])


@_rule_of_one(BatchNorm, GroupNorm, InstanceNorm, LayerNorm, Normalization)
def _normalization(operation, field, shapes, shape):
    if operation.statistics is not None:
        return field
    count = len(shapes[1]) if isinstance(operation, LayerNorm) else len(shape) - 2
    return _mixed(field, range(len(shape) - count, len(shape)))


def _mixed(field, dims):
    """Every entry depends on all along `dims`, but on the one at its own place most directly."""
    moved = any(f.moved() for d in dims for f in field.dims[d] if f.size > 1)
    return replace(field, everywhere=True) if moved else field


@_rule_of_one(Linear)
def _linear(operation, field, shapes, shape):
    return field.gathered([len(shape) - 1], [shape[-1]])


@_rule(Matmul)
def _matmul(operation, fields, shapes, shape):
    a, b = fields
    if a is not None:
        a = a.gathered([len(a.dims) - 1], [shape[-1]])
    if b is not None:
        b = b.gathered([len(b.dims) - 2], [shape[-2]])
    return union([a, b], shape)


@_rule(Dot)
def _dot(operation, fields, shapes, shape):
    return _from_everything(fields, shape)
