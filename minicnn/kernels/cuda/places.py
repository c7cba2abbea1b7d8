"""Entries added to the places they were taken from: backward of indices, borders, resampling."""

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


@register("add_at", "cuda")
def add_at(delta, index, shape):
    """The transpose of ``x[index]``, x of that shape: every δ is *added* to where it was taken.

    CuPy's ``add.at`` lets all of them add at once, so that the last digits depend on chance. Here
    the places in x, counted flat, are sorted, and each is gathered.
    """
    xp, size = array_module(delta), math.prod(shape)
    if not delta.size or not size:
        return xp.zeros(shape, delta.dtype)
    places = xp.arange(size).reshape(shape)[index]
    return add_to_places(delta.reshape(-1), places.reshape(-1), size, 0).reshape(shape)
