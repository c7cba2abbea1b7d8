"""The random numbers of one sample: the same whoever makes it, and in whatever order.

Random transforms draw from `generator()`. Where samples are made one by one in a known place of a
run, `sample_generator` gives each a stream of its own, which (seed, epoch, index) decides: so it
does not matter how many workers there are, which of them makes the sample, or what it made before.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from minicnn.data.arguments import checked_count
from minicnn.random import Generator, default_generator

# A context variable: every worker thread is at a sample of its own.
_current = ContextVar("minicnn_sample_generator", default=None)


@contextmanager
def sample_generator(seed, epoch, index):
    """Inside, random transforms draw the numbers that belong to one sample.

    Made with the first number drawn, so a sample without random transforms costs next to nothing.
    Where one is inside another, the inner one holds.

    Args:
        seed: an integer ≥ 0, one for the whole run.
        epoch: an integer ≥ 0: how many times the data set was gone through before.
        index: an integer ≥ 0, which tells the samples of an epoch apart. The position in the epoch
            is a better one than the index in the data set where a sampler may give an index twice.

    Raises:
        ArgumentError: something else than an integer ≥ 0.

    >>> from minicnn.data.transforms import RandomCrop
    >>> image = np.arange(64).reshape(8, 8)
    >>> def sample(index):
    ...     with sample_generator(0, 3, index):
    ...         return RandomCrop(2)(image)
    >>> forward = [sample(i) for i in range(9)]
    >>> backward = [sample(i) for i in reversed(range(9))]
    >>> np.array_equal(forward, backward[::-1])
    True
    """
    numbers = [
        checked_count("sample_generator", name, value, 0)
        for name, value in (("seed", seed), ("epoch", epoch), ("index", index))
    ]
    with drawing_from(_Stream(*numbers)):
        yield


def streams(seed, epoch, first, count):
    """The streams of `count` samples, from index `first` on, one for each `sample_generator`."""
    return [_Stream(seed, epoch, index) for index in range(first, first + count)]


@contextmanager
def drawing_from(stream):
    """Inside, random transforms draw from this one of `streams`."""
    token = _current.set(stream)
    try:
        yield
    finally:
        _current.reset(token)


def generator():
    """The `minicnn.Generator` of the sample in hand; outside `sample_generator` minicnn's own."""
    stream = _current.get()
    return default_generator if stream is None else stream.generator()


class _Stream:
    """What decides a stream, and the generator once there is one."""

    __slots__ = ("_generator", "_numbers")

    def __init__(self, *numbers):
        self._numbers, self._generator = numbers, None

    def generator(self):
        if self._generator is None:
            seed, epoch, index = self._numbers
            words = _words(seed, epoch, index // _TOGETHER)[index % _TOGETHER]
            self._generator = Generator(_Words(words))
        return self._generator


# A SeedSequence takes longer than all else that is done to a small image; for many at once it does
# not. How many is part of what decides the numbers.
_TOGETHER = 64


@lru_cache(maxsize=64)
def _words(seed, epoch, block):
    """What the generators of 64 samples, from 64 · block on, begin with: uint64, (64, 4)."""
    # A spawn key keeps them apart: in a plain list (2**32, 0) and (0, 1) are the same.
    sequence = np.random.SeedSequence(seed, spawn_key=(epoch, block))
    return sequence.generate_state(4 * _TOGETHER, np.uint64).reshape(_TOGETHER, 4)


class _Words(ISeedSequence):
    """Four words, handed to NumPy's PCG64 as they are."""

    def __init__(self, words):
        self.words = words

    def generate_state(self, n_words, dtype=np.uint32):
        return self.words
