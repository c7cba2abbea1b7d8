"""Operations that move values and compute nothing: δ takes the same way back.

Those with ``views = True`` share the input's memory and save no arrays, so that the engine can
apply them again when the memory they look at has been changed in place.
"""

import itertools
import math

import numpy as np

from minicnn.arrays import array_module, unbroadcast
from minicnn.kernels import find
from minicnn.ops.base import Operation


class View(Operation):
    """The same memory under another shape;  ∂L/∂x = δ under the old one."""

    equations = ("rearrange",)
    views = True

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        # copy=False: a reshape that would have to copy is Reshape, not View.
        return array_module(x).reshape(x, self.shape, copy=False)

    def backward(self, delta):
        return delta.reshape(self.inputs[0][0])


class Reshape(Operation):
    """As `View`, in memory of its own."""

    equations = ("rearrange",)

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        return x.reshape(self.shape)

    def backward(self, delta):
        return delta.reshape(self.inputs[0][0])


class Permute(Operation):
    """Dimension i of the output is dimension dims[i] of x;  δ is permuted back."""

    equations = ("rearrange",)
    views = True

    def __init__(self, dims):
        self.dims = dims

    def forward(self, x):
        return x.transpose(self.dims)

    def backward(self, delta):
        back = [0] * len(self.dims)
        for i, d in enumerate(self.dims):
            back[d] = i
        return delta.transpose(back)


class Expand(Operation):
    """x stretched along dimensions of size 1;  δ is summed over the copies (``broadcast``)."""

    equations = ("broadcast",)
    views = True

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        return array_module(x).broadcast_to(x, self.shape)

    def backward(self, delta):
        return unbroadcast(delta, self.inputs[0][0])


class Slice(Operation):
    """x[index] with numbers and slices;  δ goes to the places taken, 0 to the others."""

    equations = ("pick",)
    views = True
    fresh = True

    def __init__(self, index):
        self.index = index

    def forward(self, x):
        # The Ellipsis keeps a single element an array, one that still looks at x's memory.
        return x[(*self.index, ...)] if Ellipsis not in self.index else x[self.index]

    def backward(self, delta):
        shape, dtype = self.inputs[0]
        dx = array_module(delta).zeros(shape, dtype)
        dx[self.index] = delta
        return dx


class Gather(Operation):
    """x[index] with arrays of places;  a place taken several times receives the sum of its δ."""

    equations = ("pick",)
    fresh = True

    def __init__(self, index):
        self.index = index

    def forward(self, x):
        return x[self.index]

    def backward(self, delta):
        shape, _ = self.inputs[0]
        return find("add_at", delta)(delta, self.index, shape)


class SetItem(Operation):
    """z = x with z[index] = v;  what was overwritten has no influence: ∂L/∂x is 0 there."""

    equations = ("overwrite",)

    def __init__(self, index):
        self.index = index

    def forward(self, x, v):
        z = x.copy()
        z[self.index] = v
        return z

    def backward(self, delta):
        dx = dv = None
        if self.needs[0]:
            dx = delta.copy()
            dx[self.index] = 0
        if self.needs[1]:
            dv = unbroadcast(delta[self.index], self.inputs[1][0]).astype(delta.dtype, copy=True)
        return dx, dv


class WriteThrough(Operation):
    """The whole of x after a change in place of a part that `views` show of it.

    The part's new values have a graph of their own, so ∂L/∂x is δ with 0 at the part, and
    ∂L/∂part is δ at the part.
    """

    equations = ("overwrite",)
    fresh = True

    def __init__(self, views):
        self.view_operations = views

    def positions(self, shape, xp):
        """Where in x, counted flat, each element of the part lies: the views of 0, 1, 2, …"""
        places = xp.arange(math.prod(shape)).reshape(shape)
        for view in self.view_operations:
            # Numbers in row-major order reshape to the same places, whether viewed or copied.
            places = places.reshape(view.shape) if isinstance(view, View) else view.forward(places)
        return places

    def forward(self, x, part):
        return x

    def backward(self, delta):
        places = self.positions(self.inputs[0][0], array_module(delta))
        dx = delta.flatten()
        part = dx[places].copy()  # of a single place CuPy shows a view
        dx[places] = 0
        return dx.reshape(delta.shape), part


class Concatenate(Operation):
    """Tensors joined along a dimension;  δ is cut at the seams."""

    equations = ("concatenate",)

    def __init__(self, dim):
        self.dim = dim

    def forward(self, *arrays):
        self.needs = self.needs[: len(arrays)]
        return find("concatenate", arrays[0])(arrays, self.dim)

    def backward(self, delta):
        ends = itertools.accumulate(shape[self.dim] for shape, _ in self.inputs)
        return tuple(array_module(delta).split(delta, list(ends)[:-1], axis=self.dim))


class Flip(Operation):
    """The order along the dimensions reversed;  so is that of δ."""

    equations = ("rearrange",)

    def __init__(self, dims):
        self.dims = dims

    def forward(self, x):
        # A copy, as in PyTorch, although NumPy could show it as a view.
        return array_module(x).flip(x, self.dims).copy()

    def backward(self, delta):
        return array_module(delta).flip(delta, self.dims)


class Roll(Operation):
    """x shifted along the dimensions; what leaves at one end enters at the other, δ shifts back."""

    equations = ("rearrange",)
    fresh = True

    def __init__(self, shifts, dims):
        self.shifts, self.dims = shifts, dims

    def forward(self, x):
        return array_module(x).roll(x, self.shifts, self.dims)

    def backward(self, delta):
        back = tuple(-s for s in self.shifts) if self.dims is not None else -self.shifts
        return array_module(delta).roll(delta, back, self.dims)


class Diagonal(Operation):
    """The elements whose places along two dimensions are equal, as a new last dimension.

    δ returns to the diagonal; nothing else had any influence.
    """

    equations = ("pick",)
    views = True
    fresh = True

    def __init__(self, dim1, dim2):
        self.dims = dim1, dim2

    def forward(self, x):
        diagonal = x.diagonal(0, *self.dims)
        if isinstance(x, np.ndarray):
            # NumPy protects a diagonal from being written to; as a view it may be, as in PyTorch.
            diagonal.flags.writeable = x.flags.writeable
        return diagonal

    def backward(self, delta):
        dx = array_module(delta).zeros(*self.inputs[0])
        self.forward(dx)[...] = delta
        return dx


class Pad(Operation):
    """x with rows of a constant around it;  the border has no influence, δ is cropped.

    `widths` holds (before, after) for each dimension.
    """

    equations = ("pad",)

    def __init__(self, widths, value):
        self.widths, self.value = widths, value

    def forward(self, x):
        return array_module(x).pad(x, self.widths, constant_values=self.value)

    def backward(self, delta):
        inside = tuple(
            slice(before, before + size)
            for (before, _), size in zip(self.widths, self.inputs[0][0], strict=True)
        )
        return delta[inside]
