"""Operations that put entries elsewhere and change none: an entry's gradient is δ where it went.

Where an entry went is found by moving the places' own numbers with the operation itself.
"""

import numpy as np

from minicnn.tracing.terms import Term

MOVING = (
    "View", "Reshape", "Permute", "Expand", "Concatenate", "Flip", "Roll", "Slice", "Gather",
    "Diagonal", "Pad",
)  # fmt: skip


def numbers_moved(place):
    """For every place of the output the number of the entry it shows; where each input's begin.

    All entries of all inputs are numbered from 1 on; 0 stands for what was filled in.
    """
    shapes = [v.shape for v in place.step.inputs]
    sizes = [int(np.prod(s)) for s in shapes]
    starts = np.cumsum([1, *sizes])
    numbers = [
        np.arange(start, start + size).reshape(shape)
        for start, size, shape in zip(starts, sizes, shapes, strict=False)
    ]
    operation = place.operation()
    if place.step.operation == "Pad":
        operation.value = 0
    return np.asarray(operation.run(*numbers)), starts


def _sorted_places(place):
    """The places of the output, flat, in the order of the entries that they show."""
    shown, starts = numbers_moved(place)
    order = np.argsort(shown, axis=None, kind="stable")
    return shown.ravel()[order], order, starts


def moved_backward(place, i, index):
    """δ of every output place that shows the entry."""
    inside, delta = place.step.inputs[i].shape, place.delta()
    number = int(np.ravel_multi_index(index, inside)) if index else 0
    if place.step.operation in ("View", "Reshape"):
        flat = [number]
    else:
        shown, order, starts = place.once("places", _sorted_places)
        wanted = starts[i] + number
        flat = order[slice(*np.searchsorted(shown, [wanted, wanted + 1]))]
    shape = place.step.outputs[0].shape
    found = [tuple(int(k) for k in np.unravel_index(at, shape)) for at in flat]
    if delta.value.batched:
        found = [at for at in found if at[0] in delta.samples()]
    return [Term((delta.at("δ", at),)) for at in found]
