"""Reductions over dimensions.

`dims` is a tuple of distinct non-negative axes, `keepdim` says whether they stay with size 1.
"""

import numpy as np

from minicnn.arrays import array_module
from minicnn.ops.base import Operation


def _accumulator(dtype):
    """The dtype that sums are kept in: float16 has three digits, too few for a running total."""
    return "float32" if dtype == "float16" else dtype


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
        total = x.sum(axis=self.dims, keepdims=self.keepdim, dtype=_accumulator(x.dtype))
        return total.astype(x.dtype, copy=False)

    def backward(self, delta):
        return array_module(delta).broadcast_to(self.stretch(delta), self.inputs[0][0])


class Mean(Reduction):
    """z = (1/n) Σ x;  each of the n receives δ/n."""

    equations = ("mean",)

    def forward(self, x):
        mean = x.mean(axis=self.dims, keepdims=self.keepdim, dtype=_accumulator(x.dtype))
        return mean.astype(x.dtype, copy=False)

    def backward(self, delta):
        shape, _ = self.inputs[0]
        n = 1
        for d in self.dims:
            n *= shape[d]
        return array_module(delta).broadcast_to(self.stretch(delta) / n, shape)


class Extremum(Reduction):
    """z = max x or min x; δ is shared evenly among all that reach it (PyTorch's amax, amin)."""

    equations = ("extremum",)
    saves = ("x", "z")
    fresh = True

    def forward(self, x):
        self.x = x
        self.z = self.reduce(x)
        return self.z

    def backward(self, delta):
        reached = self.reached(self.stretch(self.z))
        count = reached.sum(axis=self.dims, keepdims=True)
        return (reached * (self.stretch(delta) / count)).astype(delta.dtype)

    def reached(self, z):
        return self.x == z


class Amax(Extremum):
    __doc__ = Extremum.__doc__

    def reduce(self, x):
        return x.max(axis=self.dims, keepdims=self.keepdim)


class Amin(Extremum):
    __doc__ = Extremum.__doc__

    def reduce(self, x):
        return x.min(axis=self.dims, keepdims=self.keepdim)


class Max(Amax):
    """As `Amax`, over all of x; where the maximum is NaN, the NaN share δ (PyTorch's max)."""

    def reached(self, z):
        return (self.x == z) | ((self.x != self.x) & (z != z))


class Min(Amin):
    """As `Amin`, over all of x; where the minimum is NaN, the NaN share δ (PyTorch's min)."""

    reached = Max.reached


class Prod(Reduction):
    """z = Π x_i;  ∂L/∂x_i = δ · Π_{j≠i} x_j, which is z/x_i where z has all its digits."""

    equations = ("prod",)
    saves = ("x", "z")
    fresh = True

    def forward(self, x):
        self.x = x
        # keepdims for the broadcasting in backward; () stands for all dimensions of a 0-d x.
        self.z = x.prod(axis=self.dims, keepdims=True, dtype=x.dtype)
        return self.z.copy() if self.keepdim else self.z.reshape(self._kept(x.shape)).copy()

    def _kept(self, shape):
        return tuple(s for i, s in enumerate(shape) if i not in self.dims)

    def backward(self, delta):
        x, delta = self.x, self.stretch(delta)
        size = abs(self.z)
        if ((size >= np.finfo(x.dtype).tiny) & (size < np.inf)).all():
            return delta * self.z / x
        # With zeros there is nothing to divide by, and a product that is too small or too large has
        # lost its digits: then it is the product of all before x_i and all after it.
        if len(self.dims) == 1:
            return delta * _others(x, self.dims[0])
        return delta * _others(x.reshape(-1), 0).reshape(x.shape)


def _others(x, axis):
    """For each element along `axis`, the product of the others."""
    xp = array_module(x)
    before = (slice(None),) * axis
    one = xp.ones_like(x[(*before, slice(1))])

    def of_those_before(x):
        shifted = xp.concatenate([one, x[(*before, slice(-1))]], axis=axis)
        return shifted.cumprod(axis=axis, dtype=x.dtype)

    return of_those_before(x) * xp.flip(of_those_before(xp.flip(x, axis)), axis)


class CumSum(Operation):
    """z_i = Σ_{j≤i} x_j along a dimension;  ∂L/∂x_i = Σ_{j≥i} δ_j."""

    equations = ("sum",)
    fresh = True

    def __init__(self, dim):
        self.dim = dim

    def forward(self, x):
        return _running_sum(x, self.dim)

    def backward(self, delta):
        flip = array_module(delta).flip
        return flip(_running_sum(flip(delta, self.dim), self.dim), self.dim)


def _running_sum(x, dim):
    total = x.cumsum(axis=dim, dtype=_accumulator(x.dtype))
    return total.astype(x.dtype, copy=False).reshape(x.shape)


class TakeAlong(Operation):
    """The values at `index` along a dimension;  δ returns to those places."""

    equations = ("pick",)
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
