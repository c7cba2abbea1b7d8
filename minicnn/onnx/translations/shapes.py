"""Operations that move values."""

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.ops import resampling, shape

END = 2**63 - 1  # of a slice that goes on to the end


def new_shape(writer, operation, pair):
    """The shape for a Reshape, given as it was in both runs; where one size differs, −1."""
    differing = [i for i, (a, b) in enumerate(zip(*pair, strict=True)) if a != b]
    if len(differing) == 1:
        return writer.integers([-1 if i in differing else a for i, a in enumerate(pair[0])])
    return writer.shape(operation, pair)


def reshape(writer, step, x):
    return writer.node("Reshape", [x, new_shape(writer, step.name, step.both("shape"))])


def permute(writer, step, x):
    return writer.node("Transpose", [x], perm=list(step.option("dims")))


def expand(writer, step, x):
    return writer.node("Expand", [x, writer.shape(step.name, step.both("shape"))])


def slice_(writer, step, x):
    index = step.option("index")
    ndim = len(step.shapes[0][0])
    used = sum(e is not None and e is not Ellipsis for e in index)
    entries = []  # one for each dimension, and None for new ones
    for e in index if Ellipsis in index else (*index, Ellipsis):
        entries += [slice(None)] * (ndim - used) if e is Ellipsis else [e]
    cuts, numbers, new, axis, kept = [], [], [], 0, 0
    for e in entries:
        if e is None:
            new.append(kept)
            kept += 1
            continue
        if isinstance(e, slice):
            if e != slice(None):
                start, stop = e.start or 0, END if e.stop is None else e.stop
                cuts.append((start, stop, axis, e.step or 1))
            kept += 1
        else:
            numbers.append((axis, e))
        axis += 1
    if cuts:
        x = writer.node("Slice", [x, *[writer.integers(part) for part in zip(*cuts, strict=True)]])
    for axis, place in reversed(numbers):  # the last first: the axes before it keep their numbers
        x = writer.node("Gather", [x, writer.integers(place)], axis=axis)
    if new:
        x = writer.node("Unsqueeze", [x, writer.integers(new)])
    return x if cuts or numbers or new else writer.node("Identity", [x])


def gather(writer, step, x):
    index = step.option("index")
    entries = index if isinstance(index, tuple) else (index,)
    axis = next(i for i, e in enumerate(entries) if isinstance(e, np.ndarray))
    others = [e for i, e in enumerate(entries) if i != axis]
    places = entries[axis]
    if any(not isinstance(e, slice) or e != slice(None) for e in others) or places.dtype == bool:
        raise ArgumentError(
            "onnx.export: indexing with several arrays, or with truth values, cannot be translated "
            "into ONNX; index_select, and a single array of places, can"
        )
    return writer.node("Gather", [x, writer.integers(places)], axis=axis)


def concatenate(writer, step, *arrays):
    return writer.node("Concat", list(arrays), axis=step.option("dim"))


def pad(writer, step, x):
    widths = step.option("widths")
    ends = writer.integers([w for side in zip(*widths, strict=True) for w in side])
    return writer.node("Pad", [x, ends, writer.constant(step.option("value"), step.dtype)])


def flip(writer, step, x):
    dims = step.option("dims")
    if not dims:
        return writer.node("Identity", [x])
    count = len(dims)
    parts = [[-1] * count, [-END] * count, dims, [-1] * count]
    return writer.node("Slice", [x, *[writer.integers(part) for part in parts]])


def roll(writer, step, x):
    shifts, dims = step.option("shifts"), step.option("dims")
    if dims is None:
        flat = writer.node("Reshape", [x, writer.integers([-1])])
        rolled = _rolled(writer, flat, shifts, 0, None)
        return writer.node("Reshape", [rolled, new_shape(writer, step.name, step.shapes[0])])
    for shift, dim in zip(shifts, dims, strict=True):
        x = _rolled(writer, x, shift, dim, step.shapes[0])
    return x


def _rolled(writer, x, shift, dim, sizes):
    if sizes is not None and sizes[0][dim] == sizes[1][dim]:
        shift %= max(sizes[0][dim], 1)
    if not shift:
        return writer.node("Identity", [x])
    ends = ((-shift, END), (0, -shift))
    parts = [
        writer.node("Slice", [x, *[writer.integers([v]) for v in (start, stop, dim)]])
        for start, stop in ends
    ]
    return writer.node("Concat", parts, axis=dim)


def select_places(writer, step, x):
    for axis, places in step.option("places"):
        x = writer.node("Gather", [x, writer.integers(places)], axis=axis)
    return x


def interpolate(writer, step, x):
    ndim = len(step.shapes[0][0])
    for axis, low, high, share in step.option("axes"):
        shape_along = [1] * ndim
        shape_along[axis] = len(share)
        to_high = share.astype(step.dtype).reshape(shape_along)
        parts = [
            writer.node(
                "Mul",
                [writer.node("Gather", [x, writer.integers(p)], axis=axis), writer.constant(s)],
            )
            for p, s in ((low, 1 - to_high), (high, to_high))
        ]
        x = writer.node("Add", parts)
    return x


TRANSLATIONS = {
    resampling.Interpolate: interpolate,
    resampling.SelectPlaces: select_places,
    shape.Concatenate: concatenate,
    shape.Expand: expand,
    shape.Flip: flip,
    shape.Gather: gather,
    shape.Pad: pad,
    shape.Permute: permute,
    shape.Reshape: reshape,
    shape.Roll: roll,
    shape.Slice: slice_,
    shape.View: reshape,
}
