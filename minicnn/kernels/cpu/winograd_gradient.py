"""∂L/∂W of a 3 × 3 convolution by the tiles of `winograd.py`.

There Y = Aᵀ [ (G g Gᵀ) ⊙ V ] A for each tile, V = Bᵀ d B. By the chain rule

    ∂L/∂g = Gᵀ [ Σ_tiles (A δ Aᵀ) ⊙ V ] G

so that the sum over tiles, for each of the 16 entries, is a product of matrices: maps × tiles times
tiles × channels. δ is turned round first, as in `weight_gradient.py`, so that the maps of a place
lie side by side and `outer` can compute it. Each thread adds up the tiles of its own images; in the
end their sums are added, and G is applied once.
"""

import math

import numpy as np

from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.rectangles import OUTERS, make_outer
from minicnn.kernels.cpu.vectors import WIDTH, transpose
from minicnn.kernels.cpu.weight_gradient import best_kind, turn_round
from minicnn.kernels.cpu.winograd import CACHE, POINTS, apart, pixel_tiles
from minicnn.kernels.cpu.winograd_vectors import deltas_in, kernels_out
from minicnn.kernels.threads import get_num_threads
from minicnn.kernels.workspace import workspace

_outer0, _outer1, _outer2 = (make_outer(*shape) for shape in OUTERS)
_ROWS = tuple(rows for rows, _ in OUTERS)
_LANES = tuple(vectors * WIDTH for _, vectors in OUTERS)


@jit
def _sum_tiles(thread, threads, x, panels, out, padding, kind, tile_rows, first, sums):
    """Σ (A δ Aᵀ) ⊙ V → sums (parts, 16, blocks, rectangles · rows, lanes), a part a thread.

    Args:
        x: (N, C, H, W). out: (OH, OW).
        panels: flat, (N, blocks, OH · OW, lanes), with one more place of zeros at the end.
        kind: which of the OUTERS. tile_rows: how many rows of tiles to work on at a time.
        first: 0, 1, … C − 1, filled up with the last so that it is whole rectangles.
    """
    n, c = x.shape[:2]
    parts, _, blocks, steps, lanes = sums.shape
    oh, ow = out
    rows = _ROWS[kind]
    down, across = (oh + 1) // 2, (ow + 1) // 2
    flat, flat_sums = x.reshape(-1), sums.reshape(-1)
    zeros = n * blocks * oh * ow * lanes
    line = across * tile_rows + WIDTH
    v_point, d_line = apart(c * line), across * tile_rows * lanes
    d_point = apart(blocks * d_line)
    where = first * line
    row = across + 2 * WIDTH
    total = n * down
    for part in own_part(parts, thread, threads):
        v = np.empty(POINTS * v_point, np.float32)
        d = np.empty(POINTS * d_point, np.float32)
        pixels = np.zeros(8 * row + WIDTH, np.float32)
        sums[part] = 0
        low, high = part * total // parts, (part + 1) * total // parts
        for begin in range(low, high, tile_rows):
            end = min(high, begin + tile_rows)
            pixel_tiles(
                flat, x.shape, begin, end, down, across, padding, pixels, row, v, line, v_point
            )
            for number in range(begin, end):
                image, top = number // down, number % down * 2
                for block in range(blocks):
                    plane = (image * blocks + block) * oh * ow * lanes
                    for q in range(across):
                        here = plane + (top * ow + 2 * q) * lanes
                        right = here + lanes if 2 * q + 1 < ow else zeros
                        below = here + ow * lanes if top + 1 < oh else zeros
                        both = below + lanes if right != zeros and below != zeros else zeros
                        target = block * d_line + ((number - begin) * across + q) * lanes
                        for lane in range(0, lanes, WIDTH):
                            deltas_in(
                                panels, here + lane, right + lane, below + lane, both + lane,
                                d, target + lane, d_point,
                            )  # fmt: skip
            count = (end - begin) * across
            for k in range(POINTS):
                for block in range(blocks):
                    x0, d0 = k * v_point, k * d_point + block * d_line
                    start = ((part * POINTS + k) * blocks + block) * steps * lanes
                    for i0 in range(0, steps, rows):
                        o0 = start + i0 * lanes
                        if kind == 0:
                            _outer0(1, 1, count, v, x0, where, i0, 0, 0, d, d0, 0, flat_sums, o0)
                        elif kind == 1:
                            _outer1(1, 1, count, v, x0, where, i0, 0, 0, d, d0, 0, flat_sums, o0)
                        else:
                            _outer2(1, 1, count, v, x0, where, i0, 0, 0, d, d0, 0, flat_sums, o0)


@jit
def _kernels_out(thread, threads, sums, dw, zeros):
    """Gᵀ … G of the parts' sum → dw (F, C · 9), some channels at a time.

    zeros: one number for each of these times the blocks; NaN where a result is not finite.
    """
    parts, _, blocks, steps, lanes = sums.shape
    f, entries = dw.shape
    c = entries // 9
    flat, target = sums.reshape(-1), dw.reshape(-1)
    point = blocks * steps * lanes
    for unit in own_part(len(zeros), thread, threads):
        block, begin = unit % blocks, unit // blocks * WIDTH
        end = min(c, begin + WIDTH)
        turned = np.empty((end - begin) * 9 * lanes, np.float32)
        for channel in range(begin, end):
            for lane in range(0, lanes, WIDTH):
                zeros[unit] += kernels_out(
                    flat, (block * steps + channel) * lanes + lane, point, parts, POINTS * point,
                    turned, (channel - begin) * 9 * lanes + lane, lanes,
                )  # fmt: skip
        used, count = min(lanes, f - block * lanes), (end - begin) * 9
        for lane in range(0, used, WIDTH):
            place = (block * lanes + lane) * entries + begin * 9
            whole = count // WIDTH * WIDTH if lane + WIDTH <= used else 0
            for k in range(0, whole, WIDTH):
                transpose(turned, k * lanes + lane, lanes, target, place + k, entries)
            for i in range(min(WIDTH, used - lane)):
                for k in range(whole, count):
                    target[place + i * entries + k] = turned[k * lanes + lane + i]


def weight_gradient(delta, x, padding):
    """∂L/∂W, (F, C, 3, 3), or None if a number in it is not finite.

    Args:
        delta: (N, F, OH, OW). x: (N, C, H, W). Both contiguous.
    """
    (n, f, oh, ow), c = delta.shape, x.shape[1]
    kind = best_kind(f, c)
    rows, lanes = _ROWS[kind], _LANES[kind]
    blocks, steps = -(-f // lanes), -(-c // rows) * rows
    size = n * blocks * oh * ow * lanes
    panels = workspace("panels", size + lanes)
    panels[size:] = 0
    turn_round(delta.reshape(n, 1, f, oh * ow), panels[:size].reshape(n, 1, blocks, oh * ow, lanes))
    first = np.minimum(np.arange(steps), c - 1)
    parts = get_num_threads()
    shape = parts, POINTS, blocks, steps, lanes
    sums = workspace("tile sums", math.prod(shape)).reshape(shape)
    across, down = -(-ow // 2), -(-oh // 2)
    tile_rows = CACHE // (POINTS * (c + blocks * lanes)) // across
    tile_rows = max(1, min(tile_rows, -(-n * down // parts)))
    _sum_tiles(x, panels, (oh, ow), tuple(padding), kind, tile_rows, first, sums)
    dw = np.empty((f, c * 9), np.float32)
    zeros = np.zeros(blocks * -(-c // WIDTH), np.float32)
    _kernels_out(sums, dw, zeros)
    return dw.reshape(f, c, 3, 3) if np.isfinite(zeros).all() else None
