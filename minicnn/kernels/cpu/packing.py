"""The weights of a convolution in the order in which rectangles read them."""

import math

import numpy as np

from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.vectors import WIDTH, transpose
from minicnn.kernels.workspace import workspace


@jit(explicit=True)
def pack(thread, threads, w, entries, packed, swap):
    """The weights in the order in which rectangles need them: (groups, blocks, K, rows).

    w is (groups, maps, channels, entries); a block is `rows` maps (with `swap`: channels, and K
    runs over maps and entries). What fills the last block up is any number.

    Where all entries are wanted, squares of WIDTH · WIDTH numbers are turned round in registers: a
    few more than `rows` are written each time, which the next k's overwrite. So the last k's of a
    block are copied one by one, and blocks near the end of w, where no square is left to read.
    """
    groups, blocks, steps, rows = packed.shape
    _, maps, channels, size = w.shape
    flat, target = w.reshape(-1), packed.reshape(-1)
    count = len(entries)
    inner_count = steps // max(1, count)
    margin = WIDTH + (WIDTH + rows - 1) // rows  # k's that a square writes to in vain, at most
    outer_step, inner_step = (size, channels * size) if swap else (channels * size, size)
    for place in own_part(groups * blocks, thread, threads):
        g, block = place // blocks, place % blocks
        begin = place * steps * rows
        source = g * maps * channels * size + block * rows * outer_step
        done = 0  # so many of the inner channels, or maps
        last_read = source + (WIDTH - 1) * outer_step + (inner_count - 1) * inner_step + size
        if count == size and last_read + WIDTH <= len(flat):
            if swap and count == 1:
                done = max(0, inner_count - margin)
                for inner in range(done):
                    here = np.uint64(begin + inner * rows)
                    there = np.uint64(source + inner * inner_step)
                    for i in range(np.uint64(WIDTH)):
                        target[here + i] = flat[there + i]
            elif not swap or count <= WIDTH:
                # Square after square: how far it is to the next, and from line to line in it.
                further, line, some = (
                    (inner_step, size, count) if swap else (WIDTH, outer_step, WIDTH)
                )
                squares = max(0, steps - margin) // some
                for i in range(squares):
                    to = begin + i * some * rows
                    transpose(flat, source + i * further, line, target, to, rows)
                done = squares * some // count
        outers = (channels if swap else maps) - block * rows
        for inner in range(done, inner_count):
            for e in range(count):
                here = np.uint64(begin + (inner * count + e) * rows)
                there = source + inner * inner_step + entries[e]
                for i in range(rows):
                    value = flat[there + i * outer_step] if i < outers else np.float32(0)
                    target[here + np.uint64(i)] = value


def packed_weights(w, groups, entries, rows, swap):
    """w (F, C/groups, kh, kw) as `pack` leaves them."""
    f, c, kh, kw = w.shape
    w = np.ascontiguousarray(w).reshape(groups, f // groups, c, kh * kw)
    outer, inner = (c, f // groups) if swap else (f // groups, c)
    shape = (groups, -(-outer // rows), inner * len(entries), rows)
    packed = workspace("weights", math.prod(shape)).reshape(shape)
    pack(w, entries, packed, swap)
    return packed
