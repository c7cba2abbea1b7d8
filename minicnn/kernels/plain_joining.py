"""Arrays joined along a dimension, in NumPy or CuPy."""

import itertools

import numpy as np

from minicnn.arrays import array_module
from minicnn.kernels.registry import register


@register("concatenate", "plain")
def concatenate(arrays, axis):
    """The arrays one after the other along `axis`."""
    xp = array_module(arrays[0])
    if xp is np:
        return np.concatenate(arrays, axis)
    # CuPy would have to tell the GPU where they are: a copy from the host, which no graph can hold.
    sizes = [a.shape[axis] for a in arrays]
    shape = [*arrays[0].shape]
    shape[axis] = sum(sizes)
    whole = xp.empty(shape, xp.result_type(*arrays))
    places = [slice(None)] * len(shape)
    for end, a in zip(itertools.accumulate(sizes), arrays, strict=True):
        places[axis] = slice(end - a.shape[axis], end)
        whole[tuple(places)] = a
    return whole
