"""Images at another size, turned or bent: new pixels as weighted means of old ones.

One thread works on one image and takes no lock, since a data loader has others beside it.
"""

import numpy as np

from minicnn.kernels.cpu.jit import serial
from minicnn.kernels.registry import register


@serial
def _resample(x, y, left, row_first, row_weights, places, weights, step, low, high, half):
    # x and y: (images, rows, numbers of a row)
    height, length = y.shape[1:]
    number = row_weights.dtype.type  # float32 · uint8 would be float64
    # The part of a row that new ones are made of.
    span = int(places[length - 1]) + step * (weights.shape[0] - 1) + 1
    row = np.empty(span, row_weights.dtype)
    total = np.empty(length, row_weights.dtype)
    for i in range(x.shape[0]):
        for r in range(height):
            old, weight = x[i, row_first[r]][left : left + span], row_weights[r, 0]
            for j in range(span):
                row[j] = weight * number(old[j])
            for k in range(1, row_weights.shape[1]):
                weight = row_weights[r, k]
                if weight != 0:
                    old = x[i, row_first[r] + k][left : left + span]
                    for j in range(span):
                        row[j] += weight * number(old[j])
            total[:] = half
            for k in range(weights.shape[0]):
                shifted, factors = row[k * step :], weights[k]
                for j in range(length):
                    total[j] += factors[j] * shifted[places[j]]
            new = y[i, r]
            for j in range(length):
                new[j] = min(max(total[j], low), high)


@serial
def _warp(x, y, columns, rows, nearest, fill, filled, half):
    n, height, width, channels = x.shape
    number = columns.dtype.type
    zero, one = number(0), number(1)
    pixels = x.reshape(n, height * width * channels)
    # The four old pixels around each place of a row, and their weights. Unsigned, since places that
    # may be negative cost a check each.
    places = np.empty((4, y.shape[2]), np.uint64)
    weights = np.empty((4, y.shape[2]), columns.dtype)
    for r in range(y.shape[1]):
        for q in range(y.shape[2]):
            across, down = columns[r, q], rows[r, q]
            if nearest:
                across, down = np.rint(across), np.rint(down)
            if not (-one < across < number(width) and -one < down < number(height)):  # NaN, too
                places[:, q] = 0
                weights[:, q] = 0
                continue
            top, left = int(np.floor(down)), int(np.floor(across))
            v, u = down - number(top), across - number(left)
            # Old pixels beyond the image weigh nothing.
            above = one - v if top >= 0 else zero
            below = v if top + 1 < height else zero
            before = one - u if left >= 0 else zero
            after = u if left + 1 < width else zero
            row0, row1 = max(top, 0) * width, min(top + 1, height - 1) * width
            column0, column1 = max(left, 0), min(left + 1, width - 1)
            places[0, q], weights[0, q] = (row0 + column0) * channels, above * before
            places[1, q], weights[1, q] = (row0 + column1) * channels, above * after
            places[2, q], weights[2, q] = (row1 + column0) * channels, below * before
            places[3, q], weights[3, q] = (row1 + column1) * channels, below * after
        p0, p1, p2, p3 = places[0], places[1], places[2], places[3]
        w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
        for i in range(n):
            for c in range(channels):
                old = pixels[i, c:]
                background = fill[i, c]
                for q in range(y.shape[2]):
                    value = w0[q] * number(old[p0[q]]) + w1[q] * number(old[p1[q]])
                    value += w2[q] * number(old[p2[q]]) + w3[q] * number(old[p3[q]])
                    if filled:
                        share = (w0[q] + w1[q]) + (w2[q] + w3[q])
                        value = value * share + (one - share) * background
                    y[i, r, q, c] = value + half


@register("resample", "cpu")
def resample(x, rows, columns):
    n, height, width, channels = x.shape
    first, weights = columns
    y = np.empty((n, len(rows[0]), len(first), channels), x.dtype)
    # A row (W, C) is one run of numbers, a new number made of those a whole pixel apart. Places are
    # unsigned, since those that may be negative cost a check each, and the vectors.
    places = (first - first[0])[:, None] * channels + np.arange(channels)
    weights = np.repeat(weights.T, channels, axis=1)
    number = rows[1].dtype.type
    # Adding ½ and cutting off the rest rounds to the nearest integer.
    bounds = (0, 255, 0.5) if x.dtype == np.uint8 else (-np.inf, np.inf, 0)
    _resample(
        np.ascontiguousarray(x).reshape(n, height, width * channels),
        y.reshape(n, y.shape[1], -1) if y.size else y[:, :, 0],
        first[0] * channels,
        *rows,
        places.reshape(-1).astype(np.uint64),
        np.ascontiguousarray(weights),
        channels,
        *[number(b) for b in bounds],
    )
    return y


@register("warp", "cpu")
def warp(x, columns, rows, nearest, fill):
    y = np.empty((len(x), *rows.shape, x.shape[3]), x.dtype)
    given = np.zeros((len(x), x.shape[3]), columns.dtype) if fill is None else fill
    half = columns.dtype.type(0.5 if x.dtype == np.uint8 else 0)
    _warp(np.ascontiguousarray(x), y, columns, rows, nearest, given, fill is not None, half)
    return y
