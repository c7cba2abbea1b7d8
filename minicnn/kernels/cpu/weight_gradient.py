"""∂L/∂W of a convolution in float32 (eq. 1.12), with many maps: δ is turned round first.

    ∂L/∂W[f, k] = Σ_n Σ_place δ[n, f, place] · x[n, offset[k] + place]

The sum runs along the lines of `minicnn.kernels.cpu.shifts`. A vector of places would have to be
added up in the end, and would be read again for every few maps. So δ is copied into *panels*, in
which the maps of a place lie side by side; then a vector holds maps, x gives one number at a time,
and a rectangle of ∂L/∂W (a few k by a few vectors of maps) stays in registers while the places go
by: the `outer` of `rectangles.py`. The copy costs little if there are many k for each
number of δ.
"""

import math
from functools import lru_cache

import numpy as np

from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.rectangles import OUTERS, make_outer
from minicnn.kernels.cpu.vectors import WIDTH, transpose
from minicnn.kernels.threads import get_num_threads
from minicnn.kernels.workspace import workspace

# How many places of a panel are gone through at a time. Where the rows of x follow each other
# without gaps, more: long runs, one after the other, are read from memory in time.
PLACES, LONG_PLACES = 400, 3200
SUMS = 96 * 2**10  # floats of ∂L/∂W that one thread adds up at a time

_outer0, _outer1, _outer2 = (make_outer(*shape) for shape in OUTERS)
_ROWS = tuple(rows for rows, _ in OUTERS)
_LANES = tuple(vectors * WIDTH for _, vectors in OUTERS)


@jit(explicit=True)
def turn_round(thread, threads, delta, panels):
    """δ (N, groups, maps, places) → panels (N, groups, blocks, places, lanes); empty lanes: 0."""
    images, groups, maps, places = delta.shape
    blocks, lanes = panels.shape[2], panels.shape[4]
    flat, target = delta.reshape(-1), panels.reshape(-1)
    for unit in own_part(images * groups * blocks, thread, threads):
        block = unit % blocks
        source = (unit // blocks * maps + block * lanes) * places
        used = min(lanes, maps - block * lanes)
        begin = unit * places * lanes
        for lane in range(0, lanes, WIDTH):
            whole = places // WIDTH * WIDTH if lane + WIDTH <= used else 0
            for place in range(0, whole, WIDTH):
                transpose(
                    flat, source + lane * places + place, places,
                    target, begin + place * lanes + lane, lanes,
                )  # fmt: skip
            for place in range(whole, places):
                for i in range(lane, lane + WIDTH):
                    value = flat[source + i * places + place] if i < used else np.float32(0)
                    target[begin + place * lanes + i] = value


@jit(explicit=True)
def _sum_up(thread, threads, panels, lines, sizes, first, out, pitch, dw, kind, parts, at_once):
    """Each thread has some k's of some maps to itself: no two write to the same place.

    Args:
        panels: as `turn_round` leaves them. lines: flat.
        sizes: the number of images, and the floats of an image and of a group in `lines`.
        first: the distance of each k's pixel, as many as fill rectangles.
        out, pitch: (OH, OW); the distance of two rows in `lines`.
        dw: (groups, maps, K), to be written.
        kind: which of the OUTERS.
        parts: into how many the blocks of maps, and the k's, are cut.
        at_once: how many images, rows of windows and places to go through at a time: all places of
            these rows, or a part of a single row.
    """
    images, image_size, group_size = sizes
    groups, maps, steps = dw.shape
    blocks = panels.shape[2]
    rows, lanes = _ROWS[kind], _LANES[kind]
    d, flat = panels.reshape(-1), dw.reshape(-1)
    places = out[0] * out[1]
    panel = places * lanes
    d_image = groups * blocks * panel
    rectangles = len(first) // rows
    some_images, some_rows, some_places = at_once
    map_parts, step_parts = parts
    for unit in own_part(groups * map_parts * step_parts, thread, threads):
        part, step_part = unit // step_parts, unit % step_parts
        g, map_part = part // map_parts, part % map_parts
        block0, block1 = map_part * blocks // map_parts, (map_part + 1) * blocks // map_parts
        low = step_part * rectangles // step_parts
        high = (step_part + 1) * rectangles // step_parts
        size = (high - low) * rows * lanes
        sums = np.zeros((block1 - block0) * size, np.float32)
        for n in range(0, images, some_images):
            count = min(some_images, images - n)
            for first_place in range(0, places, some_places):
                r, q = first_place // out[1], first_place % out[1]
                tall, long = min(some_rows, out[0] - r), min(some_places, out[1] - q)
                x0 = n * image_size + g * group_size + r * pitch + q
                for block in range(block0, block1):
                    d0 = n * d_image + (g * blocks + block) * panel + first_place * lanes
                    start = (block - block0) * size
                    for b in range(low, high):
                        o0, i0 = start + (b - low) * rows * lanes, b * rows
                        if kind == 0:
                            _outer0(count, tall, long, lines, x0, first, i0, image_size, pitch,
                                    d, d0, d_image, sums, o0)  # fmt: skip
                        elif kind == 1:
                            _outer1(count, tall, long, lines, x0, first, i0, image_size, pitch,
                                    d, d0, d_image, sums, o0)  # fmt: skip
                        else:
                            _outer2(count, tall, long, lines, x0, first, i0, image_size, pitch,
                                    d, d0, d_image, sums, o0)  # fmt: skip
        # The sums lie k after k, ∂L/∂W map after map.
        begin, end = low * rows, min(high * rows, steps)
        for block in range(block0, block1):
            used = min(lanes, maps - block * lanes)
            start = (block - block0) * size
            target = (g * maps + block * lanes) * steps + begin
            for lane in range(0, lanes, WIDTH):
                whole = (end - begin) // WIDTH * WIDTH if lane + WIDTH <= used else 0
                for k in range(0, whole, WIDTH):
                    transpose(
                        sums, start + k * lanes + lane, lanes,
                        flat, target + lane * steps + k, steps,
                    )  # fmt: skip
                for i in range(lane, min(lane + WIDTH, used)):
                    for k in range(whole, end - begin):
                        flat[target + i * steps + k] = sums[start + k * lanes + i]


def waste(maps, steps, kind):
    """How much more is computed than needed, as a factor, by rectangles of that kind."""
    rows, lanes = _ROWS[kind], _LANES[kind]
    # With a single vector of maps, the numbers of x are read as often as is multiplied.
    slow = 1.25 if lanes == WIDTH else 1.0
    return slow * (-(-maps // lanes) * lanes / maps) * (-(-steps // rows) * rows / steps)


def best_kind(maps, steps):
    """Which of the OUTERS wastes least."""
    return min(range(len(OUTERS)), key=lambda kind: waste(maps, steps, kind))


@lru_cache(maxsize=1024)
def best_parts(groups, blocks, rectangles, floats, delta, pixels, threads):
    """(map parts, step parts), so that least is read.

    Every part of the maps goes through all pixels, every part of the k's through all of δ.

    Args:
        groups, blocks, rectangles: how many there are. floats: of a rectangle.
        delta, pixels: floats of δ and of x that one group has.
        threads: all of them are to have the same work.
    """
    best = None
    for map_parts in range(1, blocks + 1):
        sums = -(-blocks // map_parts) * rectangles * floats
        step_parts = min(rectangles, -(-sums // SUMS))
        while groups * map_parts * step_parts % threads and step_parts < rectangles:
            step_parts += 1
        cost = map_parts * pixels + step_parts * delta
        if best is None or cost < best[0]:
            best = cost, (map_parts, step_parts)
    return best[1]


def weight_gradient(delta, lines, sizes, offset, pitch, groups, out):
    """∂L/∂W, (groups, maps, K).

    Args:
        delta: (N, F, OH, OW), contiguous. The others: see `_sum_up`; offset: K distances.
    """
    n, f = delta.shape[:2]
    maps, steps, places = f // groups, len(offset), out[0] * out[1]
    kind = best_kind(maps, steps)
    rows, lanes = _ROWS[kind], _LANES[kind]
    blocks, rectangles = -(-maps // lanes), -(-steps // rows)
    shape = n, groups, blocks, places, lanes
    panels = workspace("panels", math.prod(shape)).reshape(shape)
    turn_round(delta.reshape(n, groups, maps, places), panels)
    first = np.full(rectangles * rows, offset[-1], np.int64)  # what is too much is not kept
    first[:steps] = offset
    parts = best_parts(
        groups, blocks, rectangles, rows * lanes,
        n * maps * places, n * sizes[2], get_num_threads(),
    )  # fmt: skip
    if pitch == out[1]:  # the rows follow each other without a gap
        out = 1, places
        some = min(places, LONG_PLACES)
        at_once = max(1, LONG_PLACES // places), 1, some
    else:
        rows_at_once = max(1, min(out[0], PLACES // out[1]))
        at_once = max(1, PLACES // places), rows_at_once, rows_at_once * out[1]
    dw = np.empty((groups, maps, steps), np.float32)
    _sum_up(panels, lines, sizes, first, out, pitch, dw, kind, parts, at_once)
    return dw
