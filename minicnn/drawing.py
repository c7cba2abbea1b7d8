"""Filling arrays with random numbers: large ones in blocks, on all cores.

A network of a hundred million weights is drawn in the time it takes to read them from a disk. Each
block has a stream of its own, which the generator's next number and the block's position decide: so
the numbers depend on the seed only, not on the number of threads.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minicnn.kernels.threads import get_num_threads

BLOCK = 2**16  # numbers: half a millisecond of drawing


def fill_uniform(array, low, high, rng):
    """Overwrite `array`, of floats, with numbers uniform in [low, high) from NumPy's `rng`."""

    def draw(rng, block):
        rng.random(out=block, dtype=block.dtype)
        block *= high - low
        block += low

    _fill(array, draw, rng)


def fill_normal(array, mean, std, rng):
    """Overwrite `array`, of floats, with normally distributed numbers from NumPy's `rng`."""

    def draw(rng, block):
        rng.standard_normal(out=block, dtype=block.dtype)
        block *= std
        block += mean

    _fill(array, draw, rng)


def _fill(array, draw, rng):
    # NumPy draws float32 and float64, into memory without gaps.
    direct = array.flags.c_contiguous and array.dtype in (np.float32, np.float64)
    target = array if direct else np.empty(array.shape, np.float32)
    if target.dtype != array.dtype and array.dtype == np.float64:
        target = np.empty(array.shape)
    flat = target.reshape(-1)
    with np.errstate(all="ignore"):
        if flat.size <= BLOCK:
            draw(rng, flat)
        else:
            _fill_blocks(flat, draw, int(rng.integers(2**63)))
    if target is not array:
        array[...] = target


def _fill_blocks(flat, draw, key):
    def fill(i):
        rng = np.random.Generator(np.random.SFC64([key, i]))
        draw(rng, flat[i * BLOCK : (i + 1) * BLOCK])

    blocks = range(-(-flat.size // BLOCK))
    if get_num_threads() == 1:
        list(map(fill, blocks))
        return
    with ThreadPoolExecutor(get_num_threads()) as pool:
        list(pool.map(fill, blocks))
