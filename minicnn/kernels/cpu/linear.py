"""Linear layers of a few samples: every weight is read once.

A matrix product copies its operands into an order of its own first. That pays when each number is
used many times; with a batch of 2 or 4 the copy of a large W takes longer than the product. Here
the weights pass by once, and what they meet stays in the nearest cache.
"""

import numpy as np

from minicnn.kernels import plain_products as plain
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.rectangles import DOTS, make_dots
from minicnn.kernels.registry import register

FEW, LARGE = 4, 2**20  # samples, weights
STRETCH = 2048  # floats of a row that are gone through at a time

_dots = make_dots(*DOTS)
_DOT_ROWS, _DOT_COLUMNS = DOTS


@jit
def _forward(thread, threads, x, w, bias, y):
    """Z = X Wᵀ + b (eq. 1.10): some outputs at a time, a stretch of their weights at a time."""
    samples, inputs = x.shape
    outputs = len(w)
    flat_x, flat_w = x.reshape(-1), w.reshape(-1)
    blocks = (samples + _DOT_ROWS - 1) // _DOT_ROWS
    for unit in own_part((outputs + _DOT_COLUMNS - 1) // _DOT_COLUMNS, thread, threads):
        first = unit * _DOT_COLUMNS
        sums = np.zeros(blocks * _DOT_ROWS * _DOT_COLUMNS, np.float32)
        rows, columns = np.empty(_DOT_ROWS, np.int64), np.empty(_DOT_COLUMNS, np.int64)
        for j in range(_DOT_COLUMNS):
            columns[j] = min(first + j, outputs - 1) * inputs  # what is too much is not kept
        for start in range(0, inputs, STRETCH):
            count = min(STRETCH, inputs - start)
            for block in range(blocks):
                for i in range(_DOT_ROWS):
                    rows[i] = min(block * _DOT_ROWS + i, samples - 1) * inputs
                _dots(
                    1, count, flat_x, start, rows, 0, 0, flat_w, start, columns, 0, 0,
                    sums, block * _DOT_ROWS * _DOT_COLUMNS,
                )  # fmt: skip
        for n in range(samples):
            for j in range(min(_DOT_COLUMNS, outputs - first)):
                y[n, first + j] = sums[n * _DOT_COLUMNS + j] + bias[first + j]


@jit(reorder=True)
def _input_gradient(thread, threads, delta, w, dx):
    """∂L/∂X = δ W: a stretch of ∂L/∂X at a time, four rows of W at a time."""
    samples, outputs = delta.shape
    inputs = w.shape[1]
    flat = w.reshape(-1)
    for unit in own_part((inputs + STRETCH - 1) // STRETCH, thread, threads):
        start = unit * STRETCH
        count = np.uint64(min(STRETCH, inputs - start))
        sums = np.zeros((samples, STRETCH), np.float32)
        whole = outputs // 4 * 4
        for o in range(0, whole, 4):
            w0 = np.uint64(o * inputs + start)
            w1 = w0 + np.uint64(inputs)
            w2, w3 = w1 + np.uint64(inputs), w1 + np.uint64(2 * inputs)
            for n in range(samples):
                d0, d1, d2, d3 = delta[n, o], delta[n, o + 1], delta[n, o + 2], delta[n, o + 3]
                line = sums[n]
                for q in range(count):
                    first = d0 * flat[w0 + q] + d1 * flat[w1 + q]
                    line[q] += first + (d2 * flat[w2 + q] + d3 * flat[w3 + q])
        for o in range(whole, outputs):
            w0 = np.uint64(o * inputs + start)
            for n in range(samples):
                d0, line = delta[n, o], sums[n]
                for q in range(count):
                    line[q] += d0 * flat[w0 + q]
        for n in range(samples):
            for q in range(count):
                dx[n, np.uint64(start) + q] = sums[n, q]


@jit(reorder=True)
def _weight_gradient(thread, threads, delta, x, dw):
    """∂L/∂W = δᵀ X: a stretch of one row of ∂L/∂W at a time, four samples at a time."""
    samples, outputs = delta.shape
    inputs = x.shape[1]
    flat_x, flat = x.reshape(-1), dw.reshape(-1)
    for o in own_part(outputs, thread, threads):
        for start in range(0, inputs, STRETCH):
            count = np.uint64(min(STRETCH, inputs - start))
            target = np.uint64(o * inputs + start)
            for n in range(0, samples, 4):
                # Behind the last sample: δ is 0, and x is the last one's.
                d0 = delta[n, o]
                d1 = delta[n + 1, o] if n + 1 < samples else np.float32(0)
                d2 = delta[n + 2, o] if n + 2 < samples else np.float32(0)
                d3 = delta[n + 3, o] if n + 3 < samples else np.float32(0)
                x0 = np.uint64(n * inputs + start)
                x1 = np.uint64(min(n + 1, samples - 1) * inputs + start)
                x2 = np.uint64(min(n + 2, samples - 1) * inputs + start)
                x3 = np.uint64(min(n + 3, samples - 1) * inputs + start)
                for q in range(count):
                    value = d0 * flat_x[x0 + q] + d1 * flat_x[x1 + q]
                    value += d2 * flat_x[x2 + q] + d3 * flat_x[x3 + q]
                    flat[target + q] = value if n == 0 else flat[target + q] + value


def _pays(a, b, weights):
    """Whether the arrays are for these kernels: few samples, many weights, float32."""
    return len(a) <= FEW and len(a) and weights >= LARGE and a.dtype == b.dtype == np.float32


@register("linear", "cpu")
def linear(x, w, bias):
    if not _pays(x, w, w.size):
        return plain.linear(x, w, bias)
    y = np.empty((len(x), len(w)), np.float32)
    bias = np.zeros(len(w), np.float32) if bias is None else np.ascontiguousarray(bias)
    _forward(np.ascontiguousarray(x), np.ascontiguousarray(w), bias, y)
    return y


@register("linear_input_gradient", "cpu")
def linear_input_gradient(delta, w):
    if not _pays(delta, w, w.size):
        return plain.linear_input_gradient(delta, w)
    dx = np.empty((len(delta), w.shape[1]), np.float32)
    _input_gradient(np.ascontiguousarray(delta), np.ascontiguousarray(w), dx)
    return dx


@register("linear_weight_gradient", "cpu")
def linear_weight_gradient(delta, x):
    if not _pays(delta, x, delta.shape[1] * x.shape[1]):
        return plain.linear_weight_gradient(delta, x)
    dw = np.empty((delta.shape[1], x.shape[1]), np.float32)
    _weight_gradient(np.ascontiguousarray(delta), np.ascontiguousarray(x), dw)
    return dw
