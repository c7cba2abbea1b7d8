"""Pooling and its up-sampling backward, one thread a (sample, channel) plane."""

import numpy as np
from numba import prange

from minicnn.kernels.cpu.half import through_float32
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.registry import register


@jit
def _max_pool2d(x, y, argmax, kh, kw, sh, sw, ph, pw, dh, dw):
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    for plane in prange(n * c):
        image = x[plane // c, plane % c]
        for r in range(oh):
            for q in range(ow):
                best, place = -np.inf, -1
                for i in range(kh):
                    row = r * sh - ph + i * dh
                    if row < 0 or row >= height:
                        continue
                    for j in range(kw):
                        column = q * sw - pw + j * dw
                        if column < 0 or column >= width:
                            continue
                        value = image[row, column]
                        # value != value: NaN, which is to win and to show.
                        if value > best or value != value or place < 0:
                            best, place = value, row * width + column
                y[plane // c, plane % c, r, q] = best
                argmax[plane // c, plane % c, r, q] = place


@jit
def _adaptive_max_pool2d(x, y, argmax):
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    for plane in prange(n * c):
        image = x[plane // c, plane % c]
        for r in range(oh):
            # Window r runs from ⌊r·H/OH⌋ to ⌈(r + 1)·H/OH⌉, and so do the columns.
            top, bottom = r * height // oh, ((r + 1) * height + oh - 1) // oh
            for q in range(ow):
                left, right = q * width // ow, ((q + 1) * width + ow - 1) // ow
                best, place = image[top, left], top * width + left
                for row in range(top, bottom):
                    for column in range(left, right):
                        value = image[row, column]
                        if value > best or value != value:
                            best, place = value, row * width + column
                y[plane // c, plane % c, r, q] = best
                argmax[plane // c, plane % c, r, q] = place


@jit
def _adaptive_avg_pool2d(x, y):
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    for plane in prange(n * c):
        image = x[plane // c, plane % c]
        for r in range(oh):
            top, bottom = r * height // oh, ((r + 1) * height + oh - 1) // oh
            for q in range(ow):
                left, right = q * width // ow, ((q + 1) * width + ow - 1) // ow
                total = 0.0  # float64: a window can be a whole map
                for row in range(top, bottom):
                    for column in range(left, right):
                        total += image[row, column]
                y[plane // c, plane % c, r, q] = total / ((bottom - top) * (right - left))


@jit
def _max_pool2d_gradient(delta, argmax, dx):
    n, c, oh, ow = delta.shape
    for plane in prange(n * c):
        target = dx[plane // c, plane % c]
        target[:] = 0
        for r in range(oh):
            for q in range(ow):
                place = argmax[plane // c, plane % c, r, q]
                target[place] += delta[plane // c, plane % c, r, q]


@jit
def _avg_pool2d(x, y, divisors, kh, kw, sh, sw, ph, pw):
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    for plane in prange(n * c):
        image = x[plane // c, plane % c]
        for r in range(oh):
            top, bottom = max(0, r * sh - ph), min(height, r * sh - ph + kh)
            for q in range(ow):
                left, right = max(0, q * sw - pw), min(width, q * sw - pw + kw)
                total = image.dtype.type(0)
                for row in range(top, bottom):
                    for column in range(left, right):
                        total += image[row, column]
                y[plane // c, plane % c, r, q] = total / divisors[r, q]


@jit
def _avg_pool2d_gradient(delta, dx, divisors, kh, kw, sh, sw, ph, pw):
    n, c, height, width = dx.shape
    oh, ow = delta.shape[2:]
    for plane in prange(n * c):
        image = dx[plane // c, plane % c]
        image[:] = 0
        for r in range(oh):
            top, bottom = max(0, r * sh - ph), min(height, r * sh - ph + kh)
            for q in range(ow):
                left, right = max(0, q * sw - pw), min(width, q * sw - pw + kw)
                share = delta[plane // c, plane % c, r, q] / divisors[r, q]
                for row in range(top, bottom):
                    for column in range(left, right):
                        image[row, column] += share


@register("max_pool2d", "cpu")
@through_float32
def max_pool2d(x, kernel, stride, padding, dilation, out):
    y = np.empty((*x.shape[:2], *out), x.dtype)
    argmax = np.empty(y.shape, np.int64)
    _max_pool2d(np.ascontiguousarray(x), y, argmax, *kernel, *stride, *padding, *dilation)
    return y, argmax


@register("adaptive_max_pool2d", "cpu")
@through_float32
def adaptive_max_pool2d(x, out):
    y = np.empty((*x.shape[:2], *out), x.dtype)
    argmax = np.empty(y.shape, np.int64)
    _adaptive_max_pool2d(np.ascontiguousarray(x), y, argmax)
    return y, argmax


@register("adaptive_avg_pool2d", "cpu")
@through_float32
def adaptive_avg_pool2d(x, out):
    y = np.empty((*x.shape[:2], *out), x.dtype)
    _adaptive_avg_pool2d(np.ascontiguousarray(x), y)
    return y


@register("max_pool2d_gradient", "cpu")
@through_float32
def max_pool2d_gradient(delta, argmax, size):
    n, c = delta.shape[:2]
    dx = np.empty((n, c, size[0] * size[1]), delta.dtype)
    _max_pool2d_gradient(np.ascontiguousarray(delta), argmax, dx)
    return dx.reshape(n, c, *size)


@register("avg_pool2d", "cpu")
@through_float32
def avg_pool2d(x, kernel, stride, padding, divisors):
    y = np.empty((*x.shape[:2], *divisors.shape), x.dtype)
    _avg_pool2d(np.ascontiguousarray(x), y, divisors, *kernel, *stride, *padding)
    return y


@register("avg_pool2d_gradient", "cpu")
@through_float32
def avg_pool2d_gradient(delta, size, kernel, stride, padding, divisors):
    dx = np.empty((*delta.shape[:2], *size), delta.dtype)
    _avg_pool2d_gradient(np.ascontiguousarray(delta), dx, divisors, *kernel, *stride, *padding)
    return dx
