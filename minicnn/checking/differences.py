"""Derivatives by finite differences, and where there are none.

The central difference (f(x + h) − f(x − h)) / 2h is the derivative up to an error of order h²
(equation ``finite-difference``). At a kink (ReLU at 0) or a tie (two equal maxima) the differences
to the right and to the left disagree, however small h is: f has no derivative there.
"""

from contextlib import contextmanager

import numpy as np

from minicnn.modes import no_grad

# A step that much smaller shows whether left and right disagree for want of a derivative.
REFINE = 8


def floating_outputs(func, inputs):
    """What `func` returns, as a list of its tensors that can have a gradient."""
    result = func(*inputs)
    outputs = result if isinstance(result, (tuple, list)) else (result,)
    return [o for o in outputs if o.is_floating_point()]


def values(func, inputs):
    """The outputs' values in float64, in memory of their own (a view would change with x)."""
    with no_grad():
        return [np.array(o.array, np.float64) for o in floating_outputs(func, inputs)]


@contextmanager
def moved(x, place, step):
    """The tensor `x` with `step` added to what lies at `place`, for a while."""
    kept = x.array[place].copy()
    x.array[place] = kept + step
    try:
        # The step that was really made: in float32, kept + step is rounded.
        yield np.float64(x.array[place]) - np.float64(kept)
    finally:
        x.array[place] = kept


class Differences:
    """Finite differences of ``func(*inputs)``.

    Attributes:
        base: the outputs' values, float64 arrays.
        step: h.
    """

    def __init__(self, func, inputs, step):
        self.func, self.inputs, self.step = func, inputs, step
        self.base = values(func, inputs)

    def _sides(self, x, place, step):
        """(f(x + h) − f(x))/h and (f(x) − f(x − h))/h, a list of arrays each."""
        sides = []
        for h in (step, -step):
            with moved(x, place, h) as made:
                found = values(self.func, self.inputs)
            # made < 0 turns f(x − h) − f(x) into the slope on the left.
            sides.append([(o - b) / made for o, b in zip(found, self.base, strict=True)])
        return sides

    def at(self, x, place, tolerance):
        """∂f/∂x at `place`: (central differences, one array an output; where there are none).

        Where left and right disagree by more than `tolerance(slope)`, a smaller step decides: if
        they agree there, its difference is taken; else the second array is True.
        """
        right, left = self._sides(x, place, self.step)
        if not any(_disagree(a, b, tolerance).any() for a, b in zip(right, left, strict=True)):
            return _middle(right, left), [np.zeros(b.shape, bool) for b in self.base]
        right, left = self._sides(x, place, self.step / REFINE)
        kinks = [_disagree(a, b, tolerance) for a, b in zip(right, left, strict=True)]
        return _middle(right, left), kinks

    def sides(self, x, place, deltas):
        """The slopes of Σ δ ⊙ f to the left and to the right."""
        right, left = self._sides(x, place, self.step / REFINE)
        return [
            sum((s * d).sum() for s, d in zip(side, deltas, strict=True)) for side in (left, right)
        ]

    def along(self, x, direction, deltas):
        """Σ δ ⊙ (f(x + h u) − f(x − h u))/2h for a direction u of x's shape."""
        found, kept = [], x.array.copy()
        for h in (self.step, -self.step):
            x.array[...] = kept + h * direction
            try:
                found.append(values(self.func, self.inputs))
            finally:
                x.array[...] = kept
        pairs = zip(*found, deltas, strict=True)
        return sum(((a - b) * d).sum() for a, b, d in pairs) / (2 * self.step)


def _middle(right, left):
    return [(a + b) / 2 for a, b in zip(right, left, strict=True)]


def _disagree(right, left, tolerance):
    # NaN disagrees with everything.
    return ~(np.abs(right - left) <= tolerance(np.maximum(np.abs(right), np.abs(left))))


def untied(x, step):
    """`x` moved a little so that no values are equal, the first of equal ones being the largest.

    Where f is linear between its kinks, its derivative there is the gradient that the convention
    chooses at the tie: max pooling's first maximum takes all, and ReLU' is 0 at 0.
    """
    ranks = np.arange(1, x.size + 1, dtype=x.dtype).reshape(x.shape)
    return x - 4 * step * ranks
