"""`Place`: a backward or forward step with its arrays at hand, as the rules ask for them."""

import itertools

from minicnn.tracing.attributes import copy_of, put, restore
from minicnn.tracing.terms import Factor, View

MINUS = Factor("−1", None, -1.0)


class Place:
    """The arrays and options of a step.

    Args:
        step: the `Step`.
        sample: the sample that is kept; None if all are.
        operation: the one that ran in the forward, or None where the trace was read from a file.
    """

    def __init__(self, step, sample, operation):
        self.step, self.sample = step, sample
        self._operation = operation
        self._kept = {}

    def once(self, name, compute):
        """``compute(self)``, computed at the first use."""
        if name not in self._kept:
            self._kept[name] = compute(self)
        return self._kept[name]

    def input(self, i):
        """The `View` of input i."""
        return View(self.step.inputs[i], self.sample)

    def output(self):
        """The `View` of the first output."""
        return View(self.step.outputs[0], self.sample)

    def delta(self):
        """The `View` of δ for the first output."""
        return View(self.step.deltas[0], self.sample)

    def saved(self, name):
        """The `View` of an array that the operation keeps beside these, such as argmax."""
        return View(self.step.saved[name], self.sample)

    def option(self, name):
        """An option of the operation, such as its stride."""
        return self.step.attributes[name]

    def operation(self):
        """The operation once more, to be run on other arrays."""
        if self._operation is None:
            return restore(self.step)
        operation = copy_of(self._operation)
        put(operation, {n: v.array for n, v in self.step.saved.items()})
        return operation


def broadcast_places(shape, own_shape, index, samples=None):
    """The places in an array of `shape` that an entry of a smaller array is broadcast to.

    Args:
        shape: of the larger array.
        own_shape, index: the smaller array's, and the entry of it.
        samples: the places along the larger one's first axis that count; None: all.

    >>> broadcast_places((2, 3), (3,), (1,))
    [(0, 1), (1, 1)]
    >>> broadcast_places((2, 3), (2, 1), (1, 0), samples=range(1, 2))
    [(1, 0), (1, 1), (1, 2)]
    """
    missing = len(shape) - len(own_shape)
    axes = []
    for axis, size in enumerate(shape):
        own = axis - missing
        along = (index[own],) if own >= 0 and own_shape[own] == size else range(size)
        if axis == 0 and samples is not None:
            along = [k for k in along if k in samples]
        axes.append(along)
    return list(itertools.product(*axes))


def shown_at(own_shape, place):
    """The entry of an array of `own_shape` that is broadcast to `place` of a larger one.

    >>> shown_at((4, 1), (2, 3, 5))
    (3, 0)
    """
    own = place[len(place) - len(own_shape) :]
    return tuple(0 if size == 1 else k for size, k in zip(own_shape, own, strict=True))
