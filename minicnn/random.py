"""Randomness: one generator for everything, unless another is passed.

``minicnn.manual_seed(0)`` makes a run repeatable. Whoever draws numbers takes a `generator`.
"""

import numpy as np

from minicnn.checks import ArgumentError


class Generator:
    """A stream of random numbers with a state that can be saved and put back.

    >>> g = Generator(0)
    >>> state = g.get_state()
    >>> first = g.numpy.random()
    >>> g.set_state(state)
    >>> g.numpy.random() == first
    True
    """

    def __init__(self, seed=None):
        self.numpy = np.random.Generator(np.random.PCG64(seed))

    def manual_seed(self, seed):
        """Start the stream that belongs to `seed`, an integer ≥ 0; returns the generator."""
        if isinstance(seed, bool) or not hasattr(seed, "__index__") or seed.__index__() < 0:
            raise ArgumentError(f"manual_seed: the seed must be an integer ≥ 0, got {seed!r}")
        self.numpy = np.random.Generator(np.random.PCG64(seed.__index__()))
        return self

    def get_state(self):
        """The state of the stream: nested dictionaries of strings and integers."""
        return self.numpy.bit_generator.state

    def set_state(self, new_state):
        """Continue where `get_state` was called."""
        self.numpy.bit_generator.state = new_state


default_generator = Generator()


def manual_seed(seed):
    """Seed the generator that everything random uses by default; returns it.

    >>> import minicnn as mc
    >>> _ = mc.manual_seed(1)
    >>> a = mc.rand(3)
    >>> _ = mc.manual_seed(1)
    >>> mc.equal(a, mc.rand(3))
    True
    """
    return default_generator.manual_seed(seed)


def numpy_generator(generator=None):
    """The NumPy generator of `generator`, or of the default one."""
    return (default_generator if generator is None else generator).numpy
