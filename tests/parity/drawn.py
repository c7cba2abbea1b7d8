"""Random calls, described so that minicnn and PyTorch can both make them.

A `Call` holds arguments; those that belong to a library (tensors, dtypes, optimisers) stand in it
as descriptions with a method ``build(module, built)``.
"""

import math

import numpy as np

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e300, 5e-324]


class T:
    """A tensor: its values, how it lies in memory, and whether it wants a gradient."""

    def __init__(self, values, layout=0, grad=None):
        self.values = values
        self.layout = layout if self.values.ndim and self.values.size else 0
        self.grad = self.values.dtype.kind == "f" if grad is None else grad

    def build(self, module, built):
        """The tensor; the leaf that it is a view of is noted in `built.leaves`."""
        values = self.values
        if self.layout == 1:
            values = values.T
        elif self.layout == 2:
            values = np.repeat(values, 2, axis=-1)
        elif self.layout == 3:
            values = np.concatenate([values[:1], values])
        leaf = module.tensor(np.ascontiguousarray(values).reshape(values.shape))
        if self.grad:
            leaf.requires_grad_()
            built.leaves.append(leaf)
        if self.layout == 1:
            return leaf.permute(tuple(reversed(range(leaf.ndim))))
        if self.layout == 2:
            return leaf[..., ::2]
        return leaf[1:] if self.layout == 3 else leaf

    @property
    def values(self):
        return self._values

    @values.setter
    def values(self, values):
        self._values = np.asarray(values)  # NumPy makes scalars of computed 0-d arrays

    @property
    def shape(self):
        return self.values.shape

    def __repr__(self):
        grad = "" if self.grad else ", no grad"
        return f"T({self.values.dtype}{list(self.shape)}, layout {self.layout}{grad})"


class D(str):
    """A dtype, by its name."""

    def build(self, module, built):
        return getattr(module, self)


class Call:
    """The arguments of one call; `extra` is what an entry needs beside them to make it."""

    def __init__(self, *args, extra=None, **named):
        self.args, self.named, self.extra = args, named, extra

    def __repr__(self):
        named = [f"{k}={v!r}" for k, v in self.named.items()]
        return f"({', '.join([*map(repr, self.args), *named])})"


class Built:
    """Arguments made for one library; what is described by one object is made once."""

    def __init__(self, module, call):
        self.leaves, self.known = [], {}
        self.args = tuple(self.made(module, a) for a in call.args)
        self.named = {k: self.made(module, v) for k, v in call.named.items()}

    def made(self, module, value):
        if hasattr(value, "build"):
            if id(value) not in self.known:
                self.known[id(value)] = value.build(module, self)
            return self.known[id(value)]
        if type(value) in (list, tuple):
            return type(value)(self.made(module, v) for v in value)
        if type(value) is dict:
            return {k: self.made(module, v) for k, v in value.items()}
        return value


class Draw:
    """Random arguments for one case."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def chance(self, p):
        return self.rng.random() < p

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def number(self, low, high):
        return float(self.rng.uniform(low, high))

    def among(self, *options):
        return options[self.rng.integers(len(options))]

    def some(self, **options):
        """Each option with probability 1/2; a tuple holds the values to choose from."""
        return {k: self.among(*v) for k, v in options.items() if self.chance(0.5)}

    def shape(self, most=3, largest=4, smallest=None, least=0):
        smallest = 0 if smallest is None and self.chance(0.04) else (smallest or 1)
        return tuple(self.integer(smallest, largest) for _ in range(self.integer(least, most)))

    def batch(self, *rest):
        """A batch of 1 to 3 or of none, or a sample without batch dimension."""
        kind = self.rng.choice(3, p=[0.75, 0.05, 0.2])
        return (*[(self.integer(1, 3),), (0,), ()][kind], *rest)

    def broadcast_to(self, shape):
        """A shape that broadcasts with `shape`."""
        start = self.integer(0, len(shape)) if self.chance(0.5) else 0
        return tuple(1 if self.chance(0.25) else s for s in shape[start:])

    def dim(self, ndim):
        limit = max(ndim, 1)
        return self.integer(-limit, limit - 1)

    def dims(self, ndim, none=True):
        kind = self.integer(0 if none else 1, 5)
        if kind == 0 or not ndim:
            return None if none else 0
        if kind < 3:
            return self.dim(ndim)
        chosen = self.rng.permutation(ndim)[: self.integer(1, ndim)]
        return tuple(int(i) - (ndim if self.chance(0.3) else 0) for i in chosen)

    def dtype(self, kinds="fi"):
        if "f" in kinds and (kinds == "f" or self.chance(0.85)):
            return "float32" if self.chance(0.1) else "float64"
        return self.among("int64", "int64", "int32", "uint8", "bool")

    def t(self, shape, dtype="float64", low=-3, high=3, ties=False, special=0.0, grad=None):
        """A tensor of random values, in one of four memory layouts."""
        if dtype[0] != "f" or ties:
            values = self.rng.integers(low, high + 1, shape)
            values = np.abs(values) if dtype == "uint8" else values
        else:
            values = self.rng.uniform(low, high, shape)
        values = np.asarray(values).astype(dtype)
        if special and dtype == "float64" and self.chance(special):
            values = np.asarray(self.rng.choice(SPECIAL, shape))
        return T(values, self.integer(0, 3), grad)

    def axes(self, low, high, n):
        """One number for all axes, or a tuple of n."""
        if self.chance(0.3):
            return self.integer(low, high)
        return tuple(self.integer(low, high) for _ in range(n))


class Entry:
    """How one function is compared with PyTorch's.

    draw: a `Draw` to a `Call`. call: ``(module, function, built, call)`` to what is compared, where
    it is more than what the function returns. gradient: whether it has one. tolerance: for
    float64. compare: another comparison altogether, ``(name, call, seed)`` to a `Found`.
    """

    def __init__(self, draw, call=None, gradient=True, tolerance=1e-9, compare=None):
        self.draw, self.call, self.gradient = draw, call, gradient
        self.tolerance, self.compare = tolerance, compare


def entries(table, **options):
    """`table` with every bare function made an `Entry`."""
    return {k: v if isinstance(v, Entry) else Entry(v, **options) for k, v in table.items()}
