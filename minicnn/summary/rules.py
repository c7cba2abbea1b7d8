"""How each operation changes the receptive field: one rule a kind of operation.

What has no rule computes every entry from the entries at the same place.
"""

import numpy as np

# Importing these makes their rules known.
import minicnn.summary.entries
import minicnn.summary.windows  # noqa: F401
from minicnn.nn.backward_hooks import ModuleBoundary
from minicnn.summary.field import union
from minicnn.summary.rule import from_everything, rules


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
        if kind in rules:
            return (rules[kind](operation, fields, shapes, outputs[0]),) * len(outputs)
    return tuple(_place_by_place(fields, shapes, shape) for shape in outputs)


def _place_by_place(fields, shapes, shape):
    try:
        fits = np.broadcast_shapes(*shapes) == tuple(shape)
    except ValueError:
        fits = False
    return union(fields, shape) if fits else from_everything(fields, shape)
