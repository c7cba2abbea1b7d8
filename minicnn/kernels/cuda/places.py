"""Entries added to the places they were taken from: backward of borders and of resampling."""

import math

from minicnn.arrays import array_module
from minicnn.kernels.cuda.launching import contiguous, launch_each
from minicnn.kernels.registry import register


@register("add_to_places", "cuda")
def add_to_places(delta, places, size, axis):
    """The transpose of ``x.take(places, axis)``: entry i of δ is *added* to place places[i].

    `size` is that of x along `axis`.
    """
    xp = array_module(delta)
    delta, places = contiguous(delta), xp.asarray(places)
    order = xp.argsort(places, kind="stable").astype("int64")
    starts = xp.searchsorted(places[order], xp.arange(size + 1)).astype("int64")
    shape, axis = delta.shape, axis % delta.ndim
    dx = xp.empty((*shape[:axis], size, *shape[axis + 1 :]), delta.dtype)
    arguments = [delta, order, starts, dx, math.prod(shape[:axis]), shape[axis], size]
    arguments.append(math.prod(shape[axis + 1 :]))
    launch_each("places", "add_to_places", delta.dtype, dx.size, arguments)
    return dx
