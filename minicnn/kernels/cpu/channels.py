"""What batch normalisation and biases do with each channel, in as few passes as there can be.

NumPy would go through the maps once for every sign in the formula; here each kernel goes through
them once, one thread a channel. Sums are kept in float64: a channel may hold millions of values.
"""

import numpy as np

from minicnn.kernels import plain_products as plain
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.registry import register


@jit(reorder=True)
def _moments(thread, threads, x, mean, var):
    n, c, length = x.shape
    flat = x.reshape(-1)
    count = n * length
    for channel in own_part(c, thread, threads):
        total = 0.0
        for i in range(n):
            start = np.uint64((i * c + channel) * length)
            for q in range(np.uint64(length)):
                total += np.float64(flat[start + q])
        middle = x.dtype.type(total / count)
        squares = 0.0
        for i in range(n):
            start = np.uint64((i * c + channel) * length)
            for q in range(np.uint64(length)):
                # Of what is centred: E[x²] − μ² would lose all digits where μ is large against σ.
                distance = flat[start + q] - middle
                squares += np.float64(distance) * np.float64(distance)
        mean[channel], var[channel] = middle, squares / count


@jit
def _normalize(thread, threads, x, mean, inverse_std, gamma, beta, normalized, y):
    n, c, length = x.shape
    flat_x, flat_normalized, flat_y = x.reshape(-1), normalized.reshape(-1), y.reshape(-1)
    for plane in own_part(n * c, thread, threads):
        channel = plane % c
        middle, inverse = mean[channel], inverse_std[channel]
        scale, shift = gamma[channel], beta[channel]
        start = np.uint64(plane * length)
        for q in range(np.uint64(length)):
            value = (flat_x[start + q] - middle) * inverse
            flat_normalized[start + q] = value
            flat_y[start + q] = scale * value + shift


@jit(reorder=True)
def _sums(thread, threads, delta, normalized, of_delta, of_both):
    n, c, length = delta.shape
    flat_delta, flat = delta.reshape(-1), normalized.reshape(-1)
    for channel in own_part(c, thread, threads):
        total, product = 0.0, 0.0
        for i in range(n):
            start = np.uint64((i * c + channel) * length)
            for q in range(np.uint64(length)):
                d = np.float64(flat_delta[start + q])
                total += d
                product += d * np.float64(flat[start + q])
        of_delta[channel], of_both[channel] = total, product


@jit
def _gradient(thread, threads, delta, normalized, scale, mean_delta, mean_both, dx):
    n, c, length = delta.shape
    flat_delta, flat, flat_dx = delta.reshape(-1), normalized.reshape(-1), dx.reshape(-1)
    for plane in own_part(n * c, thread, threads):
        channel = plane % c
        factor, first, second = scale[channel], mean_delta[channel], mean_both[channel]
        start = np.uint64(plane * length)
        for q in range(np.uint64(length)):
            inner = flat_delta[start + q] - first - flat[start + q] * second
            flat_dx[start + q] = factor * inner


@register("channel_moments", "cpu")
def channel_moments(x):
    x = np.ascontiguousarray(x)
    mean, var = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    if not x.size:
        mean[:] = var[:] = 0
        return mean, var
    _moments(x, mean, var)
    return mean, var


@register("channel_normalize", "cpu")
def channel_normalize(x, mean, inverse_std, gamma, beta):
    x = np.ascontiguousarray(x)
    normalized, y = np.empty_like(x), np.empty_like(x)
    _normalize(x, mean, inverse_std, gamma, beta, normalized, y)
    return normalized, y


@jit
def _scale(thread, threads, x, scale, y):
    planes, places = x.shape
    flat, flat_y = x.reshape(-1), y.reshape(-1)
    for plane in own_part(planes, thread, threads):
        start, s = np.uint64(plane * places), scale[plane]
        for q in range(np.uint64(places)):
            flat_y[start + q] = flat[start + q] * s


@jit(reorder=True)
def _scale_gradient(thread, threads, delta, x, scale, dx, dscale):
    planes, places = x.shape
    flat_delta, flat, flat_dx = delta.reshape(-1), x.reshape(-1), dx.reshape(-1)
    for plane in own_part(planes, thread, threads):
        start, s, total = np.uint64(plane * places), scale[plane], 0.0
        for q in range(np.uint64(places)):
            d = flat_delta[start + q]
            flat_dx[start + q] = d * s
            total += np.float64(d) * np.float64(flat[start + q])
        dscale[plane] = total


def _planes(x):
    """(N, C, H, W) → (N·C, H·W)."""
    return np.ascontiguousarray(x).reshape(x.shape[0] * x.shape[1], x.shape[2] * x.shape[3])


def _suits(*arrays):
    """Numba computes no float16; elsewhere dtypes may differ, or be integers."""
    return all(a.dtype == arrays[0].dtype and a.dtype in (np.float32, np.float64) for a in arrays)


@register("scale_maps", "cpu")
def scale_maps(x, scale):
    if not _suits(x, scale):
        return plain.scale_maps(x, scale)
    y = np.empty(x.shape, x.dtype)
    _scale(_planes(x), np.ascontiguousarray(scale).reshape(-1), _planes(y))
    return y


@register("scale_maps_gradient", "cpu")
def scale_maps_gradient(delta, x, scale):
    if not _suits(delta, x, scale):
        return plain.scale_maps_gradient(delta, x, scale)
    dx, dscale = np.empty(x.shape, x.dtype), np.empty(scale.shape, x.dtype)
    scales = np.ascontiguousarray(scale).reshape(-1)
    _scale_gradient(_planes(delta), _planes(x), scales, _planes(dx), dscale.reshape(-1))
    return dx, dscale


@jit(reorder=True)
def _bias_gradient(thread, threads, delta, sums):
    n, c, places = delta.shape
    flat = delta.reshape(-1)
    for channel in own_part(c, thread, threads):
        total = 0.0
        for i in range(n):
            start = np.uint64((i * c + channel) * places)
            for q in range(np.uint64(places)):
                total += np.float64(flat[start + q])
        sums[channel] = total


@register("bias_gradient", "cpu")
def bias_gradient(delta):
    if not _suits(delta):
        return plain.bias_gradient(delta)
    n, c, height, width = delta.shape
    sums = np.empty(c, delta.dtype)
    _bias_gradient(np.ascontiguousarray(delta).reshape(n, c, height * width), sums)
    return sums


@register("channel_sums", "cpu")
def channel_sums(delta, normalized):
    delta = np.ascontiguousarray(delta)
    c = delta.shape[1]
    of_delta, of_both = np.empty(c, delta.dtype), np.empty(c, delta.dtype)
    _sums(delta, normalized, of_delta, of_both)
    return of_delta, of_both


@register("channel_gradient", "cpu")
def channel_gradient(delta, normalized, scale, mean_delta, mean_both):
    delta = np.ascontiguousarray(delta)
    dx = np.empty_like(delta)
    _gradient(delta, normalized, scale, mean_delta, mean_both, dx)
    return dx
