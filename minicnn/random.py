"""Randomness: one generator for each device, unless another is passed.

``minicnn.manual_seed(0)`` makes a run repeatable. Whoever draws numbers takes a `generator`.
"""

import operator

import numpy as np

from minicnn.checks import ArgumentError, DeviceError, DtypeError
from minicnn.device import CPU, as_device, made
from minicnn.gpu import capturing
from minicnn.kernels import find
from minicnn.kernels.plain_random import GAMMA, random_bits


class Generator:
    """A stream of random numbers with a state that can be saved and put back.

    As ``torch.Generator``.

    Args:
        seed: an integer ≥ 0; None: another stream each time.
        device: where the numbers are drawn. On a GPU they are others than on the CPU.

    Raises:
        ArgumentError: the seed is no integer ≥ 0, or there is no such device.

    >>> g = Generator(0)
    >>> state = g.get_state()
    >>> first = g.numpy.random()
    >>> g.set_state(state)
    >>> g.numpy.random() == first
    True
    """

    def __init__(self, seed=None, device="cpu"):
        self.device = as_device(device)
        self._counted = None if self.device == CPU else _Counted()
        if seed is not None and not isinstance(seed, np.random.bit_generator.ISeedSequence):
            seed = _checked(seed, "Generator")
        self._start(seed)

    def _start(self, seed):
        if self.device == CPU:
            self.numpy = np.random.Generator(np.random.PCG64(seed))
        else:
            self._counted.start(np.random.SeedSequence(seed).generate_state(1, np.uint64))

    def manual_seed(self, seed):
        """Start the stream that belongs to `seed`, an integer ≥ 0; returns the generator.

        Raises:
            ArgumentError: it is no such integer.
        """
        self._start(_checked(seed))
        return self

    def get_state(self):
        """The state of the stream: nested dictionaries of strings and integers."""
        return self._counted.state() if self.device != CPU else self.numpy.bit_generator.state

    def set_state(self, new_state):
        """Continue where `get_state` gave `new_state`.

        Args:
            new_state: what `get_state` gave; a dictionary.

        Raises:
            KeyError, ValueError: something else.
        """
        if self.device != CPU:
            self._counted.start(new_state["key"], new_state["drawn"])
        else:
            self.numpy.bit_generator.state = new_state

    def uniform(self, shape, dtype):
        """Numbers in [0, 1) of float32 or float64: an array on the generator's device.

        Args:
            shape: a tuple of integers.
            dtype: float32 or float64.
        """
        if self.device == CPU:
            return np.asarray(self.numpy.random(shape, dtype))
        return self._on_gpu(lambda xp: self._counted.uniform(xp, shape, dtype))

    def normal(self, shape, dtype):
        """Normally distributed numbers, mean 0 and variance 1.

        Args:
            shape: a tuple of integers.
            dtype: float32 or float64.
        """
        if self.device == CPU:
            return np.asarray(self.numpy.standard_normal(shape, dtype))
        return self._on_gpu(lambda xp: self._counted.normal(xp, shape, dtype))

    def integers(self, low, high, shape):
        """int64 from `low` to `high` − 1.

        Args:
            low, high: integers, `low` < `high`.
            shape: a tuple of integers.
        """
        if self.device == CPU:
            return np.asarray(self.numpy.integers(low, high, shape))
        return self._on_gpu(lambda xp: self._counted.integers(xp, low, high, shape))

    def permutation(self, n):
        """The numbers 0 … n − 1 in random order."""
        if self.device == CPU:
            return self.numpy.permutation(n)
        return self._on_gpu(lambda xp: xp.argsort(self._counted.bits(xp, n)))

    def _on_gpu(self, draw):
        return made("random numbers", draw, self.device)


class _Counted:
    """SplitMix64 (Steele, Lea & Flood 2014, section 4) as a function of a counter.

    Number i of the stream is a hash of key + i · γ: thousands of threads draw at once, and the
    state is two integers, wherever the numbers are drawn.
    """

    def __init__(self, key=0):
        self.start(key)

    def start(self, key, drawn=0):
        """Go to place `drawn` of the stream `key`."""
        self.key, self.drawn = int(np.ravel(key)[0]), int(drawn)

    def state(self):
        return {"key": self.key, "drawn": self.drawn}

    def position(self):
        """What is hashed for the next number."""
        return np.uint64((self.key + (self.drawn + 1) * GAMMA) % 2**64)

    def _next(self, xp, count):
        """The place of the next `count` numbers: a uint64, in a CUDA graph an array of one."""
        graph = capturing()
        if graph is not None:
            return graph.random_place(self, count, xp)
        start = self.position()
        self.drawn += count
        return start

    def bits(self, xp, count):
        """`count` times 64 random bits."""
        return random_bits(xp, self._next(xp, count), count)

    def uniform(self, xp, shape, dtype):
        numbers = xp.empty(shape, dtype)
        find("random_uniform", numbers)(numbers, self._next(xp, numbers.size))
        return numbers

    def normal(self, xp, shape, dtype):
        # Box & Muller 1958. In float64: of float32, 1 − u would be cut off at 5.8 standard
        # deviations.
        count = int(np.prod(shape, dtype=np.int64))
        u = self.uniform(xp, (2, -(-count // 2)), np.float64)
        r, angle = xp.sqrt(-2 * xp.log(1 - u[0])), 2 * np.pi * u[1]
        pair = xp.stack([r * xp.cos(angle), r * xp.sin(angle)])
        return pair.reshape(-1)[:count].astype(dtype).reshape(shape)

    def integers(self, xp, low, high, shape):
        bits = self.bits(xp, int(np.prod(shape, dtype=np.int64)))
        # A span below 2³² has remainders of 64 bits that favour none by more than 2⁻³².
        return ((bits % np.uint64(high - low)).astype(np.int64) + low).reshape(shape)


def _checked(seed, name="manual_seed"):
    try:
        known = not isinstance(seed, bool) and operator.index(seed) >= 0
    except TypeError:  # an array has __index__, too
        known = False
    if not known:
        raise ArgumentError(f"{name}: the seed must be an integer ≥ 0, got {seed!r}")
    return operator.index(seed)


default_generator = Generator()

# Those of the GPUs that were used so far, by device; and the seed that others will start from.
_of_gpus = {}
_seed = None


def default_generator_of(device):
    """The generator of a device, which `minicnn.manual_seed` seeds."""
    if device == CPU:
        return default_generator
    if device not in _of_gpus:
        _of_gpus[device] = Generator(_seed, device)
    return _of_gpus[device]


def gpu_generators():
    """{device: generator} of the GPUs that have drawn numbers."""
    return _of_gpus


def manual_seed(seed):
    """Seed the generators that everything random uses by default; returns that of the CPU.

    As ``torch.manual_seed``.

    Args:
        seed: an integer ≥ 0.

    Raises:
        ArgumentError: it is no such integer.

    >>> import minicnn as mc
    >>> _ = mc.manual_seed(1)
    >>> a = mc.rand(3)
    >>> _ = mc.manual_seed(1)
    >>> mc.equal(a, mc.rand(3))
    True
    """
    seed_gpus(seed)
    return default_generator.manual_seed(seed)


def seed_gpus(seed):
    """Seed the generators of all GPUs."""
    global _seed
    _seed = _checked(seed)
    for generator in _of_gpus.values():
        generator.manual_seed(_seed)


def numpy_generator(generator=None, name="generator"):
    """The NumPy generator of `generator`, or of the default one; `name` is what errors name."""
    generator = default_generator if generator is None else generator
    if not isinstance(generator, Generator):
        raise DtypeError(
            f"{name}: generator must be a minicnn.Generator or None, got {type(generator).__name__}"
        )
    if generator.device != CPU:
        raise DeviceError(
            f"generator: expected one of the CPU, got one of {generator.device}; "
            "minicnn.Generator() makes one of the CPU"
        )
    return generator.numpy


def generator_for(name, device, generator=None):
    """The generator that draws for a tensor on `device`: the default one, unless one is given."""
    device = CPU if device is None else as_device(device)
    if generator is None:
        return default_generator_of(device)
    if generator.device != device:
        raise DeviceError(
            f"{name}: the generator draws on {generator.device}, the tensor is to be on {device}; "
            f"use minicnn.Generator(device={str(device)!r})"
        )
    return generator
