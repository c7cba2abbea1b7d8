"""Pooling and its up-sampling backward, one thread a (sample, channel) plane."""

import numpy as np

from minicnn.kernels import plain
from minicnn.kernels.cpu.half import through_float32
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.pooling_rows import make_max_row
from minicnn.kernels.registry import register

# (kernel, horizontal stride) that networks use: each has a row of vector instructions of its own.
_ROWS = (((2, 2), 2), ((3, 3), 2), ((3, 3), 1))
_max_row0, _max_row1, _max_row2 = (make_max_row(*kind) for kind in _ROWS)


@jit(explicit=True)
def _max_pool_rows(thread, threads, x, y, argmax, kind, kernel, stride, padding, pitch):
    """Max pooling in float32, a row of windows at a time, by one of the `_ROWS`.

    Where windows reach beyond the image it is copied into a larger one first, with rows of `pitch`
    and −∞ around it; pitch 0: they do not.
    """
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    flat_x, flat_y, flat_argmax = x.reshape(-1), y.reshape(-1), argmax.reshape(-1)
    lowest = np.float32(-np.inf)
    kh, (sh, sw), (ph, pw) = kernel[0], stride, padding
    for plane in own_part(n * c, thread, threads):
        begin = plane * height * width
        image, start, step = flat_x, begin, width
        if pitch:
            image = np.full(((oh - 1) * sh + kh) * pitch, lowest, np.float32)
            start, step = 0, pitch
            for row in range(min(height, (oh - 1) * sh + kh - ph)):
                target = np.uint64((row + ph) * pitch + pw)
                source = np.uint64(begin + row * width)
                for column in range(np.uint64(min(width, pitch - pw))):
                    image[target + column] = flat_x[source + column]
        for r in range(oh):
            target = (plane * oh + r) * ow
            corner = (r * sh - ph) * width - pw
            here = start + r * sh * step
            if kind == 0:
                _max_row0(ow, image, here, step, flat_y, flat_argmax, target, corner, width)
            elif kind == 1:
                _max_row1(ow, image, here, step, flat_y, flat_argmax, target, corner, width)
            else:
                _max_row2(ow, image, here, step, flat_y, flat_argmax, target, corner, width)
            for q in range(ow):
                # All that this window sees is −∞: its place may be outside of the image.
                if pitch and flat_y[target + q] == lowest:
                    row, column = max(0, r * sh - ph), max(0, q * sw - pw)
                    flat_argmax[target + q] = row * width + column


@jit
def _max_pool2d(thread, threads, x, y, argmax, kh, kw, sh, sw, ph, pw, dh, dw):
    """A row of windows at a time: for each kernel entry, the pixels that all of them see there.

    Neighbouring windows are compared side by side, which the compiler turns into vector
    instructions. Noted is which entry won; its place is computed at the end.
    """
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    flat_x, flat_y, flat_argmax = x.reshape(-1), y.reshape(-1), argmax.reshape(-1)
    lowest, nobody = x.dtype.type(-np.inf), np.int32(-1)
    for plane in own_part(n * c, thread, threads):
        best, winner = np.empty(ow, x.dtype), np.empty(ow, np.int32)
        line = np.empty(ow, x.dtype)
        offset = np.empty(kh * kw, np.int64)
        for entry in range(kh * kw):
            offset[entry] = entry // kw * dh * width + entry % kw * dw
        for r in range(oh):
            for q in range(np.uint64(ow)):
                best[q], winner[q] = lowest, nobody
            for i in range(kh):
                row = r * sh - ph + i * dh
                if row < 0 or row >= height:
                    continue
                for j in range(kw):
                    # Windows first … last − 1 have a pixel here, the others padding.
                    shift = j * dw - pw
                    first = min(max(0, -(shift // sw)), ow)
                    last = max(first, min(ow, (width - 1 - shift) // sw + 1))
                    source = np.uint64((plane * height + row) * width + first * sw + shift)
                    begin, count, step = np.uint64(first), np.uint64(last - first), np.uint64(sw)
                    for q in range(count):
                        line[q] = flat_x[source + q * step]
                    entry = np.int32(i * kw + j)
                    for q in range(count):
                        value, so_far, who = line[q], best[begin + q], winner[begin + q]
                        # value != value: NaN, which is to win and to show.
                        wins = (value > so_far) | (value != value) | (who == nobody)
                        best[begin + q] = value if wins else so_far
                        winner[begin + q] = entry if wins else who
            target = np.uint64((plane * oh + r) * ow)
            for q in range(np.uint64(ow)):
                flat_y[target + q] = best[q]
                corner = (r * sh - ph) * width + np.int64(q) * sw - pw
                who = winner[q]
                place = corner + offset[np.uint32(who)] if who >= 0 else -1
                flat_argmax[target + q] = place


@jit
def _adaptive_max_pool2d(thread, threads, x, y, argmax):
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    for plane in own_part(n * c, thread, threads):
        image = x[plane // c, plane % c]
        for r in range(oh):
            # Window r runs from ⌊r·H/OH⌋ to ⌈(r + 1)·H/OH⌉, and so do the columns.
            top, bottom = r * height // oh, ((r + 1) * height + oh - 1) // oh
            for q in range(ow):
                left, right = q * width // ow, ((q + 1) * width + ow - 1) // ow
                best, place = image[top, left], top * width + left
                for row in range(top, bottom):
                    for column in range(left, right):
                        value = image[row, column]
                        if value > best or value != value:
                            best, place = value, row * width + column
                y[plane // c, plane % c, r, q] = best
                argmax[plane // c, plane % c, r, q] = place


@jit
def _adaptive_avg_pool2d(thread, threads, x, y):
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    for plane in own_part(n * c, thread, threads):
        image = x[plane // c, plane % c]
        for r in range(oh):
            top, bottom = r * height // oh, ((r + 1) * height + oh - 1) // oh
            for q in range(ow):
                left, right = q * width // ow, ((q + 1) * width + ow - 1) // ow
                total = 0.0  # float64: a window can be a whole map
                for row in range(top, bottom):
                    for column in range(left, right):
                        total += image[row, column]
                y[plane // c, plane % c, r, q] = total / ((bottom - top) * (right - left))


@jit(reorder=True)
def _plane_means(thread, threads, x, y):
    """The mean of each plane: x (planes, places) → y (planes)."""
    planes, places = x.shape
    flat = x.reshape(-1)
    for plane in own_part(planes, thread, threads):
        start, total = np.uint64(plane * places), 0.0
        for q in range(np.uint64(places)):
            total += np.float64(flat[start + q])
        y[plane] = total / places


@jit
def _max_pool2d_gradient(thread, threads, delta, argmax, dx):
    n, c, oh, ow = delta.shape
    size = dx.shape[2]
    flat_delta, flat_argmax, flat_dx = delta.reshape(-1), argmax.reshape(-1), dx.reshape(-1)
    for plane in own_part(n * c, thread, threads):
        target = flat_dx[plane * size : (plane + 1) * size]
        target[:] = 0
        begin = np.uint64(plane * oh * ow)
        for q in range(np.uint64(oh * ow)):
            place = flat_argmax[begin + q]
            if place >= 0:  # −1: the window saw no pixel
                # Without a sign it is used as it is; a signed one could count from the end.
                target[np.uint64(place)] += flat_delta[begin + q]


@jit
def _avg_pool2d(thread, threads, x, y, divisors, kh, kw, sh, sw, ph, pw):
    n, c, height, width = x.shape
    oh, ow = y.shape[2:]
    for plane in own_part(n * c, thread, threads):
        image = x[plane // c, plane % c]
        for r in range(oh):
            top, bottom = max(0, r * sh - ph), min(height, r * sh - ph + kh)
            for q in range(ow):
                left, right = max(0, q * sw - pw), min(width, q * sw - pw + kw)
                total = image.dtype.type(0)
                for row in range(top, bottom):
                    for column in range(left, right):
                        total += image[row, column]
                y[plane // c, plane % c, r, q] = total / divisors[r, q]


@jit
def _avg_pool2d_gradient(thread, threads, delta, dx, divisors, kh, kw, sh, sw, ph, pw):
    n, c, height, width = dx.shape
    oh, ow = delta.shape[2:]
    for plane in own_part(n * c, thread, threads):
        image = dx[plane // c, plane % c]
        image[:] = 0
        for r in range(oh):
            top, bottom = max(0, r * sh - ph), min(height, r * sh - ph + kh)
            for q in range(ow):
                left, right = max(0, q * sw - pw), min(width, q * sw - pw + kw)
                share = delta[plane // c, plane % c, r, q] / divisors[r, q]
                for row in range(top, bottom):
                    for column in range(left, right):
                        image[row, column] += share


@register("max_pool2d", "cpu")
@through_float32
def max_pool2d(x, kernel, stride, padding, dilation, out):
    x, kernel = np.ascontiguousarray(x), tuple(kernel)
    y = np.empty((*x.shape[:2], *out), x.dtype)
    # Places within a plane: where 32 bits hold them, less is written and read.
    small = x.shape[2] * x.shape[3] < 2**31
    argmax = np.empty(y.shape, np.int32 if small else np.int64)
    kind = kernel, stride[1]
    if kind in _ROWS and small and x.dtype == np.float32 and tuple(dilation) == (1, 1):
        seen = [(o - 1) * s + k for o, s, k in zip(out, stride, kernel, strict=True)]
        inside = not any(padding) and seen[0] <= x.shape[2] and seen[1] <= x.shape[3]
        pitch = 0 if inside else seen[1]
        _max_pool_rows(
            x, y, argmax, _ROWS.index(kind), kernel, tuple(stride), tuple(padding), pitch
        )
    else:
        _max_pool2d(x, y, argmax, *kernel, *stride, *padding, *dilation)
    return y, argmax


@register("adaptive_max_pool2d", "cpu")
@through_float32
def adaptive_max_pool2d(x, out):
    y = np.empty((*x.shape[:2], *out), x.dtype)
    argmax = np.empty(y.shape, np.int64)
    _adaptive_max_pool2d(np.ascontiguousarray(x), y, argmax)
    return y, argmax


@register("adaptive_avg_pool2d", "cpu")
@through_float32
def adaptive_avg_pool2d(x, out):
    y = np.empty((*x.shape[:2], *out), x.dtype)
    if tuple(out) == (1, 1):  # the end of most networks: one number a map
        n, c, height, width = x.shape
        _plane_means(np.ascontiguousarray(x).reshape(n * c, height * width), y.reshape(-1))
        return y
    _adaptive_avg_pool2d(np.ascontiguousarray(x), y)
    return y


@register("adaptive_avg_pool2d_gradient", "cpu")
def adaptive_avg_pool2d_gradient(delta, size):
    if delta.shape[2:] != (1, 1):
        return plain.adaptive_avg_pool2d_gradient(delta, size)
    dx = np.empty((*delta.shape[:2], *size), delta.dtype)
    dx[:] = delta / (size[0] * size[1])
    return dx


@register("max_pool2d_gradient", "cpu")
@through_float32
def max_pool2d_gradient(delta, argmax, size):
    n, c = delta.shape[:2]
    dx = np.empty((n, c, size[0] * size[1]), delta.dtype)
    _max_pool2d_gradient(np.ascontiguousarray(delta), np.ascontiguousarray(argmax), dx)
    return dx.reshape(n, c, *size)


@register("avg_pool2d", "cpu")
@through_float32
def avg_pool2d(x, kernel, stride, padding, divisors):
    y = np.empty((*x.shape[:2], *divisors.shape), x.dtype)
    _avg_pool2d(np.ascontiguousarray(x), y, divisors, *kernel, *stride, *padding)
    return y


@register("avg_pool2d_gradient", "cpu")
@through_float32
def avg_pool2d_gradient(delta, size, kernel, stride, padding, divisors):
    dx = np.empty((*delta.shape[:2], *size), delta.dtype)
    _avg_pool2d_gradient(np.ascontiguousarray(delta), dx, divisors, *kernel, *stride, *padding)
    return dx
