"""Arrays joined along a dimension: the maps of the branches of a block, copied by all threads.

NumPy copies with one thread, and a core alone does not keep the memory busy.
"""

import math

import numpy as np

from minicnn.kernels import plain_joining as plain
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.layout import in_a_line
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.vectors import copy_line
from minicnn.kernels.registry import register

LARGE = 2**16  # numbers, from which on threads are worth starting


@jit(explicit=True)
def _put(thread, threads, x, image, pieces, length, y, whole, first):
    """The `pieces` of each image in x, `length` long → the places from `first` on in one of y's.

    `image`: how far it is from one image to the next in x; `whole`: from one piece to the next in
    y.
    """
    images = len(y) // max(1, pieces * whole)
    for unit in own_part(images * pieces, thread, threads):
        source = unit // pieces * image + unit % pieces * length
        copy_line(length, x, source, y, unit * whole + first)


@register("concatenate", "cpu")
def concatenate(arrays, axis):
    first = arrays[0]
    axis = axis % first.ndim if first.ndim else 0
    large = sum(a.size for a in arrays) >= LARGE and all(a.size for a in arrays)
    around = [(a.dtype, a.ndim, a.shape[:axis], a.shape[axis + 1 :]) for a in arrays]
    alike = first.dtype == np.float32 and all(a == around[0] for a in around)
    if not large or not alike or axis == 0:
        return plain.concatenate(arrays, axis)
    joined = sum(a.shape[axis] for a in arrays)
    pieces, inner = math.prod(first.shape[1:axis]), math.prod(first.shape[axis + 1 :])
    y = np.empty((*first.shape[:axis], joined, *first.shape[axis + 1 :]), np.float32)
    done = 0
    for a in arrays:
        x, image = in_a_line(a)
        length = a.shape[axis] * inner
        _put(x, image, pieces, length, y.reshape(-1), joined * inner, done)
        done += length
    return y
