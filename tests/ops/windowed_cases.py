"""The table of all windowed functions: for each, how a call of it is drawn, and its textbook.

A windowed function makes each value of its result of some places of its input. `TABLE` leads from
the name of one in `minicnn.nn.functional` to a function from a `Drawing` to the parts of a `Case`.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F

LAYOUTS = ("rows", "transposed", "channels last", "a part", "every second", "backwards")


def laid_out(array, layout):
    """The same values, otherwise arranged in memory; between them may lie NaN."""
    if not array.ndim or layout == "rows":
        return np.ascontiguousarray(array)
    if layout == "transposed":
        return np.ascontiguousarray(array.T).T
    if layout == "channels last":
        axis = min(1, array.ndim - 1)
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, axis, -1)), -1, axis)
    if layout == "backwards":
        back = (slice(None, None, -1),) * array.ndim
        return np.ascontiguousarray(array[back])[back]
    nothing = np.nan if array.dtype.kind == "f" else -1
    if layout == "a part":
        around = np.full([n + 3 for n in array.shape], nothing, array.dtype)
        part = around[tuple(slice(1, n + 1) for n in array.shape)]
    else:
        around = np.full((*array.shape[:-1], 2 * array.shape[-1]), nothing, array.dtype)
        part = around[..., ::2]
    part[...] = array
    return part


class Case(NamedTuple):
    """One call ``F.<name>(*arrays, **options)``.

    textbook: arrays to (y, indices of the maxima or None, a function of δ to the gradients).
    unbatched: numbers of the arrays that are given without their batch of one; so is y then.
    """

    arrays: list
    options: dict
    textbook: Callable
    unbatched: tuple = ()

    def given(self):
        return [a[0] if i in self.unbatched else a for i, a in enumerate(self.arrays)]

    def expected(self):
        """(y, indices, function of δ to the gradients), as `given` has them."""
        y, indices, gradients = self.textbook(*self.arrays)
        if not self.unbatched:
            return y, indices, gradients

        def without_batch(delta):
            found = enumerate(gradients(delta[None]))
            return [g[0] if i in self.unbatched else g for i, g in found]

        return y[0], None if indices is None else indices[0], without_batch

    def __repr__(self):
        shapes = ", ".join(f"{a.dtype}{a.shape}" for a in self.given())
        return f"({shapes}, {', '.join(f'{k}={v}' for k, v in self.options.items())})"


class Drawing:
    """What a call is drawn with; `dtype` is that of all its floating-point arrays.

    Hypothesis draws a seed, and all choices follow from it. If it drew each of them, it would make
    most calls by changing little in the one before, and many kinds of calls would not be met.
    A failing call is still made smaller: by `spread`, how far above the least a number may lie.
    """

    def __init__(self, seed, spread, dtype):
        self._rng, self.spread = np.random.default_rng(seed), spread
        self.dtype, self.ties = np.dtype(dtype), self.flag()

    def integer(self, low, high):
        return low + int(self._rng.integers(0, min(high - low, self.spread) + 1))

    def integers(self, low, high, n):
        return tuple(self.integer(low, high) for _ in range(n))

    def among(self, *options):
        return options[self._rng.integers(len(options))]

    def flag(self):
        return bool(self._rng.integers(2))

    def short(self, values):
        """One number for all axes where they agree: both ways of saying it are drawn."""
        return values[0] if len(set(values)) == 1 and self.flag() else values

    def sizes(self, least, room=4):
        """At least so many entries along each axis; no two axes of one size."""
        sizes = [n + self.integer(0, room) for n in least]
        for i in range(1, len(sizes)):
            while sizes[i] in sizes[:i]:
                sizes[i] += 1
        return tuple(sizes)

    def batch(self):
        """(N, whether x is given without it)."""
        n = 0 if self._rng.random() < 0.05 else self.integer(1, 3)
        return n, n == 1 and self.flag()

    def values(self, *shape):
        """Random values; with `ties` few different ones, so that many maxima are equal."""
        if self.ties:
            return self._rng.integers(-2, 3, shape).astype(self.dtype)
        values = self._rng.standard_normal(shape)
        if self.dtype == np.float16:  # quarters: the sums of their products lose no digits
            values = np.round(4 * values.clip(-2, 2)) / 4
        return np.asarray(values, self.dtype)

    def away_from_0(self, *shape, signs=False):
        """Values in 0.5 … 1.5, where powers and roots magnify no rounding."""
        values = self._rng.uniform(0.5, 1.5, shape)
        if signs:
            values *= self._rng.choice([-1, 1], shape)
        return values.astype(self.dtype)

    def permuted(self, n, rows):
        """(rows, n): the numbers 0 … n − 1, in each row in an order of its own."""
        return self._rng.permuted(np.tile(np.arange(n), (rows, 1)), axis=1)


def cases(name, dtypes=("float64", "float32")):
    """The strategy for the calls of one function of the table."""
    drawings = st.builds(
        Drawing,
        seed=st.integers(0, 2**32 - 1),
        spread=st.sampled_from((1, 9, 9, 9)),
        dtype=st.sampled_from(dtypes),
    )
    return drawings.map(lambda drawing: Case(*TABLE[name](drawing)))


def leaves(module, arrays, layout="rows"):
    """Tensors of these values; those of floating point want gradients."""
    if module is mc:
        tensors = [mc.Tensor(laid_out(a, layout)) for a in arrays]
    else:
        tensors = [module.from_numpy(np.array(a, order="C")) for a in arrays]
    return [t.requires_grad_() if t.is_floating_point() else t for t in tensors]


def run(module, function, case, delta, layouts=("rows", "rows")):
    """([y, gradients …], indices or None) of a call here or in PyTorch, for an upstream δ.

    `delta` is a function of the shape of y. `layouts` are those of the inputs and of δ.
    """
    tensors = leaves(module, case.given(), layouts[0])
    y = function(*tensors, **case.options)
    y, indices = y if isinstance(y, tuple) else (y, None)
    (upstream,) = leaves(module, [delta(tuple(y.shape))], layouts[1])
    y.backward(upstream.detach())
    found = [np.asarray(y.detach())]
    for t in tensors:
        if t.is_floating_point():
            # PyTorch leaves out gradients that nothing can come through.
            empty = np.zeros(tuple(t.shape), found[0].dtype)
            found.append(empty if t.grad is None else np.asarray(t.grad))
    return found, None if indices is None else np.asarray(indices)


def assert_same(mine, theirs, tolerance, text):
    """Equal shapes, dtypes, and values but for rounding."""
    assert len(mine) == len(theirs), text
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        what = f"{text}: {f'gradient {i - 1}' if i else 'y'}"
        assert (a.dtype, a.shape) == (b.dtype, b.shape), what
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)


# Where no windowed function can be found, and what else there is beside the one that is.
ELSEWHERE = {"activation", "dropout", "elementwise_loss", "encoding", "fused", "linear", "loss"}
NOT_WINDOWED = {"batch_norm", "group_norm", "instance_norm", "layer_norm"}


def windowed_functions():
    """The names of all windowed functions: those of every module not known to hold none."""
    found = set()
    for name, function in vars(F).items():
        home = getattr(function, "__module__", "").rpartition(".")
        if callable(function) and home[0] == F.__name__ and home[2] not in ELSEWHERE:
            found |= {name} - NOT_WINDOWED
    return found


def _beside(name):
    """A file beside this one; tests are no package, so that it cannot be imported."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLE = {}
for _name in ("windowed_convolutions", "windowed_pools", "windowed_grids"):
    TABLE |= _beside(_name).TABLE
