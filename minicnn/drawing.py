"""Filling arrays with random numbers: large ones in blocks, on all cores.

A network of a hundred million weights is drawn in the time it takes to read them from a disk. Each
block has a stream of its own, which the generator's next number and the block's position decide: so
the numbers depend on the seed only, not on the number of threads (to the last bit on one kind of
processor: logarithm, sine and cosine are the processor's).
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from minicnn.device import device_of, moved
from minicnn.gpu import beside
from minicnn.kernels.threads import get_num_threads

BLOCK = 2**16  # numbers: half a millisecond of drawing


def uniform(low, high):
    """A function of NumPy's `rng` and an array, which it overwrites: uniform in [low, high)."""

    def draw(rng, block):
        rng.random(out=block, dtype=block.dtype)
        block *= high - low
        block += low

    return draw


def normal(mean, std):
    """The same with normally distributed numbers."""

    def draw(rng, block):
        if block.dtype == np.float32:
            _box_muller(rng, block)
        else:
            rng.standard_normal(out=block, dtype=block.dtype)
        block *= std
        if mean:
            block += mean

    return draw


def _box_muller(rng, block):
    """Normally distributed numbers by pairs: from u and v, uniform in [0, 1), √(−2 ln(1 − u)) times
    cos 2πv and sin 2πv (Box & Muller 1958). On whole arrays that takes half as long as NumPy's way.
    """
    rng.random(out=block, dtype=np.float32)
    half = block.size // 2
    r, angle = block[:half], block[half : 2 * half]
    np.subtract(1, r, out=r)
    np.log(r, out=r)
    r *= -2
    np.sqrt(r, out=r)
    angle *= np.float32(2 * np.pi)
    cosine = np.cos(angle)
    np.sin(angle, out=angle)
    angle *= r
    r *= cosine
    if block.size % 2:
        block[-1] = rng.standard_normal()


def fill(fillings, rng):
    """Overwrite arrays of floats with random numbers.

    Args:
        fillings: pairs (array, draw), the latter as `uniform` or `normal` gives it.
        rng: NumPy's.
    """
    blocks, copies = [], []
    for array, draw in fillings:
        # NumPy draws float32 and float64, into memory without gaps, the host's.
        target = array
        fits = isinstance(array, np.ndarray) and array.flags.c_contiguous and array.flags.aligned
        if not fits or array.dtype not in (np.float32, np.float64):
            target = np.empty(array.shape, np.result_type(array.dtype, np.float32))
            copies.append((array, target))
        flat = target.reshape(-1)
        if flat.size <= BLOCK:
            with np.errstate(all="ignore"):
                draw(rng, flat)
        else:
            key = int(rng.integers(2**63))
            parts = range(0, flat.size, BLOCK)
            blocks += [(draw, key, i, flat[start : start + BLOCK]) for i, start in enumerate(parts)]
    _on_all_cores(_fill_block, blocks)
    for array, target in copies:
        with beside(array), np.errstate(all="ignore"):
            array[...] = moved(target, device_of(array))


def _fill_block(draw, key, i, block):
    with np.errstate(all="ignore"):
        draw(np.random.Generator(np.random.SFC64([key, i])), block)


def _on_all_cores(function, calls):
    """Call `function` with each of `calls`, tuples of arguments, in any order."""
    left = iter(calls)  # each thread takes the next one; this thread is one of them

    def work():
        for arguments in left:
            function(*arguments)

    helpers = min(get_num_threads(), len(calls)) - 1
    if helpers < 1:
        work()
        return
    with ThreadPoolExecutor(helpers) as pool:
        helping = [pool.submit(work) for _ in range(helpers)]
        work()
    for done in helping:
        done.result()
