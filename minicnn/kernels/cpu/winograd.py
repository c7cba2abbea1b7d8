"""3 × 3 convolution of stride 1 with fewer multiplications (Winograd; Lavin and Gray, 2016).

Four results, a square of 2 × 2, are sums of 9 products each: 36 multiplications. They depend on a
tile d of 4 × 4 pixels. With

        ⎡1  0 −1  0⎤        ⎡ 1    0    0 ⎤
    Bᵀ =⎢0  1  1  0⎥    G = ⎢1/2  1/2  1/2⎥    Aᵀ = ⎡1  1  1  0⎤
        ⎢0 −1  1  0⎥        ⎢1/2 −1/2  1/2⎥         ⎣0  1 −1 −1⎦
        ⎣0  1  0 −1⎦        ⎣ 0    0    1 ⎦

    Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A

is the same result with the 16 multiplications of ⊙. (One row of it: y₀ and y₁, from d₀ … d₃ and
g₀ … g₂, take four products instead of six: (d₀ − d₂) g₀, (d₁ + d₂)(g₀ + g₁ + g₂)/2,
(d₂ − d₁)(g₀ − g₁ + g₂)/2 and (d₁ − d₃) g₂.)

A convolution layer sums over channels, and that may be done before Aᵀ … A. So for each of the 16
entries there is a product of matrices, M = U · V: maps × channels times channels × tiles. It is
computed by the `tile` of `rectangles.py`, for as many tiles at a time as stay in the cache. B, G
and A cost additions only, which are few against the products if there are many maps and channels.

The sums are others than the formula's, so rounding differs: the error is about twice as large as
that of the direct sum (tested against float64).
"""

from functools import lru_cache

import numpy as np
from numba import njit

from minicnn.kernels.cpu.epilogue import finish
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.rectangles import TILES, make_tile
from minicnn.kernels.cpu.vectors import WIDTH, clear_line
from minicnn.kernels.cpu.winograd_vectors import kernels_in, split_line, tiles_in, tiles_out
from minicnn.kernels.threads import get_num_threads
from minicnn.kernels.workspace import workspace

POINTS = 16
LEAST = 24  # channels, and maps: with fewer the additions are not few
CACHE = 768 * 2**10  # floats of V and M that one thread works on at a time
# Rows and columns of results: half of the last tile of 7 is in vain, and where images are small and
# few, to change the kernels costs more than it saves. (How many images there are must not decide:
# what comes of an image, to the last bit, does not depend on those beside it.)
LEAST_OUT = 8

_tile0, _tile1, _tile2 = (make_tile(*shape) for shape in TILES)
_ROWS = tuple(rows for rows, _ in TILES)
_LANES = tuple(vectors * WIDTH for _, vectors in TILES)


@jit
def _kernels_in(thread, threads, packed, u, turned):
    """packed (blocks, channels, 9, rows) → U (16, blocks, channels, rows), with room behind."""
    blocks, channels, _, rows = packed.shape
    flat, point = packed.reshape(-1), blocks * channels * rows
    source = np.zeros(9 * rows + WIDTH, np.float32)
    target = np.empty(POINTS * WIDTH, np.float32)
    for block in own_part(blocks, thread, threads):
        for channel in range(channels):
            goal = (block * channels + channel) * rows
            place = 9 * goal
            # What is written too much belongs to the next channel, which comes later; the last
            # channel of a block is written number by number.
            if channel + WIDTH // rows + 1 < channels:
                kernels_in(flat, place, rows, turned, u, goal, point)
                continue
            for k in range(9 * rows):
                source[k] = flat[place + k]
            kernels_in(source, 0, rows, turned, target, 0, WIDTH)
            for k in range(POINTS):
                for i in range(rows):
                    u[k * point + goal + i] = target[k * WIDTH + i]


@njit
def apart(size):
    """A distance of 16 streams that are written side by side, such that they fit into the cache.

    The nearest cache finds a place for a number by the last 12 bits of its address: streams whose
    distance is a multiple of 4 kB would push each other out.
    """
    return (size + 1023) // 1024 * 1024 + 5 * WIDTH


@njit
def _four_rows(x, plane, height, width, top, left, pixels, row):
    """Rows `top` to `top` + 3 of a plane, `left` zeros in front, even and odd columns apart."""
    for i in range(4):
        even, odd, y = i * row, (4 + i) * row, top + i
        if y < 0 or y >= height:
            clear_line(row, pixels, even)
            clear_line(row, pixels, odd)
            continue
        start = plane + y * width
        # The first `left` places are zeros from the beginning, and nobody writes to them.
        if left == 0:
            split_line(width, x, start, pixels, even, pixels, odd)
        elif left == 1:
            split_line(width, x, start, pixels, odd, pixels, even + 1)
        else:
            split_line(width, x, start, pixels, even + 1, pixels, odd + 1)


@njit
def pixel_tiles(x, shape, first, last, down, across, padding, pixels, row, v, line, point):
    """V of rows `first` … `last` − 1 of tiles, for all channels: (16, channels, tiles)."""
    for channel in range(shape[1]):
        channel_tiles(
            x, shape, channel, first, last, down, across, padding, pixels, row, v, line, point
        )


@njit
def channel_tiles(
    x, shape, channel, first, last, down, across, padding, pixels, row, v, line, point
):
    """The same of one channel.

    Args:
        x: flat; shape: (N, C, H, W). down, across: how many tiles an image has.
        pixels: 8 times `row` zeros at first, to work with; `row` ≥ across + 2 · WIDTH.
        line, point: distances in v from one channel and one entry to the next; a line has room for
            a vector behind the last tile.
    """
    _, channels, height, width = shape
    used = (last - first) * across
    for number in range(first, last):
        image, top = number // down, number % down * 2 - padding[0]
        plane = (image * channels + channel) * height * width
        _four_rows(x, plane, height, width, top, padding[1], pixels, row)
        tiles_in(across, pixels, 0, row, v, channel * line + (number - first) * across, point)
    # What stands behind the last tile is multiplied, too. Left over from another use of this
    # memory, it could be numbers that take a processor a hundred times as long.
    for k in range(POINTS):
        clear_line(line - used, v, k * point + channel * line + used)


@jit
def _convolve(thread, threads, x, u, bias, y, zeros, kind, shape, padding, tile_rows, after):
    """Y = W ⊗ X + b by tiles.

    Args:
        x: (N, C, H, W). u: flat, as `_kernels_in` leaves it. bias: (F). y: (N, F, OH, OW).
        zeros: one number for each piece of the work, NaN where a result was not finite.
        kind: which of the TILES. shape: (blocks, rows) of u. padding: zeros around x.
        tile_rows: how many rows of tiles are worked on at a time.
        after: see `finish`.
    """
    n, c = x.shape[:2]
    f, oh, ow = y.shape[1:]
    blocks, rows = shape
    lanes = _LANES[kind]
    down, across = (oh + 1) // 2, (ow + 1) // 2
    flat, flat_y = x.reshape(-1), y.reshape(-1)
    total = n * down
    line = (across * tile_rows + lanes - 1) // lanes * lanes
    v_line = line + WIDTH  # whole vectors are written, also behind the last tile
    v_point, m_point = apart(c * v_line), apart(blocks * rows * line)
    row = across + 2 * WIDTH
    offset = np.arange(c) * v_line
    for piece in own_part(len(zeros), thread, threads):
        first, last = piece * tile_rows, min(total, (piece + 1) * tile_rows)
        v = np.empty(POINTS * v_point + WIDTH, np.float32)
        m = np.empty(POINTS * m_point + WIDTH, np.float32)
        pixels = np.zeros(8 * row + WIDTH, np.float32)
        nothing = np.zeros(rows, np.float32)
        pixel_tiles(
            flat, x.shape, first, last, down, across, padding, pixels, row, v, v_line, v_point
        )
        for k in range(POINTS):
            for block in range(blocks):
                a0 = (k * blocks + block) * c * rows
                for o in range(0, line, lanes):
                    v0, m0 = k * v_point + o, k * m_point + block * rows * line + o
                    if kind == 0:
                        _tile0(c, u, a0, offset, 0, v, v0, nothing, 0, m, m0, line)
                    elif kind == 1:
                        _tile1(c, u, a0, offset, 0, v, v0, nothing, 0, m, m0, line)
                    else:
                        _tile2(c, u, a0, offset, 0, v, v0, nothing, 0, m, m0, line)
        for f_ in range(f):
            for number in range(first, last):
                image, top = number // down, number % down * 2
                place = ((image * f + f_) * oh + top) * ow
                both = 1 if top + 1 < oh else 0
                m0 = f_ * line + (number - first) * across
                zeros[piece] += tiles_out(
                    across, m, m0, m_point, bias[f_], flat_y, place, ow, ow, both
                )
                if after is not None:
                    finish(flat_y, place, (1 + both) * ow, f_, after)


@lru_cache(maxsize=1024)
def _plan(channels, maps, across, total, threads):
    """(which of the TILES, rows of tiles at a time), so that little is computed in vain."""
    most = max(1, CACHE // (POINTS * (channels + maps)) // across)
    best = None
    for kind, (rows, lanes) in enumerate(zip(_ROWS, _LANES, strict=True)):
        for tile_rows in range(1, min(most, total) + 1):
            tiles, pieces = across * tile_rows, -(-total // tile_rows)
            used = tiles / (-(-tiles // lanes) * lanes) * maps / (-(-maps // rows) * rows)
            used *= total / tile_rows / (-(-pieces // threads) * threads)
            # Long lines: the kernels are read once for each piece.
            score = used * tiles / (tiles + 16)
            if best is None or score > best[0]:
                best = score, (kind, tile_rows)
    return best[1]


def suits(channels, maps, kernel, stride, padding, dilation, groups, out):
    """Whether a convolution is one for tiles, and large enough."""
    plain_one = tuple(kernel) == (3, 3) and groups == 1 and max(padding) <= 2
    large = min(channels, maps) >= LEAST and min(out) >= LEAST_OUT
    return plain_one and large and tuple(stride) == tuple(dilation) == (1, 1)


def convolve(x, weights, maps, bias, padding, out, turned, after):
    """Z, (N, maps, *out); `after`: see `finish`. None if a number in it is not finite.

    Infinity − infinity in a tile would be NaN for results that do not see the infinity at all.

    Args:
        x: (N, C, H, W), contiguous. bias: (maps).
        weights: a function that packs the kernels for so many rows of maps at a time: (1, blocks,
            9 · C, rows). turned: whether their entries are to be read from the last to the first.
    """
    n, c = x.shape[:2]
    down, across = -(-out[0] // 2), -(-out[1] // 2)
    total = n * down
    kind, tile_rows = _plan(c, maps, across, total, get_num_threads())
    rows = _ROWS[kind]
    blocks = -(-maps // rows)
    packed = weights(rows).reshape(blocks, c, 9, rows)
    u = workspace("winograd", POINTS * blocks * c * rows + WIDTH)
    _kernels_in(packed, u, int(turned))
    y = np.empty((n, maps, *out), np.float32)
    zeros = np.zeros(-(-total // tile_rows), np.float32)
    _convolve(x, u, bias, y, zeros, kind, (blocks, rows), padding, tile_rows, after)
    return y if np.isfinite(zeros).all() else None
