"""Adding entries to the places they were taken from, one thread a slice."""

import math

import numpy as np

from minicnn.kernels.cpu.half import through_float32
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.registry import register


@jit
def _add_to_places(thread, threads, delta, places, dx):
    for outer in own_part(delta.shape[0], thread, threads):
        dx[outer] = 0
        for i in range(delta.shape[1]):
            source, target = delta[outer, i], dx[outer, places[i]]
            for inner in range(delta.shape[2]):
                target[inner] += source[inner]


@register("add_to_places", "cpu")
@through_float32
def add_to_places(delta, places, size, axis):
    before, after = delta.shape[:axis], delta.shape[axis + 1 :]
    flat = (math.prod(before), len(places), math.prod(after))
    dx = np.empty((flat[0], size, flat[2]), delta.dtype)
    _add_to_places(np.ascontiguousarray(delta).reshape(flat), places, dx)
    return dx.reshape(*before, size, *after)
