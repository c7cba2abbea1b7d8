"""Images at another size, turned or bent: new pixels as weighted means of old ones.

One thread works on one image and takes no lock, since a data loader has others beside it. The inner
loops are functions of their own: in one long function the compiler makes no vectors of them.
"""

import numpy as np
from numba import njit

from minicnn.kernels import plain_images
from minicnn.kernels.cpu.jit import serial
from minicnn.kernels.cpu.vectors import WIDTH, transpose
from minicnn.kernels.registry import register

# How many numbers of a new column are made together, at most.
TOGETHER = 96


@njit
def _weighted_sum(x, start, step, weights, begin, count, total):
    """``total[v] = begin + Σ_k weights[k] · x[start + k · step + v]``, three terms at a time."""
    terms, number = len(weights), np.float32  # float32 · uint8 would be float64
    k = 0
    for v in range(count):
        total[v] = begin
    while k + 2 < terms:
        a, b, c = weights[k], weights[k + 1], weights[k + 2]
        # Unsigned: places that may be negative cost Numba a check each, and the vectors.
        p = np.uint64(start + k * step)
        q, r = p + np.uint64(step), p + np.uint64(2 * step)
        for v in range(count):
            total[v] = total[v] + a * number(x[p + v]) + b * number(x[q + v]) + c * number(x[r + v])
        k += 3
    while k < terms:
        a, p = weights[k], np.uint64(start + k * step)
        for v in range(count):
            total[v] += a * number(x[p + v])
        k += 1


@njit
def _new_columns(turned, first, weights, group, begin, made):
    """Sums of columns, when columns have become rows: a column is `group` numbers."""
    for c in range(len(first)):
        place, w = first[c] * group, weights[c]
        _weighted_sum(turned, place, group, w, begin, np.uint64(group), made[c * group :])


@njit
def _turn(x, y):
    """y = xᵀ, for sizes that are multiples of WIDTH."""
    flat, turned = x.reshape(-1), y.reshape(-1)
    width, height = y.shape
    for i in range(0, height, WIDTH):
        for j in range(0, width, WIDTH):
            transpose(flat, i * width + j, width, turned, j * height + i, height)


@serial
def _resample(x, y, channels, rows, columns, left, low, high, half):
    # x and y: (images, rows, numbers of a row)
    (row_first, row_weights), (first, weights) = rows, columns
    length, height, width = x.shape[2], y.shape[1], len(first)
    # The part of a row that new ones are made of.
    span = (first[-1] + weights.shape[1]) * channels
    count = min(_rounded(height), _rounded(max(TOGETHER // channels, 1)))  # of new rows
    block = np.zeros((count, _rounded(span)), np.float32)
    turned = np.empty((block.shape[1], count), np.float32)
    made = np.zeros((_rounded(width * channels), count), np.float32)
    lines = np.empty((count, made.shape[0]), np.float32)
    group = channels * count
    for i in range(x.shape[0]):
        old = x[i].reshape(-1)
        for start in range(0, height, count):
            end = min(start + count, height)
            for r in range(end - start):
                place, w = row_first[start + r] * length + left, row_weights[start + r]
                _weighted_sum(old, place, length, w, np.float32(0), np.uint64(span), block[r])
            # Turned round, the new columns are sums of whole runs of memory, as the new rows are.
            _turn(block, turned)
            _new_columns(turned.reshape(-1), first, weights, group, half, made.reshape(-1))
            _turn(made, lines)
            for r in range(end - start):
                line, new = lines[r], y[i, start + r]
                for j in range(np.uint64(len(new))):
                    new[j] = min(max(line[j], low), high)


@njit
def _rounded(count):
    return -(-count // WIDTH) * WIDTH


@njit
def _corners(columns, rows, nearest, size, channels, places, weights):
    """The four old pixels around each place of a new row, and their weights."""
    height, width = size
    number = columns.dtype.type
    zero, one = number(0), number(1)
    for q in range(len(columns)):
        across, down = columns[q], rows[q]
        if nearest:
            across, down = np.rint(across), np.rint(down)
        inside = -one < across < number(width) and -one < down < number(height)  # not with NaN
        if not inside:
            across, down = zero, zero
        top, left = int(np.floor(down)), int(np.floor(across))
        v, u = down - number(top), across - number(left)
        # Old pixels beyond the image weigh nothing.
        above = one - v if inside and top >= 0 else zero
        below = v if inside and top + 1 < height else zero
        before = one - u if left >= 0 else zero
        after = u if left + 1 < width else zero
        row0, row1 = max(top, 0) * width, min(top + 1, height - 1) * width
        column0, column1 = max(left, 0), min(left + 1, width - 1)
        places[0, q], weights[0, q] = (row0 + column0) * channels, above * before
        places[1, q], weights[1, q] = (row0 + column1) * channels, above * after
        places[2, q], weights[2, q] = (row1 + column0) * channels, below * before
        places[3, q], weights[3, q] = (row1 + column1) * channels, below * after


@njit
def _means(old, places, weights, total):
    number = weights.dtype.type
    p0, p1, p2, p3 = places[0], places[1], places[2], places[3]
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    for q in range(len(total)):
        upper = w0[q] * number(old[p0[q]]) + w1[q] * number(old[p1[q]])
        total[q] = upper + (w2[q] * number(old[p2[q]]) + w3[q] * number(old[p3[q]]))


@njit
def _fill(total, weights, background):
    one = weights.dtype.type(1)
    for q in range(len(total)):
        share = (weights[0, q] + weights[1, q]) + (weights[2, q] + weights[3, q])
        total[q] = total[q] * share + (one - share) * background


@serial
def _warp(x, y, columns, rows, nearest, fill, filled, half):
    n, height, width, channels = x.shape
    pixels = x.reshape(n, height * width * channels)
    count = y.shape[2]
    places = np.empty((4, count), np.uint64)
    weights = np.empty((4, count), columns.dtype)
    total = np.empty(count, columns.dtype)
    for r in range(y.shape[1]):
        _corners(columns[r], rows[r], nearest, (height, width), channels, places, weights)
        for i in range(n):
            for c in range(channels):
                _means(pixels[i, c:], places, weights, total)
                if filled:
                    _fill(total, weights, fill[i, c])
                for q in range(count):
                    y[i, r, q, c] = total[q] + half


@register("resample", "cpu")
def resample(x, rows, columns):
    if x.dtype == np.float64:  # vectors are of float32
        return plain_images.resample(x, rows, columns)
    n, height, width, channels = x.shape
    first, weights = columns
    y = np.empty((n, len(rows[0]), len(first), channels), x.dtype)
    # Adding ½ and cutting off the rest rounds to the nearest integer.
    bounds = (0, 255, 0.5) if x.dtype == np.uint8 else (-np.inf, np.inf, 0)
    _resample(
        np.ascontiguousarray(x).reshape(n, height, width * channels),
        y.reshape(n, y.shape[1], -1) if y.size else y[:, :, 0],
        channels,
        rows,
        (first - first[0], weights),
        first[0] * channels,
        *[np.float32(b) for b in bounds],
    )
    return y


@register("warp", "cpu")
def warp(x, columns, rows, nearest, fill):
    y = np.empty((len(x), *rows.shape, x.shape[3]), x.dtype)
    given = np.zeros((len(x), x.shape[3]), columns.dtype) if fill is None else fill
    half = columns.dtype.type(0.5 if x.dtype == np.uint8 else 0)
    _warp(np.ascontiguousarray(x), y, columns, rows, nearest, given, fill is not None, half)
    return y
