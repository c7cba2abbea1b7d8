"""Pooling: the layers whose backward is an up-sampling, up(δ) in eq. 1.17."""

import numpy as np

from minicnn.arrays import array_module
from minicnn.kernels import find
from minicnn.ops.base import Operation


class MaxPool2d(Operation):
    """y = the maximum of each window;  up(δ) (eq. 1.17) sends each δ to where its maximum was.

    Returns (y, argmax): argmax holds flat indices into the H·W plane and has no gradient. The first
    of several equal maxima takes all; windows that overlap add up.
    """

    equations = ("1.17", "max-pool")
    saves = ("argmax",)
    fresh = True

    def __init__(self, kernel, stride, padding, dilation, out):
        self.options = kernel, stride, padding, dilation, out

    def forward(self, x):
        y, self.argmax = find("max_pool2d", x)(x, *self.options)
        return y, self.argmax

    def backward(self, delta, _):
        (shape, _) = self.inputs[0]
        return find("max_pool2d_gradient", delta)(delta, self.argmax, shape[2:])


class AvgPool2d(Operation):
    """y = the mean of each window;  up(δ) (eq. 1.17) spreads each δ evenly over its window."""

    equations = ("1.17", "mean-pool")
    fresh = True

    def __init__(self, kernel, stride, padding, out, count_include_pad=True, divisor=None):
        self.options = kernel, stride, padding
        self.out, self.count_include_pad, self.divisor = out, count_include_pad, divisor

    def divisors(self, size, dtype, xp=np):
        """By what the sum of each window is divided, (OH, OW): k², unless the window is cut.

        With `count_include_pad` the padding counts, but not what `ceil_mode` adds beyond it.
        """
        if self.divisor is not None:
            return xp.full(self.out, self.divisor, dtype)
        counts = []
        for n, k, s, p, o in zip(size, *self.options, self.out, strict=True):
            start = xp.arange(o) * s - p
            end = xp.minimum(start + k, n + p)
            if not self.count_include_pad:
                start, end = xp.maximum(start, 0), xp.minimum(end, n)
            counts.append(end - start)
        rows, columns = counts
        return (rows[:, None] * columns).astype(dtype)

    def forward(self, x):
        divisors = self.divisors(x.shape[2:], x.dtype, array_module(x))
        return find("avg_pool2d", x)(x, *self.options, divisors)

    def backward(self, delta):
        (shape, dtype) = self.inputs[0]
        divisors = self.divisors(shape[2:], dtype, array_module(delta))
        return find("avg_pool2d_gradient", delta)(delta, shape[2:], *self.options, divisors)


class AdaptiveMaxPool2d(Operation):
    """y = the maximum of each of `out` windows that cover x (eq. ``adaptive-pool``).

    up(δ), the output (y, argmax) and ties as in `MaxPool2d`.
    """

    equations = ("1.17", "max-pool", "adaptive-pool")
    saves = ("argmax",)
    fresh = True

    def __init__(self, out):
        self.out = out

    def forward(self, x):
        y, self.argmax = find("adaptive_max_pool2d", x)(x, self.out)
        return y, self.argmax

    def backward(self, delta, _):
        (shape, _) = self.inputs[0]
        return find("max_pool2d_gradient", delta)(delta, self.argmax, shape[2:])


class AdaptiveAvgPool2d(Operation):
    """y = the mean of each of `out` windows that cover x (eq. ``adaptive-pool``; 1×1: the mean of
    the whole map, ``global-pool``);  up(δ) (eq. 1.17) spreads each δ evenly over its window.
    """

    equations = ("1.17", "mean-pool", "adaptive-pool", "global-pool")
    fresh = True

    def __init__(self, out):
        self.out = out

    def forward(self, x):
        return find("adaptive_avg_pool2d", x)(x, self.out)

    def backward(self, delta):
        (shape, _) = self.inputs[0]
        return find("adaptive_avg_pool2d_gradient", delta)(delta, shape[2:])


class MaxUnpool2d(Operation):
    """Each x goes to its place in a map of zeros (eq. ``max-unpool``);  δ is read there.

    `places` holds flat indices into the H·W plane of `out`; of values for one place the last stays.
    """

    equations = ("max-unpool",)
    fresh = True

    def __init__(self, places, out):
        n, c, *size = places.shape
        self.places, self.out = places.reshape(n, c, size[0] * size[1]), out

    def forward(self, x):
        n, c = x.shape[:2]
        xp = array_module(x)
        y = xp.zeros((n, c, self.out[0] * self.out[1]), x.dtype)
        xp.put_along_axis(y, self.places, x.reshape(self.places.shape), axis=2)
        return y.reshape(n, c, *self.out)

    def backward(self, delta):
        flat = delta.reshape(*delta.shape[:2], self.out[0] * self.out[1])
        return (
            array_module(delta)
            .take_along_axis(flat, self.places, axis=2)
            .reshape(self.inputs[0][0])
        )
