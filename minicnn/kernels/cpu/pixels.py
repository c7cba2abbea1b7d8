"""Changes of every pixel by itself.

One thread works on one image and takes no lock, since a data loader has others beside it.
"""

import numpy as np

from minicnn.kernels.cpu.jit import serial
from minicnn.kernels.registry import register


@serial
def _mirror_grey(x, y):
    # Unsigned indices: those that may be negative cost Numba a check each, and the vectors.
    width = np.uint64(x.shape[1])
    for i in range(x.shape[0]):
        source, target = x[i], y[i]
        for j in range(width):
            target[j] = source[width - np.uint64(1) - j]


@serial
def _mirror_colour(x, y):
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    width = np.uint64(x.shape[1])
    for i in range(x.shape[0]):
        source, target = x[i].reshape(-1), y[i].reshape(-1)
        for j in range(width):
            p, q = three * j, three * (width - one - j)
            target[p] = source[q]
            target[p + one] = source[q + one]
            target[p + two] = source[q + two]


@serial
def _normalize_channels(x, mean, std, y):
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            m, s = mean[c], std[c]
            source, target = x[i, c], y[i, c]
            for j in range(x.shape[2]):
                target[j] = (source[j] - m) / s


@serial
def _luma(x, weights, y):
    number = weights.dtype.type  # float32 · uint8 would be float64
    for i in range(x.shape[0]):
        red, green, blue = x[i, 0], x[i, 1], x[i, 2]
        target = y[i]
        for j in range(x.shape[2]):
            r, g, b = number(red[j]), number(green[j]), number(blue[j])
            target[j] = weights[0] * r + weights[1] * g + weights[2] * b


@serial
def _blend(x, other, numbers, y):
    number = numbers.dtype.type
    factor, rest, high = numbers[0], numbers[1], numbers[2]
    zero = number(0)
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            source, target = x[i, c], y[i, c]
            if other.shape[1] == 1:
                shift = rest * number(other[i, 0])
                for j in range(x.shape[2]):
                    target[j] = min(max(factor * number(source[j]) + shift, zero), high)
            else:
                added = other[i]
                for j in range(x.shape[2]):
                    value = factor * number(source[j]) + rest * number(added[j])
                    target[j] = min(max(value, zero), high)


@serial
def _shift_hue(x, shift, scale, levels, y):
    zero, one, two, four, six = (
        np.float32(0), np.float32(1), np.float32(2), np.float32(4), np.float32(6),
    )  # fmt: skip
    for i in range(x.shape[0]):
        pixels, target = x[i], y[i]
        for j in range(x.shape[2]):
            red, green, blue = (
                np.float32(pixels[0, j]) / scale,
                np.float32(pixels[1, j]) / scale,
                np.float32(pixels[2, j]) / scale,
            )
            v = max(red, max(green, blue))
            c = v - min(red, min(green, blue))
            d = c if c > zero else one
            if v == red:
                h = (green - blue) / d
            elif v == green:
                h = two + (blue - red) / d
            else:
                h = four + (red - green) / d
            h = h / six + shift
            h = six * (h - np.floor(h))
            for channel in range(3):
                k = h + np.float32(5 - 2 * channel)
                if k >= six:
                    k -= six
                part = max(zero, min(min(k, four - k), one))
                value = v - c * part
                if part > zero:
                    value = min(max(value, zero), one)
                target[channel, j] = value * levels


@register("mirror", "cpu")
def mirror(x):
    rows, width, channels = x.shape
    x = np.ascontiguousarray(x)
    if channels not in (1, 3):
        return np.ascontiguousarray(x[:, ::-1])
    y = np.empty_like(x)
    if channels == 3:
        _mirror_colour(x, y)
    else:
        _mirror_grey(x.reshape(rows, width), y.reshape(rows, width))
    return y


@register("normalize_channels", "cpu")
def normalize_channels(x, mean, std):
    y = np.empty_like(x)
    _normalize_channels(x, mean, std, y)
    return y


@register("luma", "cpu")
def luma(x, weights):
    y = np.empty((len(x), x.shape[2]), x.dtype)
    _luma(x, weights, y)
    return y


@register("blend", "cpu")
def blend(x, other, factor, high):
    y = np.empty_like(x)
    numbers = np.array([factor, factor.dtype.type(1) - factor, high], factor.dtype)
    _blend(x, other, numbers, y)
    return y


@register("shift_hue", "cpu")
def shift_hue(x, shift, high):
    y = np.empty_like(x)
    levels = 255.999 if x.dtype == np.uint8 else 1  # each level gets an equal part of 0 … 1
    _shift_hue(x, np.float32(shift), np.float32(high), np.float32(levels), y)
    return y
