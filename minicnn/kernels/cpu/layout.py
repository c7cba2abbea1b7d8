"""Images copied into lines, with their padding: see `minicnn.kernels.cpu.shifts`."""

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import as_strided

from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.vectors import clear_line, lay_row
from minicnn.kernels.workspace import workspace

WHOLE = 1, 1, 1, 1  # the parts of an image that is not sorted


@njit
def lay_out_plane(x, x0, height, width, lines, start, before, parts, rows, pitch, fill):
    """One channel of one image, (height, width) from ``x[x0]`` on → (used parts, rows, pitch).

    `parts` is that of `Lines`. `before` counts the rows above and columns to the left. The rest is
    filled with zeros, unless `fill` is False: where a plane of this size has been before, the zeros
    are there.
    """
    down, across, used_down, used_across = parts
    for part in range(used_down * used_across):
        for r in range(rows):
            target = start + (part * rows + r) * pitch
            y = r * down + part // used_across - before[0]
            if y < 0 or y >= height:
                if fill:
                    clear_line(pitch, lines, target)
                continue
            column = part % used_across - before[1]
            # Places first … last − 1 of the line hold pixels, the others padding.
            first = min(max(0, -(column // across)), pitch)
            last = max(first, min(pitch, (width - 1 - column) // across + 1))
            source = x0 + y * width + column
            if across <= 2:
                lay_row(pitch, first, last, across == 2, x, source, lines, target)
            else:
                if fill:
                    clear_line(pitch, lines, target)
                there, here, step = np.uint64(source), np.uint64(target), np.uint64(across)
                for q in range(np.uint64(first), np.uint64(last)):
                    lines[here + q] = x[there + q * step]


@jit(explicit=True)
def _lay_out(thread, threads, x, lines, before, parts, rows, pitch):
    """x (N, C, H, W) → lines (N, C, parts, rows, pitch), sorted by the stride's remainders."""
    n, c, height, width = x.shape
    flat = x.reshape(-1)
    plane = parts[2] * parts[3] * rows * pitch
    for image in own_part(n * c, thread, threads):
        lay_out_plane(
            flat, image * height * width, height, width,
            lines, image * plane, before, parts, rows, pitch, True,
        )  # fmt: skip


def laid_out(x, before, parts, rows, pitch, room, name="lines"):
    """The images as lines, flat; behind them is `room` for what a last rectangle reads in vain.

    The memory is that of the workspace `name`: it is overwritten by the next call.
    """
    n, c = x.shape[:2]
    size = n * c * parts[2] * parts[3] * rows * pitch
    lines = workspace(name, size + room)
    lines[size:] = 0
    _lay_out(np.ascontiguousarray(x), lines, before, parts, rows, pitch)
    return lines


def in_a_line(x):
    """Images (N, …) as a flat array, and how far it is from each to the next.

    Some maps of larger images, which `chunk` gives, are left where they are.
    """
    maps = x[0]
    apart = x.strides[0]
    if len(x) == 1 or not maps.flags.c_contiguous or apart < maps.nbytes or apart % x.itemsize:
        return np.ascontiguousarray(x).reshape(-1), maps.size
    distance = apart // x.itemsize
    if distance == maps.size:
        return x.reshape(-1), distance
    return as_strided(x, ((len(x) - 1) * distance + maps.size,), (x.itemsize,)), distance
