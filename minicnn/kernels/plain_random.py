"""Random numbers as a function of a place in a stream: SplitMix64, in NumPy."""

import numpy as np

from minicnn.arrays import array_module
from minicnn.kernels.registry import register

GAMMA = 0x9E3779B97F4A7C15  # from one number's place to the next one's


def random_bits(xp, start, count):
    """`count` times 64 random bits, hashed from start, start + γ, start + 2γ, …

    Steele, Lea & Flood 2014, section 4. `start` is a uint64, or a 0-d array of one.
    """
    z = xp.arange(count, dtype=np.uint64) * np.uint64(GAMMA) + start
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@register("random_uniform", "plain")
def random_uniform(numbers, start):
    """Fill an array with numbers in [0, 1), made of the first bits of `random_bits`."""
    digits = 24 if numbers.dtype == np.float32 else 53  # as many as the dtype holds
    bits = random_bits(array_module(numbers), start, numbers.size) >> np.uint64(64 - digits)
    dtype = numbers.dtype
    numbers[...] = (bits.astype(dtype) * dtype.type(0.5**digits)).reshape(numbers.shape)
