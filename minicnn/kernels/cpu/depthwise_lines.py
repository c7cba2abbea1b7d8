"""Convolution with one channel a group, in float32, on lines (`minicnn.kernels.cpu.shifts`).

There is so little arithmetic for each number that the time is that of reading and writing. A thread
takes a plane, lays it out with its padding in a corner of memory that stays in its cache, and makes
a whole plane of results from it, vector by vector, each of which stays in a register until all
kernel entries were added.

The usual kernels go without laying out: those that keep the size by `depthwise_places.py`, forward
at stride 2 by `depthwise_rows.py`.
"""

import numpy as np
from numba import njit

from minicnn.kernels.cpu import depthwise_places, depthwise_rows
from minicnn.kernels.cpu.epilogue import finish
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.layout import WHOLE, lay_out_plane
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.rectangles import ALONE_DOTS, ALONE_TILE, make_dots, make_tile
from minicnn.kernels.cpu.shifts import back_lines_of, lines_of
from minicnn.kernels.cpu.vectors import WIDTH, copy_line
from minicnn.kernels.threads import get_num_threads

_tile, _dots = make_tile(*ALONE_TILE), make_dots(*ALONE_DOTS)
NEAR = 2**12  # floats
LANES, COLUMNS = ALONE_TILE[1] * WIDTH, ALONE_DOTS[1]


@njit
def _copy_windows(z, pitch, out, y, target):
    """The windows among a line's places → y; `target`: from row to row, to column, the first."""
    to_row, to_column, first = target
    for r in range(out[0]):
        if to_column == 1:
            copy_line(out[1], z, r * pitch, y, first + r * to_row)
        else:
            step = np.uint64(to_column)
            source, here = np.uint64(r * pitch), np.uint64(first + r * to_row)
            for q in range(np.uint64(out[1])):
                y[here + q * step] = z[source + q]


@jit
def _forward(
    thread,
    threads,
    x,
    w,
    start,
    y,
    padding,
    parts,
    rows,
    pitch,
    behind,
    offset,
    length,
    out,
    pieces,
    after,
):
    """Z = W ⊗ X + b (eq. 1.5) for every map; `after`: see `finish`."""
    n, c, height, width = x.shape
    f = w.shape[0]
    plane = parts[2] * parts[3] * rows * pitch
    flat, weights, flat_y = x.reshape(-1), w.reshape(-1), y.reshape(-1)
    steps = len(offset)
    for piece in own_part(pieces, thread, threads):
        line, z = np.zeros(plane + behind + LANES, np.float32), np.empty(length + LANES, np.float32)
        for number in range(piece * n * c // pieces, (piece + 1) * n * c // pieces):
            sample, channel = number // c, number % c
            lay_out_plane(
                flat, number * height * width, height, width,
                line, 0, padding, parts, rows, pitch, False,
            )  # fmt: skip
            for f_ in range(channel * (f // c), (channel + 1) * (f // c)):
                for o in range(0, length, LANES):
                    _tile(steps, weights, f_ * steps, offset, 0, line, o, start, f_, z, o, 0)
                first = (sample * f + f_) * out[0] * out[1]
                _copy_windows(z, pitch, out, flat_y, (out[1], 1, first))
                if after is not None:
                    finish(flat_y, first, out[0] * out[1], f_, after)


@jit
def _input_gradient(
    thread,
    threads,
    delta,
    w,
    dx,
    stride,
    before,
    rows,
    pitch,
    behind,
    part,
    entries,
    offset,
    pieces,
):
    """∂L/∂X (eq. 1.9) for the pixels of one `part`: (row, column, rows, columns, length)."""
    n, f, oh, ow = delta.shape
    c, height, width = dx.shape[1:]
    maps, count = f // c, len(entries)
    row, column, down, across, length = part
    plane = rows * pitch
    flat, flat_dx = delta.reshape(-1), dx.reshape(-1)
    for piece in own_part(pieces, thread, threads):
        line = np.zeros(maps * plane + behind + LANES, np.float32)
        z = np.empty(length + LANES, np.float32)
        nothing, weights = np.zeros(1, np.float32), np.empty(maps * count, np.float32)
        for number in range(piece * n * c // pieces, (piece + 1) * n * c // pieces):
            sample, channel = number // c, number % c
            for m in range(maps):
                f_ = channel * maps + m
                for k in range(count):
                    weights[m * count + k] = w[f_, entries[k]]
                lay_out_plane(
                    flat, (sample * f + f_) * oh * ow, oh, ow,
                    line, m * plane, before, WHOLE, rows, pitch, False,
                )  # fmt: skip
            for o in range(0, length, LANES):
                _tile(maps * count, weights, 0, offset, 0, line, o, nothing, 0, z, o, 0)
            first = number * height * width + row * width + column
            target = stride[0] * width, stride[1], first
            _copy_windows(z, pitch, (down, across), flat_dx, target)


@jit
def _weight_gradient(
    thread, threads, delta, x, dw, padding, parts, rows, pitch, behind, offset, pieces
):
    """∂L/∂W (eq. 1.12), summed over the batch: a map belongs to one thread."""
    n, f, oh, ow = delta.shape
    c, height, width = x.shape[1:]
    plane, places = parts[2] * parts[3] * rows * pitch, (oh - 1) * pitch + ow
    flat_delta, flat = delta.reshape(-1), x.reshape(-1)
    steps = len(offset)
    blocks = (steps + COLUMNS - 1) // COLUMNS
    for piece in own_part(pieces, thread, threads):
        # As many samples at a time as stay in the nearest cache: a sum is finished once for them.
        some = min(n, max(1, NEAR // plane))
        line = np.zeros(some * plane + behind, np.float32)
        d = np.zeros(some * oh * pitch, np.float32)
        sums = np.zeros(blocks * COLUMNS, np.float32)
        zero, where = np.zeros(1, np.int64), np.empty(blocks * COLUMNS, np.int64)
        for k in range(blocks * COLUMNS):
            where[k] = offset[min(k, steps - 1)]  # what is too much is not kept
        for f_ in range(piece * f // pieces, (piece + 1) * f // pieces):
            sums[:] = 0
            for sample0 in range(0, n, some):
                count = min(some, n - sample0)
                for i in range(count):
                    x0 = ((sample0 + i) * c + f_ // (f // c)) * height * width
                    lay_out_plane(
                        flat, x0, height, width,
                        line, i * plane, padding, parts, rows, pitch, False,
                    )  # fmt: skip
                    d0 = ((sample0 + i) * f + f_) * oh * ow
                    lay_out_plane(
                        flat_delta, d0, oh, ow,
                        d, i * oh * pitch, (0, 0), WHOLE, oh, pitch, False,
                    )  # fmt: skip
                for block in range(blocks):
                    k0 = block * COLUMNS
                    _dots(
                        count, places, d, 0, zero, 0, oh * pitch,
                        line, 0, where, k0, plane, sums, k0,
                    )  # fmt: skip
            for k in range(steps):
                dw[f_, k] = sums[k]


def _pieces(planes):
    """Into how many pieces the planes are cut: memory is prepared once for each of them."""
    return min(planes, 4 * get_num_threads())


def conv2d(x, w, stride, padding, dilation, bias, after):
    """Z, with as many groups as x has channels; `after`: see `finish`."""
    start = np.zeros(len(w), np.float32) if bias is None else np.ascontiguousarray(bias)
    lines = lines_of(1, x.shape[2:], w.shape[2:], stride, padding, dilation)
    if depthwise_places.suits(x.shape[2:], w.shape[2:], stride, padding, dilation):
        return depthwise_places.conv2d(x, w, start, dilation, after)
    if depthwise_rows.suits(w.shape[2:], stride):
        return depthwise_rows.conv2d(x, w, start, padding, dilation, lines.out, after)
    y = np.empty((len(x), len(w), *lines.out), np.float32)
    _forward(
        np.ascontiguousarray(x), np.ascontiguousarray(w), start, y, padding, lines.parts,
        lines.rows, lines.pitch, lines.behind, lines.offset, lines.length, lines.out,
        _pieces(x.shape[0] * x.shape[1]), after,
    )  # fmt: skip
    return y


def conv2d_input_gradient(delta, w, size, stride, padding, dilation, groups):
    """∂L/∂X, for an input of `groups` channels and that `size`."""
    maps, kernel, out = len(w) // groups, w.shape[2:], delta.shape[2:]
    if maps == 1 and depthwise_places.suits(size, kernel, stride, padding, dilation):
        # A convolution of δ with the kernels turned by 180° (1.9).
        start = np.zeros(groups, np.float32)
        return depthwise_places.conv2d(delta, w[..., ::-1, ::-1], start, dilation, None)
    lines = back_lines_of(maps, tuple(size), kernel, stride, padding, dilation, out)
    dx = np.empty((len(delta), groups, *size), np.float32)
    delta, w = np.ascontiguousarray(delta), np.ascontiguousarray(w).reshape(len(w), -1)
    for part in lines.parts:
        _input_gradient(
            delta, w, dx, stride, lines.before, lines.rows, lines.pitch, lines.behind,
            (part.row, part.column, *part.size, part.length), part.entries, part.offset,
            _pieces(len(delta) * groups),
        )  # fmt: skip
    return dx


def conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation):
    """∂L/∂W, for kernels of that size."""
    if depthwise_places.suits(x.shape[2:], kernel, stride, padding, dilation):
        return depthwise_places.conv2d_weight_gradient(delta, x, kernel, dilation)
    lines = lines_of(1, x.shape[2:], tuple(kernel), stride, padding, dilation)
    dw = np.empty((delta.shape[1], kernel[0] * kernel[1]), np.float32)
    _weight_gradient(
        np.ascontiguousarray(delta), np.ascontiguousarray(x), dw, padding, lines.parts,
        lines.rows, lines.pitch, lines.behind, lines.offset, _pieces(delta.shape[1]),
    )  # fmt: skip
    return dw.reshape(-1, 1, *kernel)
