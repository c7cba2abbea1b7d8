"""One number for each map: its mean, or a factor."""

import math

from minicnn.arrays import array_module
from minicnn.kernels.cuda.launching import contiguous, launch, launch_each
from minicnn.kernels.registry import register


def _counts(x):
    """How many maps, and places in each; a block for each map, up to a limit."""
    maps, places = math.prod(x.shape[:2]), math.prod(x.shape[2:])
    return maps, places, min(maps, 2**16)


def map_means(x):
    """The mean of every map: (N, C, H, W) → (N, C, 1, 1)."""
    xp = array_module(x)
    x = contiguous(x)
    y = xp.empty((*x.shape[:2], 1, 1), x.dtype)
    maps, places, blocks = _counts(x)
    if maps:
        launch("maps", "map_means", x.dtype, blocks, [x, y, maps, places])
    return y


@register("scale_maps", "cuda")
def scale_maps(x, scale):
    """Every map of x (N, C, H, W) times its number in scale (N, C, 1, 1)."""
    xp = array_module(x)
    x, scale = contiguous(x), contiguous(scale)
    y = xp.empty_like(x)
    maps, places, _ = _counts(x)
    launch_each("maps", "scale_maps", x.dtype, x.size, [x, scale, y, maps, places])
    return y


@register("scale_maps_gradient", "cuda")
def scale_maps_gradient(delta, x, scale):
    """∂L/∂x = δ ⊙ scale; ∂L/∂scale sums δ ⊙ x over the map."""
    xp = array_module(x)
    delta, x, scale = (contiguous(a) for a in (delta, x, scale))
    dx, dscale = xp.empty_like(x), xp.empty_like(scale)
    maps, places, blocks = _counts(x)
    if maps:
        arguments = [delta, x, scale, dx, dscale, maps, places]
        launch("maps", "scale_maps_gradient", x.dtype, blocks, arguments)
    return dx, dscale
