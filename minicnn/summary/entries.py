"""Receptive fields of what moves entries about, joins them, and makes one of many."""

from dataclasses import replace

import numpy as np

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
from minicnn.ops.reduction import CumSum, Reduction, TakeAlong
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
from minicnn.summary.field import union
from minicnn.summary.rule import from_everything, rule, rule_of_first

# ----------------------------------------------------------------- other places, same entries


@rule_of_first(View, Reshape)
def _reshape(operation, field, shapes, shape):
    return field.reshaped(shape)


@rule_of_first(Permute)
def _permute(operation, field, shapes, shape):
    return field.permuted(operation.dims)


@rule_of_first(Flip)
def _flip(operation, field, shapes, shape):
    for dim in operation.dims:
        field = field.looking(dim, shape[dim], -1, shape[dim] - 1, shape[dim] - 1)
    return field


@rule_of_first(Pad)
def _pad(operation, field, shapes, shape):
    for dim, (before, after) in enumerate(operation.widths):
        if before or after:
            field = field.looking(dim, shape[dim], 1, -before, -before)
    return field


@rule_of_first(Slice)
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


@rule_of_first(Gather)
def _gather(operation, field, shapes, shape):
    # One list of places in one dimension (of channels, say) leaves the others as they are.
    lists = [i for i, e in enumerate(operation.index) if isinstance(e, np.ndarray)]
    simple = len(lists) == 1 and operation.index[lists[0]].ndim == 1
    if not simple or len(shape) != len(shapes[0]):
        return field.gathered_into(shape)
    dim = lists[0] - (len(operation.index) if Ellipsis in operation.index[: lists[0]] else 0)
    dim %= len(shape)
    return field.gathered([dim], [shape[dim]])


@rule_of_first(TakeAlong)
def _take_along(operation, field, shapes, shape):
    dims = [d for d, (n, out) in enumerate(zip(shapes[0], shape, strict=True)) if n != out]
    dims = sorted({operation.dim % max(1, len(shape)), *dims}) if shape else []
    return field.gathered(dims, [shape[d] for d in dims])


@rule_of_first(Roll, Diagonal)
def _everything(operation, field, shapes, shape):
    return field.gathered_into(shape)


@rule(Concatenate)
def _concatenate(operation, fields, shapes, shape):
    dim = operation.dim
    grown = []
    for field in fields:
        if field is not None and field.shape[dim] != shape[dim]:
            field = field.gathered([dim], [shape[dim]])
        grown.append(field)
    return union(grown, shape)


@rule(WriteThrough)
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


@rule_of_first(Reduction)
def _reduction(operation, field, shapes, shape):
    dims = [d % len(shapes[0]) for d in operation.dims]
    field = field.gathered(dims, [1] * len(dims))
    return field if operation.keepdim else field.without(dims)


@rule_of_first(CumSum, Softmax, LogSoftmax)
def _along_one(operation, field, shapes, shape):
    return _mixed(field, [operation.dim % len(shape)] if shape else [])


@rule_of_first(LpNorm)
def _lp_norm(operation, field, shapes, shape):
    dims = [d for d, (n, out) in enumerate(zip(shapes[0], shape, strict=True)) if n != out]
    return field.gathered(dims, [shape[d] for d in dims])


@rule_of_first(BatchNorm, GroupNorm, InstanceNorm, LayerNorm, Normalization)
def _normalization(operation, field, shapes, shape):
    if operation.statistics is not None:
        return field
    count = len(shapes[1]) if isinstance(operation, LayerNorm) else len(shape) - 2
    return _mixed(field, range(len(shape) - count, len(shape)))


def _mixed(field, dims):
    """Every entry depends on all along `dims`, but on the one at its own place most directly."""
    moved = any(f.moved() for d in dims for f in field.dims[d] if f.size > 1)
    return replace(field, everywhere=True) if moved else field


@rule_of_first(Linear)
def _linear(operation, field, shapes, shape):
    return field.gathered([len(shape) - 1], [shape[-1]])


@rule(Matmul)
def _matmul(operation, fields, shapes, shape):
    a, b = fields
    if a is not None:
        a = a.gathered([len(a.dims) - 1], [shape[-1]])
    if b is not None:
        b = b.gathered([len(b.dims) - 2], [shape[-2]])
    return union([a, b], shape)


@rule(Dot)
def _dot(operation, fields, shapes, shape):
    return from_everything(fields, shape)
