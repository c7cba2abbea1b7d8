"""Reductions over dimensions.

`dims` is a tuple of distinct non-negative axes, `keepdim` says whether they stay with size 1.
"""

from minicnn.arrays import array_module
from minicnn.ops.base import Operation


class Reduction(Operation):
    """The base of the reductions: which axes go, and whether they stay with size 1."""

    def __init__(self, dims, keepdim=False):
        self.dims, self.keepdim = dims, keepdim

    def stretch(self, reduced):
        """`reduced` with its lost axes put back at size 1, so that it broadcasts against x."""
        if self.keepdim:
            return reduced
        return array_module(reduced).expand_dims(reduced, self.dims) if self.dims else reduced


class Sum(Reduction):
    """z = Σ x;  every summand receives δ."""

    equations = ("sum",)

    def forward(self, x):
        return x.sum(axis=self.dims, keepdims=self.keepdim, dtype=x.dtype)

    def backward(self, delta):
        return array_module(delta).broadcast_to(self.stretch(delta), self.inputs[0][0])


class Mean(Reduction):
    """z = (1/n) Σ x;  each of the n receives δ/n."""

    equations = ("mean",)

    def forward(self, x):
        return x.mean(axis=self.dims, keepdims=self.keepdim, dtype=x.dtype)

    def backward(self, delta):
        shape, _ = self.inputs[0]
        n = 1
        for d in self.dims:
            n *= shape[d]
        return array_module(delta).broadcast_to(self.stretch(delta) / n, shape)


class Extremum(Reduction):
    """z = max x or min x; δ is shared evenly among all that reach it (PyTorch's amax, amin)."""

    saves = ("x", "z")
    fresh = True

    def forward(self, x):
        self.x = x
        self.z = self.reduce(x)
        return self.z

    def backward(self, delta):
        reached = self.x == self.stretch(self.z)
        count = reached.sum(axis=self.dims, keepdims=True)
        return (reached * (self.stretch(delta) / count)).astype(delta.dtype)


class Amax(Extremum):
    __doc__ = Extremum.__doc__

    def reduce(self, x):
        return x.max(axis=self.dims, keepdims=self.keepdim)


class Amin(Extremum):
    __doc__ = Extremum.__doc__

    def reduce(self, x):
        return x.min(axis=self.dims, keepdims=self.keepdim)


class TakeAlong(Operation):
    """The values at `index` along a dimension;  δ returns to those places."""

    fresh = True

    def __init__(self, index, dim):
        self.index, self.dim = index, dim

    def forward(self, x):
        return array_module(x).take_along_axis(x, self.index, axis=self.dim)

    def backward(self, delta):
        shape, dtype = self.inputs[0]
        xp = array_module(delta)
        dx = xp.zeros(shape, dtype)
        xp.put_along_axis(dx, self.index, delta, axis=self.dim)
        return dx
