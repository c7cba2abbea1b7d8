"""Which pixels of the image an entry of a tensor depends on.

Along each axis of the image, the entry at the places o₁, o₂, … of a tensor looks at the pixels from

    low + Σ_k step_k · o_k    to    high + Σ_k step_k · o_k

A convolution over a dimension with the step j, of stride s, padding p and a kernel that spans m
entries, gives low − j·p, high + j·(m − 1 − p) and the step j·s. Up-sampling divides steps, so they
are fractions. Pixels in the padding count: a field may be larger than the image.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple


class Factor(NamedTuple):
    """A dimension, or a part of one: after ``flatten(2)`` one dimension is made of H and W."""

    size: int
    steps: tuple  # for each axis of the image: pixels from one entry to the next

    def moved(self):
        """Whether its entries look at different pixels."""
        return any(self.steps)


@dataclass(frozen=True)
class Field:
    """For each dimension of a tensor its factors; `low` and `high` for each axis of the `image`.

    `everywhere` says that some way leads from the whole image to every entry, besides what `low`
    and `high` tell of the others: through global pooling, as in squeeze-and-excitation.

    Where an image is enlarged the two lines are bounds, for the entries lie between those that they
    are made of. `grains` has, for each axis, a pair (how many pixels apart those lay, how many more
    than one each saw), from the first time that happened, or None: fields are whole grains.
    """

    image: tuple
    dims: tuple
    low: tuple
    high: tuple
    everywhere: bool = False
    grains: tuple = ()

    @classmethod
    def of_images(cls, shape):
        """Of the images (N, C, …) themselves: every pixel sees itself; None without image axes."""
        axes = range(2, len(shape))
        if not axes:
            return None
        zero = (Fraction(0),) * len(axes)
        dims = [
            (Factor(n, tuple(Fraction(int(axis == dim)) for axis in axes)),)
            for dim, n in enumerate(shape)
        ]
        return cls(tuple(shape[2:]), tuple(dims), zero, zero, grains=(None,) * len(axes))

    @property
    def shape(self):
        return tuple(math.prod(f.size for f in dim) for dim in self.dims)

    # ------------------------------------------------------------------ what a reader wants

    def size(self):
        """How many pixels an entry sees along each axis of the image, at most."""
        return tuple(map(_size, self.low, self.high, self.grains))

    def stride(self):
        """By how many pixels the fields of neighbours lie apart, along each axis; None: by none."""
        found = []
        for axis in range(len(self.image)):
            steps = [abs(f.steps[axis]) for dim in self.dims for f in dim if f.steps[axis]]
            found.append(min(steps, default=None))
        return tuple(found)

    def whole(self):
        """Whether every entry sees the whole image by the way that `low` and `high` tell of."""
        return all(
            stride is None and low <= 0 and high >= n - 1
            for stride, low, high, n in zip(
                self.stride(), self.low, self.high, self.image, strict=True
            )
        )

    def of_places(self):
        """Of the places of a map: where channels look at different pixels, of all of them together.

        So they do after an image has been cut into patches that lie along the channels.
        """
        field = self
        for dim, factors in enumerate(self.dims):
            axes = [a for a, _ in enumerate(self.image) if any(f.steps[a] for f in factors)]
            if len(axes) == 1:
                field = field.merged(dim)
        for axis, _ in enumerate(self.image):
            steps = {
                dim: max(abs(f.steps[axis]) for f in factors)
                for dim, factors in enumerate(field.dims)
                if any(f.size > 1 and f.steps[axis] for f in factors)
            }
            keeps = max(steps, key=steps.get, default=None)
            field = field.gathered([dim for dim in steps if dim != keeps])
        return field

    # ------------------------------------------------------------------ one dimension changes

    def _with(self, dim, factors, low=None, high=None):
        """Another dimension in the place of `dim`; `low` and `high` are added for each axis."""
        dims = (*self.dims[:dim], tuple(factors), *self.dims[dim + 1 :])
        low = self.low if low is None else _plus(self.low, low)
        high = self.high if high is None else _plus(self.high, high)
        return replace(self, dims=dims, low=low, high=high)

    def _still(self, size):
        """A factor whose entries all look at the same pixels."""
        return Factor(size, (Fraction(0),) * len(self.image))

    def _grained(self, steps):
        """Before entries are put between those that lie `steps` apart."""
        extents = (high - low for low, high in zip(self.low, self.high, strict=True))
        found = zip(self.grains, steps, extents, strict=True)
        return replace(self, grains=tuple(g or ((abs(s), e) if s else None) for g, s, e in found))

    def merged(self, dim):
        """`dim` as one factor: its own steps where that is exact, else a field that holds it."""
        field = self
        while len(field.dims[dim]) > 1:
            *others, outer, inner = field.dims[dim]
            # Entry o is (k₁, k₂) with o = k₁·n₂ + k₂; what step · o misses of both goes into low
            # and high.
            steps = inner.steps if outer.size == 1 else [s / inner.size for s in outer.steps]
            low, high = [], []
            for step, a, b in zip(steps, outer.steps, inner.steps, strict=True):
                missed = (
                    (a - step * inner.size) * (outer.size - 1),
                    (b - step) * (inner.size - 1),
                )
                low.append(sum(min(0, m) for m in missed))
                high.append(sum(max(0, m) for m in missed))
            both = Factor(outer.size * inner.size, tuple(steps))
            if 1 not in (outer.size, inner.size):
                between = zip(outer.steps, inner.steps, strict=True)
                field = field._grained([0 if a == b * inner.size else a for a, b in between])
            field = field._with(dim, [*others, both], low, high)
        return field

    def looking(self, dim, out, scale, low, high):
        """Entry o of a new `dim` of `out` entries sees ``scale·o + low`` … ``scale·o + high``."""
        field = self.merged(dim)
        (factor,) = field.dims[dim]
        ends = [sorted((s * low, s * high)) for s in factor.steps]
        steps = tuple(s * Fraction(scale) for s in factor.steps)
        if Fraction(scale).denominator > 1:
            field = field._grained(factor.steps)
        return field._with(
            dim, [Factor(out, steps)], [low for low, _ in ends], [high for _, high in ends]
        )

    def gathered(self, dims, sizes=None):
        """Every entry of `dims` sees what all of them saw; they may get other `sizes`."""
        field = self
        for i, dim in enumerate(dims):
            low, high = [], []
            for axis in range(len(self.image)):
                ways = [f.steps[axis] * (f.size - 1) for f in field.dims[dim]]
                low.append(sum(min(0, w) for w in ways))
                high.append(sum(max(0, w) for w in ways))
            size = field.shape[dim] if sizes is None else sizes[i]
            field = field._with(dim, [field._still(size)], low, high)
        return field

    def gathered_into(self, shape):
        """Every entry of a tensor of that shape sees what all entries of this one saw."""
        field = self.gathered(range(len(self.dims)))
        return replace(field, dims=tuple((self._still(n),) for n in shape))

    def without(self, dims):
        """Without dimensions that have been gathered."""
        kept = [factors for dim, factors in enumerate(self.dims) if dim not in dims]
        return replace(self, dims=tuple(kept))

    def with_new(self, places):
        """With new dimensions of size 1 at those places of the result."""
        dims = list(self.dims)
        for place in sorted(places):
            dims.insert(place, (self._still(1),))
        return replace(self, dims=tuple(dims))

    # ------------------------------------------------------------------ all dimensions

    def permuted(self, dims):
        return replace(self, dims=tuple(self.dims[d] for d in dims))

    def reshaped(self, shape):
        """The same entries in row-major order under another shape."""
        waiting = [f for dim in self.dims for f in dim][::-1]
        dims = []
        for n in shape:
            factors, size = [], 1
            while waiting and size < n:
                factor = waiting.pop()
                if n % (size * factor.size):
                    # Its outer part belongs here, its inner part to what follows.
                    outer = n // size if n % size == 0 else 0
                    if not outer or factor.size % outer:
                        return self.gathered_into(shape)
                    inner = factor.size // outer
                    waiting.append(Factor(inner, factor.steps))
                    factor = Factor(outer, tuple(s * inner for s in factor.steps))
                factors.append(factor)
                size *= factor.size
            if n == 1 and waiting and waiting[-1].size == 1:
                factors.append(waiting.pop())
            dims.append(tuple(factors) or (self._still(n),))
        if dims and all(f.size == 1 for f in waiting):
            dims[-1] += tuple(waiting[::-1])
        found = replace(self, dims=tuple(dims))
        return found if found.shape == tuple(shape) else self.gathered_into(shape)

    def broadcast(self, shape):
        """As what is stretched to `shape`: dimensions of size 1 grow, others stand in front."""
        field = replace(self, dims=((self._still(1),),) * (len(shape) - len(self.dims)) + self.dims)
        for dim, n in enumerate(shape):
            if field.shape[dim] != n:
                field = field.gathered([dim], [n])
        return field


def _size(low, high, grain):
    extent = high - low
    if grain is not None:
        apart, each = grain
        extent = each + (extent - each) // apart * apart
    return math.floor(extent) + 1


def _plus(a, b):
    return tuple(x + y for x, y in zip(a, b, strict=True))


def union(fields, shape):
    """The field of entries computed from entries of all `fields`, broadcast to `shape`; or None."""
    fields = [f.broadcast(shape) for f in fields if f is not None]
    if not fields:
        return None
    # Images with other axes cannot be laid over each other: the first counts.
    fields = [f for f in fields if len(f.image) == len(fields[0].image)]
    for dim in range(len(shape)):
        if len({tuple(f.size for f in field.dims[dim]) for field in fields}) > 1:
            fields = [f.merged(dim) for f in fields]
    # The largest one's steps are kept: for it they are exact.
    first, *others = sorted(fields, key=lambda f: f.size(), reverse=True)
    for other in others:
        first = _united(first, other)
    return first


def _united(a, b):
    """A field that holds both: equal factors, but maybe other steps."""
    everywhere = a.everywhere or b.everywhere
    steps = [[list(f.steps) for f in dim] for dim in a.dims]
    lows, highs = [], []
    for axis in range(len(a.image)):
        moved_a, moved_b = a.stride()[axis] is not None, b.stride()[axis] is not None
        if moved_a != moved_b:  # a gate, say: one way is local, the other leads from everywhere
            everywhere = True
            local = a if moved_a else b
            for dim, factors in enumerate(local.dims):
                for k, factor in enumerate(factors):
                    steps[dim][k][axis] = factor.steps[axis]
            lows.append(local.low[axis])
            highs.append(local.high[axis])
            continue
        low, high = b.low[axis], b.high[axis]
        for of_a, of_b in zip(a.dims, b.dims, strict=True):
            for f, g in zip(of_a, of_b, strict=True):
                apart = (g.steps[axis] - f.steps[axis]) * (f.size - 1)
                low, high = low + min(0, apart), high + max(0, apart)
        lows.append(min(a.low[axis], low))
        highs.append(max(a.high[axis], high))
    dims = tuple(
        tuple(Factor(f.size, tuple(s)) for f, s in zip(dim, of_dim, strict=True))
        for dim, of_dim in zip(a.dims, steps, strict=True)
    )
    grains = tuple(g if g == h else None for g, h in zip(a.grains, b.grains, strict=True))
    return Field(a.image, dims, tuple(lows), tuple(highs), everywhere, grains)
