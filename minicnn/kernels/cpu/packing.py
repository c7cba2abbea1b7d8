"""The weights of a convolution in the order in which rectangles read them."""

import math

import numpy as np
from numba import njit

from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.vectors import WIDTH, copy_line, transpose
from minicnn.kernels.workspace import workspace


@njit
def pack_block(w, entries, swap, g, block, rows, target, begin):
    """The weights of one block of one group, for `target` from `begin` on: (K, rows).

    w is (groups, maps, channels, entries); a block is `rows` maps (with `swap`: channels, and K
    runs over maps and entries). What fills the last block up is any number.

    Squares of WIDTH · WIDTH numbers are turned round in registers. Where all entries are wanted
    they are written to their place at once: a few more than `rows` each time, which the next k's
    overwrite. So the last k's of a block are copied one by one, and blocks near the end of w, where
    no square is left to read.
    """
    _, maps, channels, size = w.shape
    flat, count = w.reshape(-1), len(entries)
    inner_count, outers = (maps, channels) if swap else (channels, maps)
    outers -= block * rows
    steps = inner_count * count
    margin = WIDTH + (WIDTH + rows - 1) // rows  # k's that a square writes to in vain, at most
    outer_step, inner_step = (size, channels * size) if swap else (channels * size, size)
    source = g * maps * channels * size + block * rows * outer_step
    done = 0  # so many of the inner channels, or maps
    last_read = source + (WIDTH - 1) * outer_step + (inner_count - 1) * inner_step + size
    if last_read + WIDTH <= len(flat):
        if 0 < count < size <= WIDTH and rows <= WIDTH:
            square = np.empty(WIDTH * WIDTH, np.float32)
            for inner in range(inner_count):
                transpose(flat, source + inner * inner_step, outer_step, square, 0, WIDTH)
                for e in range(count):
                    to = begin + (inner * count + e) * rows
                    copy_line(rows, square, entries[e] * WIDTH, target, to)
            done = inner_count
        elif count == size == 1 and swap:
            done = max(0, inner_count - margin)
            for inner in range(done):
                here = np.uint64(begin + inner * rows)
                there = np.uint64(source + inner * inner_step)
                for i in range(np.uint64(WIDTH)):
                    target[here + i] = flat[there + i]
        elif count == size and (not swap or count <= WIDTH):
            # Square after square: how far it is to the next, and from line to line in it.
            further, line, some = (inner_step, size, count) if swap else (WIDTH, outer_step, WIDTH)
            squares = max(0, steps - margin) // some
            for i in range(squares):
                transpose(flat, source + i * further, line, target, begin + i * some * rows, rows)
            done = squares * some // count
    for inner in range(done, inner_count):
        for e in range(count):
            here = np.uint64(begin + (inner * count + e) * rows)
            there = source + inner * inner_step + entries[e]
            for i in range(rows):
                value = flat[there + i * outer_step] if i < outers else np.float32(0)
                target[here + np.uint64(i)] = value


@jit(explicit=True)
def pack(thread, threads, w, entries, packed, swap):
    """All blocks of all groups: (groups, blocks, K, rows)."""
    groups, blocks, steps, rows = packed.shape
    target = packed.reshape(-1)
    for place in own_part(groups * blocks, thread, threads):
        g, block = place // blocks, place % blocks
        pack_block(w, entries, swap, g, block, rows, target, place * steps * rows)


def in_groups(w, groups):
    """w (F, C/groups, kh, kw) → (groups, maps, channels, entries)."""
    f, c, kh, kw = w.shape
    return np.ascontiguousarray(w).reshape(groups, f // groups, c, kh * kw)


def packed_weights(w, entries, rows, swap):
    """w (groups, maps, channels, entries) as `pack` leaves them."""
    groups, maps, c, _ = w.shape
    outer, inner = (c, maps) if swap else (maps, c)
    shape = (groups, -(-outer // rows), inner * len(entries), rows)
    packed = workspace("weights", math.prod(shape)).reshape(shape)
    pack(w, entries, packed, swap)
    return packed
