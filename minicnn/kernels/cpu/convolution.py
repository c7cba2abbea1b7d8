"""Convolution and its gradients in float32: long lines, read at shifted places.

`shifts.py` explains where the numbers lie, `rectangles.py` the innermost loops, `winograd.py` how
large 3 × 3 kernels are computed with fewer multiplications. What is between them is here:

* `laid_out` copies images with their padding, sorted by remainders of the stride;
* `_correlate` computes Z = W ⊗ X (eq. 1.11), and with rot180 of W and the padded δ in the places of
  W and X also ∂L/∂X (1.9): rectangle by rectangle, a block of maps by a stretch of the line;
* `_weight_gradient` computes ∂L/∂W (1.12): each entry is the product of a line of δ, with zeros
  where there is no window, and the shifted line of X.

The work is cut into pieces whose operands stay in the cache of one core (256 kB to 1 MB).
"""

import numpy as np

from minicnn.kernels import plain
from minicnn.kernels.cpu import (
    depthwise,
    depthwise_lines,
    depthwise_places,
    winograd,
    winograd_gradient,
)
from minicnn.kernels.cpu.epilogue import ACTIVATIONS, finish
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.layout import WHOLE, in_a_line, laid_out
from minicnn.kernels.cpu.packing import in_groups, pack_block, packed_weights
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.rectangles import DOTS, TILES, make_dots, make_tile
from minicnn.kernels.cpu.shifts import back_lines_of, lines_of
from minicnn.kernels.cpu.vectors import WIDTH, copy_line
from minicnn.kernels.cpu.weight_gradient import weight_gradient
from minicnn.kernels.registry import register
from minicnn.kernels.threads import get_num_threads

CACHE = 64 * 2**10  # floats that a stretch of lines may have to stay in the cache
LARGE_CACHE = 256 * 2**10  # the same where a thread has some of the maps to itself
# From so many maps and k's on δ is turned round for the weight gradient (`weight_gradient.py`).
MAPS_TO_TURN, STEPS_TO_TURN = 12, 16
DELTA_CACHE = 192 * 2**10  # floats of δ that the weight gradient goes through at a time

_tile0, _tile1, _tile2 = (make_tile(*shape) for shape in TILES)
_dots = make_dots(*DOTS)
_ROWS = tuple(rows for rows, _ in TILES)
_LANES = tuple(vectors * WIDTH for _, vectors in TILES)
_MOST = max(r * v for r, v in zip(_ROWS, _LANES, strict=True))
_DOT_ROWS, _DOT_COLUMNS = DOTS
_NOTHING = np.empty(0, np.float32)


@jit(explicit=True)
def _correlate(
    thread,
    threads,
    lines,
    sizes,
    offset,
    w,
    entries,
    swap,
    packed,
    start,
    y,
    kind,
    length,
    pitch,
    out,
    target,
    pieces,
    splits,
    after,
):
    """Rectangle by rectangle, for each image and map: z[o] = b + Σ_k w[k] · line[offset[k] + o].

    Args:
        lines: flat. sizes: the number of images, and the floats of an image and of a group in it.
        offset: distances. start: b, (groups, maps).
        w, entries, swap: the weights, see `pack_block`. packed: the same as `pack` leaves them, or
            nothing: then every thread packs those of a block when it needs them.
        y: flat, what to write to. kind: which of the TILES.
        length, pitch, out: see `Lines`.
        target: distances in y from one image, map, row and column to the next; the first place.
        pieces: into how many the rectangles are cut. splits: into how many the blocks of maps are.
        after: what is done with a piece's results while they are in the cache (see `finish`), or
            None. If something is, y's rows follow each other without gaps.
    """
    groups, maps = start.shape
    images, image_size, group_size = sizes
    rows, lanes = _ROWS[kind], _LANES[kind]
    steps, blocks = len(offset), (maps + rows - 1) // rows
    fresh = len(packed) == 0
    a, bias = np.empty(steps * rows, np.float32) if fresh else packed, start.reshape(-1)
    per_image = (length + lanes - 1) // lanes
    total = images * per_image
    to_image, to_map, to_row, to_column, to_first = target
    dense = pitch == out[1] and to_column == 1 and to_row == pitch
    scratch = np.empty(_MOST, np.float32)
    padded = np.zeros(rows, np.float32)
    for unit in own_part(pieces * splits, thread, threads):
        piece, split = unit // splits, unit % splits
        begin_piece, end_piece = piece * total // pieces, (piece + 1) * total // pieces
        some = range(split * groups * blocks // splits, (split + 1) * groups * blocks // splits)
        for number_of_block in some:
            g, block = number_of_block // blocks, number_of_block % blocks
            used = min(rows, maps - block * rows)
            for i in range(used):
                padded[i] = bias[g * maps + block * rows + i]
            a0 = 0 if fresh else (g * blocks + block) * steps * rows
            if fresh:
                pack_block(w, entries, swap, g, block, rows, a, 0)
            for number in range(begin_piece, end_piece):
                image = number // per_image
                # The last rectangle of an image begins earlier rather than end behind it;
                # what was another's is computed again, and not written.
                own = number % per_image * lanes
                o = max(0, min(own, length - lanes))
                x0 = image * image_size + g * group_size + o
                y0 = to_first + image * to_image + (g * maps + block * rows) * to_map
                direct = dense and used == rows and length >= lanes and o == own
                z, z0, z_pitch = (y, y0 + o, to_map) if direct else (scratch, 0, lanes)
                if kind == 0:
                    _tile0(steps, a, a0, offset, 0, lines, x0, padded, 0, z, z0, z_pitch)
                elif kind == 1:
                    _tile1(steps, a, a0, offset, 0, lines, x0, padded, 0, z, z0, z_pitch)
                else:
                    _tile2(steps, a, a0, offset, 0, lines, x0, padded, 0, z, z0, z_pitch)
                if direct:
                    continue
                # Only windows are copied: the first out[1] places of each row of the line.
                for r in range(own // pitch, min(out[0], (o + lanes - 1) // pitch + 1)):
                    left = max(own, r * pitch)
                    count = min(o + lanes, r * pitch + out[1]) - left
                    if count <= 0:
                        continue
                    place = y0 + r * to_row + (left - r * pitch) * to_column
                    for i in range(used):
                        here, there = place + i * to_map, i * lanes + left - o
                        if to_column == 1:
                            copy_line(count, scratch, there, y, here)
                        else:
                            step = np.uint64(to_column)
                            for q in range(np.uint64(count)):
                                y[np.uint64(here) + q * step] = scratch[np.uint64(there) + q]
            if after is None:
                continue
            # What the piece's rectangles have written, image by image: y has no gaps then.
            first, last = begin_piece, end_piece
            for image in range(first // per_image, (last - 1) // per_image + 1):
                begin = (max(first, image * per_image) - image * per_image) * lanes
                end = (min(last, (image + 1) * per_image) - image * per_image) * lanes
                begin = begin // pitch * out[1] + min(begin % pitch, out[1])
                end = min(end // pitch * out[1] + min(end % pitch, out[1]), out[0] * out[1])
                for i in range(used):
                    f = g * maps + block * rows + i
                    place = to_first + image * to_image + f * to_map + begin
                    finish(y, place, end - begin, f, after)


@jit(explicit=True)
def _weight_gradient(thread, threads, delta, maps, line, length, lines, sizes, offset, dw, at_once):
    """∂L/∂W: for each map f and k, Σ over images and places of δ's line · x's line at offset[k].

    Args:
        delta: flat, (N, groups · maps, line), of which `length` places count.
        lines, sizes, offset: as for `_correlate`.
        dw: (groups, maps, K), to be written.
        at_once: how many images, and how many places of a line, to go through at a time.
    """
    images, image_size, group_size = sizes
    groups, _, steps = dw.shape
    delta_image = groups * maps * line
    some_images, stretch = at_once
    columns = (steps + _DOT_COLUMNS - 1) // _DOT_COLUMNS
    blocks = (maps + _DOT_ROWS - 1) // _DOT_ROWS
    # One thread has a block of k's to itself: no two write to the same place.
    for unit in own_part(groups * columns, thread, threads):
        g, k0 = unit // columns, unit % columns * _DOT_COLUMNS
        sums = np.zeros(blocks * _DOT_ROWS * _DOT_COLUMNS, np.float32)
        rows, where = np.empty(_DOT_ROWS, np.int64), np.empty(_DOT_COLUMNS, np.int64)
        for j in range(_DOT_COLUMNS):
            where[j] = offset[min(k0 + j, steps - 1)]  # what is too much is not kept
        for n in range(0, images, some_images):
            count = min(some_images, images - n)
            for o in range(0, length, stretch):
                long = min(stretch, length - o)
                x0 = n * image_size + g * group_size + o
                for block in range(blocks):
                    for i in range(_DOT_ROWS):
                        rows[i] = (g * maps + min(block * _DOT_ROWS + i, maps - 1)) * line
                    _dots(
                        count, long, delta, n * delta_image + o, rows, 0, delta_image,
                        lines, x0, where, 0, image_size,
                        sums, block * _DOT_ROWS * _DOT_COLUMNS,
                    )  # fmt: skip
        for f in range(maps):
            for j in range(min(_DOT_COLUMNS, steps - k0)):
                dw[g, f, k0 + j] = sums[f * _DOT_COLUMNS + j]


# ------------------------------------------------------------------------ around the kernels


def _choose(maps, length, copied):
    """Which of the TILES wastes least.

    One that is longer than a line reads behind it: that is possible only where lines are copied.
    """

    def used(kind):
        rows, lanes = _ROWS[kind], _LANES[kind]
        return maps / (-(-maps // rows) * rows) * length / (-(-length // lanes) * lanes)

    possible = [k for k in range(len(TILES)) if copied or _LANES[k] <= length]
    return max(possible or range(len(TILES)), key=used)


def _run(lines, sizes, offset, w, entries, swap, start, y, kind, length, pitch, out, target, after):
    """`_correlate`, in pieces that suit the cache and the threads."""
    rows, lanes, threads = _ROWS[kind], _LANES[kind], get_num_threads()
    total = sizes[0] * -(-length // lanes)
    if pitch == out[1] == target[2] and target[3] == 1:
        # Rows without gaps, here and there: a single long one.
        pitch, out = length, (1, length)
    if sizes[0] * sizes[1] < w.size:
        # Few pixels, many weights: a thread has some of the maps to itself.
        pieces, splits, packed = -(-sizes[0] * sizes[2] // LARGE_CACHE), threads, _NOTHING
    else:
        pieces, splits = -(-sizes[0] * sizes[2] // (CACHE * threads)) * threads, 1
        packed = packed_weights(w, entries, rows, swap).reshape(-1)
    pieces = min(pieces, total)
    _correlate(
        lines, sizes, offset, w, entries, swap, packed, start, y, kind, length, pitch, out, target,
        pieces, splits, after,
    )  # fmt: skip


def _every_entry(kernel):
    return np.arange(kernel[0] * kernel[1])


def _is_direct(*arrays):
    """Whether this file's kernels take the arrays: float32, and something in each."""
    return all(a.dtype == np.float32 and a.size for a in arrays)


def _after(norm, residual, act):
    """What `finish` wants; None: nothing is to be done."""
    if norm is None and residual is None and act is None:
        return None
    return (
        np.empty((0, 0), np.float32) if norm is None else np.array(norm, np.float32),
        np.empty(0, np.float32) if residual is None else np.ascontiguousarray(residual).reshape(-1),
        ACTIVATIONS[act],
    )


def _alone(x, other, kernel, stride, padding, dilation, groups):
    """Whether every map sees one channel only, and the kernels for that are the ones to take.

    For a single channel that all maps see they are made as well, if the size stays: it is not laid
    out for them. (∂L/∂X, a sum over maps, is nothing for them then.)
    """
    if groups != x.shape[1]:
        return False
    if groups > 1:
        return True
    same_size = depthwise_places.suits(x.shape[2:], kernel, stride, padding, dilation)
    return same_size and _is_direct(x, other)


@register("conv2d", "cpu")
def conv2d(x, w, stride, padding, dilation, groups, bias=None, norm=None, residual=None, act=None):
    rest = bias, norm, residual, act
    if _alone(x, w, w.shape[2:], stride, padding, dilation, groups):
        if depthwise.lines_take(x, w):
            after = _after(norm, residual, act)
            return depthwise_lines.conv2d(x, w, stride, padding, dilation, bias, after)
        return plain.finished(depthwise.conv2d(x, w, stride, padding, dilation), *rest)
    if not _is_direct(x, w):
        return plain.conv2d(x, w, stride, padding, dilation, groups, *rest)
    (n, c, *size), (f, per_group, *kernel) = x.shape, w.shape
    lines = lines_of(per_group, tuple(size), tuple(kernel), stride, padding, dilation)
    start = np.zeros(f, np.float32) if bias is None else np.ascontiguousarray(bias)
    if winograd.suits(c, f, kernel, stride, padding, dilation, groups, lines.out):
        y = winograd.convolve(
            np.ascontiguousarray(x),
            lambda rows: packed_weights(in_groups(w, 1), _every_entry(kernel), rows, False),
            f, start, tuple(padding), lines.out, False, _after(norm, residual, act),
        )  # fmt: skip
        if y is not None:
            return y
    y = np.empty((n, f, *lines.out), np.float32)
    kind = _choose(f // groups, lines.length, lines.copied)
    room = _LANES[kind]
    if lines.copied or lines.length < room:
        source = laid_out(x, padding, lines.parts, lines.rows, lines.pitch, lines.behind + room)
        image = c * lines.plane
    else:
        source, image = in_a_line(x)
    start = start.reshape(groups, f // groups)
    sizes = n, image, per_group * lines.plane
    oh, ow = lines.out
    target = f * oh * ow, oh * ow, ow, 1, 0
    _run(
        source, sizes, lines.offset, in_groups(w, groups), _every_entry(kernel), False, start,
        y.reshape(-1), kind, lines.length, lines.pitch, lines.out, target,
        _after(norm, residual, act),
    )  # fmt: skip
    return y


@register("conv2d_input_gradient", "cpu")
def conv2d_input_gradient(delta, w, size, stride, padding, dilation, groups):
    if groups > 1 and w.shape[1] == 1:
        return depthwise.conv2d_input_gradient(delta, w, size, stride, padding, dilation, groups)
    if not _is_direct(delta, w):
        return plain.conv2d_input_gradient(delta, w, size, stride, padding, dilation, groups)
    (n, f, *out), (_, per_group, *kernel) = delta.shape, w.shape
    maps, c, (height, width) = f // groups, per_group * groups, size
    if winograd.suits(f, c, kernel, stride, padding, dilation, groups, size):
        # A convolution of δ with the kernels turned by 180° (1.9), padded by the rest.
        rest = tuple(2 - p for p in padding)
        dx = winograd.convolve(
            np.ascontiguousarray(delta),
            lambda rows: packed_weights(in_groups(w, 1), _every_entry(kernel), rows, True),
            c, np.zeros(c, np.float32), rest, tuple(size), True, None,
        )  # fmt: skip
        if dx is not None:
            return dx
    lines = back_lines_of(maps, tuple(size), tuple(kernel), stride, padding, dilation, tuple(out))
    # Pixels that no kernel entry reaches keep a zero.
    new = np.empty if all(len(part.entries) for part in lines.parts) else np.zeros
    dx = new((n, c, height, width), np.float32)
    start = np.zeros((groups, per_group), np.float32)
    plane = lines.rows * lines.pitch
    kinds = [_choose(per_group, part.length, lines.copied) for part in lines.parts]
    room = max(_LANES)
    if lines.copied or any(
        part.length < _LANES[kind] for part, kind in zip(lines.parts, kinds, strict=True)
    ):
        source = laid_out(delta, lines.before, WHOLE, lines.rows, lines.pitch, lines.behind + room)
    else:
        source = np.ascontiguousarray(delta).reshape(-1)
    for part, kind in zip(lines.parts, kinds, strict=True):
        if not len(part.entries):
            continue
        first = part.row * width + part.column
        target = c * height * width, height * width, stride[0] * width, stride[1], first
        _run(
            source, (n, f * plane, maps * plane), part.offset, in_groups(w, groups), part.entries,
            True, start, dx.reshape(-1), kind, part.length, lines.pitch, part.size, target, None,
        )  # fmt: skip
    return dx


@register("conv2d_weight_gradient", "cpu")
def conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation, groups):
    if _alone(x, delta, kernel, stride, padding, dilation, groups):
        return depthwise.conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation)
    if not _is_direct(delta, x):
        return plain.conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation, groups)
    (n, f, oh, ow), (_, c, *size), kernel = delta.shape, x.shape, tuple(kernel)
    maps, per_group = f // groups, c // groups
    if winograd.suits(c, f, kernel, stride, padding, dilation, groups, (oh, ow)):
        dw = winograd_gradient.weight_gradient(
            np.ascontiguousarray(delta), np.ascontiguousarray(x), padding
        )
        if dw is not None:
            return dw
    lines = lines_of(per_group, tuple(size), tuple(kernel), stride, padding, dilation)
    if lines.copied:
        source = laid_out(x, padding, lines.parts, lines.rows, lines.pitch, lines.behind)
    else:
        source = np.ascontiguousarray(x).reshape(-1)
    sizes = n, c * lines.plane, per_group * lines.plane
    if not lines.copied and kernel == (1, 1) and groups == 1 and c < f and c >= MAPS_TO_TURN:
        # A product of two matrices: the smaller one is turned round.
        sizes, offset = (n, f * oh * ow, f * oh * ow), np.arange(f) * (oh * ow)
        delta = np.ascontiguousarray(delta).reshape(-1)
        dw = weight_gradient(source.reshape(n, c, oh, ow), delta, sizes, offset, ow, 1, lines.out)
        return np.ascontiguousarray(dw[0].T).reshape(f, c, 1, 1)
    if maps >= MAPS_TO_TURN and len(lines.offset) >= STEPS_TO_TURN:
        dw = weight_gradient(
            np.ascontiguousarray(delta), source, sizes, lines.offset, lines.pitch, groups, lines.out
        )
        return dw.reshape(f, per_group, *kernel)
    if lines.pitch != ow:  # zeros where there is no window
        delta = laid_out(delta, (0, 0), WHOLE, oh, lines.pitch, 0, "delta lines")
    else:
        delta = np.ascontiguousarray(delta).reshape(-1)
    line, length = oh * lines.pitch, (oh - 1) * lines.pitch + ow
    some = max(1, DELTA_CACHE // (maps * length))
    stretch = length if maps * length <= DELTA_CACHE else DELTA_CACHE // maps // WIDTH * WIDTH
    dw = np.empty((groups, maps, per_group * kernel[0] * kernel[1]), np.float32)
    _weight_gradient(
        delta, maps, line, length, source, sizes, lines.offset, dw, (some, max(WIDTH, stretch)),
    )  # fmt: skip
    return dw.reshape(f, per_group, *kernel)
