"""Depthwise convolution at a stride of 2, in float32: results straight from the image's own rows.

There is so little arithmetic for each number that the time is that of moving numbers about. So
nothing is copied and nothing is laid out. A vector holds WIDTH windows next to each other; for each
of the kernel's entries it reads the pixels that these look at, where they are, multiplies them with
the entry's weight, and adds. Every other pixel counts: two vectors are read, and their even places
kept. Lanes that look into the padding are not read, and count as 0: which ones is the same for all
rows, and so are the weights; both stay in registers while the rows go by. Only at the upper and the
lower edge of the image are whole rows of the kernel left out.
"""

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from minicnn.kernels.cpu.epilogue import finish
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.vectors import WIDTH, Code

_EVEN = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), list(range(0, 2 * WIDTH, 2)))


def _make_windows(size):
    """The inner loop for kernels of `size` × `size`.

    It is called as ``windows(first, last, rows, count, down, across, low, high, x, x0, x_step, w,
    w0, start, y, y0, y_step)`` and computes for r < rows and q < count

        y[y0 + r·y_step + q] = start + Σ_ij w[w0 + i·size + j] · x[x0 + r·x_step + i·down + p],

    p being ``j·across + 2·q``; what has p < low or p ≥ high counts as 0. Of the kernel's
    rows only i = first … last − 1 are used; unless these are all, there is one row of windows.
    """

    @intrinsic
    def windows(
        _, first, last, rows, count, down, across, low, high,
        x, x0, x_step, w, w0, start, y, y0, y_step,
    ):  # fmt: skip
        index = types.intp
        signature = types.void(
            *[index] * 8, x, index, index, w, index, types.float32, y, index, index
        )

        def generate(context, builder, signature, arguments):
            code = Code(context, builder, signature)
            first, last, rows, count, down, across, low, high = arguments[:8]
            x, x0, x_step, w, w0, start, y, y0, y_step = arguments[8:]
            x = code.at(code.data(8, x), x0)
            w = code.at(code.data(11, w), w0)
            y = code.at(code.data(14, y), y0)
            whole = builder.icmp_signed(">=", count, code.constant(WIDTH))
            inside = code.lanes_below(count)
            masks, shifts = [], []
            for j in range(size):
                shift = builder.mul(code.constant(j), across)
                begin, end = builder.sub(low, shift), builder.sub(high, shift)
                far = code.constant(WIDTH)
                masks.append(
                    [
                        code.lanes_between(begin, end),
                        code.lanes_between(builder.sub(begin, far), builder.sub(end, far)),
                    ]
                )
                shifts.append(shift)
            start = code.spread(start)

            def weight(k):
                return code.spread(builder.load(code.at(w, k)))

            def add_row(total, line, weights):
                """One row of the kernel, whose pixels begin at `line`."""
                for j in range(size):
                    read = []
                    for k, mask in enumerate(masks[j]):
                        place = builder.add(shifts[j], code.constant(k * WIDTH))
                        read.append(code.load_some(code.at(line, place), mask))
                    pixels = builder.shuffle_vector(*read, _EVEN)
                    total = code.multiply_add(weights[j], pixels, total)
                return total

            def write(r, total):
                target = code.at(y, builder.mul(r, y_step))
                with builder.if_else(whole) as (then, otherwise):
                    with then:
                        code.store(total, target)
                    with otherwise:
                        code.store_some(total, target, inside)

            every = [
                [weight(code.constant(i * size + j)) for j in range(size)] for i in range(size)
            ]

            def whole_row(r, none):
                total, here = start, code.at(x, builder.mul(r, x_step))
                for i in range(size):
                    line = code.at(here, builder.mul(code.constant(i), down))
                    total = add_row(total, line, every[i])
                write(r, total)
                return none

            def some_row(i, total):
                i = builder.add(i, first)
                k = builder.mul(i, code.constant(size))
                weights = [weight(builder.add(k, code.constant(j))) for j in range(size)]
                return [add_row(total[0], code.at(x, builder.mul(i, down)), weights)]

            all_of_it = builder.and_(
                builder.icmp_signed("==", first, code.constant(0)),
                builder.icmp_signed("==", last, code.constant(size)),
            )
            with builder.if_else(all_of_it) as (then, otherwise):
                with then:
                    code.loop(rows, [], whole_row)
                with otherwise:
                    (total,) = code.loop(builder.sub(last, first), [start], some_row)
                    write(code.constant(0), total)
            return context.get_dummy_value()

        return signature, generate

    return windows


SIZES = 3, 5
_windows3, _windows5 = map(_make_windows, SIZES)


def suits(kernel, stride):
    """Whether the loops are made for it: 3 × 3 or 5 × 5, at stride 2."""
    return kernel[0] == kernel[1] in SIZES and tuple(stride) == (2, 2)


@njit
def _inside(r, before, dilation, kernel, height):
    """Which rows of the kernel, first … last − 1, lie in the image at row r of the windows."""
    top = 2 * r - before
    first = min(kernel, (max(0, -top) + dilation - 1) // dilation)
    return first, max(first, min(kernel, (height - 1 - top) // dilation + 1))


@njit
def _plane(x, x0, size, w, w0, kernel, before, dilation, start, y, y0, out):
    """One map of results, (OH, OW) from ``y[y0]`` on, from one channel of an image."""
    height, width = size
    r = 0
    while r < out[0]:
        first, last = _inside(r, before[0], dilation[0], kernel, height)
        rows = 1
        if first == 0 and last == kernel:
            # So many rows from here on look at rows of pixels only.
            rows += (height - 1 - (2 * r - before[0] + (kernel - 1) * dilation[0])) // 2
            rows = min(rows, out[0] - r)
        for q in range(0, out[1], WIDTH):
            left = 2 * q - before[1]
            source = x0 + (2 * r - before[0]) * width + left
            count, target = out[1] - q, y0 + r * out[1] + q
            down, across = dilation[0] * width, dilation[1]
            if kernel == 3:
                _windows3(first, last, rows, count, down, across, -left, width - left, x, source,
                          2 * width, w, w0, start, y, target, out[1])  # fmt: skip
            else:
                _windows5(first, last, rows, count, down, across, -left, width - left, x, source,
                          2 * width, w, w0, start, y, target, out[1])  # fmt: skip
        r += rows


@jit(explicit=True)
def _forward(thread, threads, x, w, start, y, padding, dilation, after):
    """Z = W ⊗ X + b (eq. 1.5) for every map; `after`: see `finish`."""
    n, c, height, width = x.shape
    f, _, kernel, _ = w.shape
    out, size = (y.shape[2], y.shape[3]), height * width
    flat, weights, flat_y = x.reshape(-1), w.reshape(-1), y.reshape(-1)
    for plane in own_part(n * f, thread, threads):
        sample, f_ = plane // f, plane % f
        x0, y0 = (sample * c + f_ // (f // c)) * size, plane * out[0] * out[1]
        _plane(
            flat, x0, (height, width), weights, f_ * kernel * kernel, kernel, padding,
            dilation, start[f_], flat_y, y0, out,
        )  # fmt: skip
        if after is not None:
            finish(flat_y, y0, out[0] * out[1], f_, after)


def conv2d(x, w, start, padding, dilation, out, after):
    """Z = W ⊗ X + b, (N, F, *out)."""
    y = np.empty((len(x), len(w), *out), np.float32)
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    _forward(x, w, start, y, tuple(padding), tuple(dilation), after)
    return y
