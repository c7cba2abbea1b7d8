"""Pooling and its backward, up(δ) of eq. 1.17, without atomic operations: the same bits each time.

Shapes and contracts are those of `minicnn.kernels.plain`.
"""

from minicnn.arrays import array_module
from minicnn.kernels.cuda.launching import contiguous, launch, launch_each
from minicnn.kernels.cuda.maps import map_means
from minicnn.kernels.registry import register

# Of a block that brings δ back to the maxima: each thread compares its place with all others'.
THREADS_COMPARING = 64


def _maps(x):
    """How many maps, and their height and width."""
    return [x.shape[0] * x.shape[1], *x.shape[2:]]


@register("max_pool2d", "cuda")
def max_pool2d(x, kernel, stride, padding, dilation, out):
    """The maximum of every window, and its place: a flat index into the H·W plane."""
    xp = array_module(x)
    x = contiguous(x)
    y, argmax = xp.empty((*x.shape[:2], *out), x.dtype), xp.empty((*x.shape[:2], *out), "int64")
    arguments = [x, y, argmax, *_maps(x), *kernel, *stride, *padding, *dilation, *out]
    launch_each("pooling", "max_pool2d", x.dtype, y.size, arguments)
    return y, argmax


@register("max_pool2d_gradient", "cuda")
def max_pool2d_gradient(delta, argmax, size):
    """up(δ): every δ goes to the place of its window's maximum, and adds up there."""
    xp = array_module(delta)
    delta, argmax = contiguous(delta), contiguous(argmax)
    n, c, height, width = delta.shape
    dx = xp.empty((n, c, *size), delta.dtype)
    if dx.size:
        arguments = [delta, argmax, dx, n * c, height * width, size[0] * size[1]]
        blocks = min(n * c, 2**16)
        launch("pooling", "max_pool2d_gradient", delta.dtype, blocks, arguments, THREADS_COMPARING)
    return dx


@register("avg_pool2d", "cuda")
def avg_pool2d(x, kernel, stride, padding, divisors):
    """The sum of every window over its divisor; `divisors` has the shape (OH, OW)."""
    xp = array_module(x)
    x, divisors = contiguous(x), xp.asarray(divisors, x.dtype, order="C")
    y = xp.empty((*x.shape[:2], *divisors.shape), x.dtype)
    arguments = [x, divisors, y, *_maps(x), *kernel, *stride, *padding, *divisors.shape]
    launch_each("pooling", "avg_pool2d", x.dtype, y.size, arguments)
    return y


@register("avg_pool2d_gradient", "cuda")
def avg_pool2d_gradient(delta, size, kernel, stride, padding, divisors):
    """up(δ): every δ is spread evenly over its window."""
    xp = array_module(delta)
    delta, divisors = contiguous(delta), xp.asarray(divisors, delta.dtype, order="C")
    dx = xp.empty((*delta.shape[:2], *size), delta.dtype)
    arguments = [delta, divisors, dx, *_maps(dx), *kernel, *stride, *padding, *divisors.shape]
    launch_each("pooling", "avg_pool2d_gradient", delta.dtype, dx.size, arguments)
    return dx


@register("adaptive_max_pool2d", "cuda")
def adaptive_max_pool2d(x, out):
    """The maximum of every window of `adaptive_windows`, and its place."""
    xp = array_module(x)
    x = contiguous(x)
    y, argmax = xp.empty((*x.shape[:2], *out), x.dtype), xp.empty((*x.shape[:2], *out), "int64")
    arguments = [x, y, argmax, *_maps(x), *out]
    launch_each("adaptive_pooling", "adaptive_max_pool2d", x.dtype, y.size, arguments)
    return y, argmax


@register("adaptive_avg_pool2d", "cuda")
def adaptive_avg_pool2d(x, out):
    """The mean of every window of `adaptive_windows`; a single one has many threads to itself."""
    xp = array_module(x)
    if tuple(out) == (1, 1):
        return map_means(x)
    x = contiguous(x)
    y = xp.empty((*x.shape[:2], *out), x.dtype)
    arguments = [x, y, *_maps(x), *out]
    launch_each("adaptive_pooling", "adaptive_avg_pool2d", x.dtype, y.size, arguments)
    return y


@register("adaptive_avg_pool2d_gradient", "cuda")
def adaptive_avg_pool2d_gradient(delta, size):
    """up(δ): every δ is spread evenly over its window."""
    xp = array_module(delta)
    delta = contiguous(delta)
    dx = xp.empty((*delta.shape[:2], *size), delta.dtype)
    arguments = [delta, dx, *_maps(dx), *delta.shape[2:]]
    launch_each("adaptive_pooling", "adaptive_avg_pool2d_gradient", dx.dtype, dx.size, arguments)
    return dx
