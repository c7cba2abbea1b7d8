"""Depthwise convolution whose results are as large as its images, in float32: place by place.

With a padding that keeps the size (1 for 3 × 3, 2 for 5 × 5), a window and the pixel in its middle
have the same place. Write an image as one line, row after row, without any padding: then the pixel
that a kernel's entry looks at is the same distance away for every window. So a vector of windows,
whatever rows they are in, reads a vector of pixels; nothing is copied and no lane is idle.

Only where a window reaches over the edge would it see the end of another row, or another map. Which
lanes these are depends on the place and the entry, and is written down once, as bits (`_bits`);
they are not read, and count as 0.

The same holds for δ and ∂L/∂X (1.9), and for the products of ∂L/∂W (1.12).
"""

from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minicnn.kernels.cpu.epilogue import finish
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.cpu.vectors import WIDTH, ZERO, Code

_BITS = {16: np.uint16, 8: np.uint8}[WIDTH]
_LANES = ir.VectorType(ir.IntType(1), WIDTH)
SIZES = 3, 5
LARGEST = 2**16  # places of an image, for which bits are kept


def suits(size, kernel, stride, padding, dilation):
    """Whether the loops are made for it: 3 × 3 or 5 × 5, and results as large as the images."""
    same = all(2 * p == d * (k - 1) for p, d, k in zip(padding, dilation, kernel, strict=True))
    small = kernel[0] == kernel[1] in SIZES and size[0] * size[1] <= LARGEST
    return small and same and tuple(stride) == (1, 1)


@lru_cache(maxsize=256)
def _bits(size, kernel, dilation):
    """(bits, offset): which lanes see a pixel, (vectors, K); how far away it is, (K)."""
    height, width = size
    rows, columns = np.divmod(np.arange(-(-height * width // WIDTH) * WIDTH), width)
    seen, offset = [], []
    for i in range(kernel):
        for j in range(kernel):
            down, across = ((e - kernel // 2) * d for e, d in zip((i, j), dilation, strict=True))
            y, x = rows + down, columns + across
            seen.append((rows < height) & (y >= 0) & (y < height) & (x >= 0) & (x < width))
            offset.append(down * width + across)
    lanes = np.packbits(
        np.array(seen).reshape(kernel * kernel, -1, WIDTH), axis=2, bitorder="little"
    )
    bits = np.ascontiguousarray(lanes.view(_BITS)[:, :, 0].T)
    return bits.reshape(-1), np.array(offset, np.int64)


class _Places:
    """What both inner loops read: pixels of the entries of a kernel, where they are."""

    def __init__(self, code, size, bits, offset):
        self.code, self.entries, self.bits = code, size * size, bits
        builder = code.builder
        self.offsets = [
            builder.load(code.at(offset, code.constant(k))) for k in range(self.entries)
        ]

    def read(self, x, vector, k):
        """For a vector of windows, the pixels of entry k."""
        code, builder = self.code, self.code.builder
        number = builder.add(builder.mul(vector, code.constant(self.entries)), code.constant(k))
        mask = builder.bitcast(builder.load(code.at(self.bits, number)), _LANES)
        place = builder.add(builder.mul(vector, code.constant(WIDTH)), self.offsets[k])
        return code.load_some(code.at(x, place), mask)


def _vectors(code, places):
    """How many vectors the places are, the last perhaps in part."""
    return code.builder.sdiv(
        code.builder.add(places, code.constant(WIDTH - 1)), code.constant(WIDTH)
    )


def _make_results(size):
    """The inner loop of Z for kernels of `size` × `size`.

    It is called as ``results(places, bits, offset, x, x0, w, w0, start, y, y0)``: one map, from
    one channel that begins at ``x[x0]``, with weights from ``w[w0]`` on.
    """

    @intrinsic
    def results(_, places, bits, offset, x, x0, w, w0, start, y, y0):
        index = types.intp
        signature = types.void(index, bits, offset, x, index, w, index, types.float32, y, index)

        def generate(context, builder, signature, arguments):
            code = Code(context, builder, signature)
            places, bits, offset, x, x0, w, w0, start, y, y0 = arguments
            read = _Places(code, size, code.data(1, bits), code.data(2, offset)).read
            x, w = code.at(code.data(3, x), x0), code.at(code.data(5, w), w0)
            y, start = code.at(code.data(8, y), y0), code.spread(start)
            weights = [
                code.spread(builder.load(code.at(w, code.constant(k)))) for k in range(size * size)
            ]

            def vector(v, none):
                total, first = start, builder.mul(v, code.constant(WIDTH))
                for k, weight in enumerate(weights):
                    total = code.multiply_add(weight, read(x, v, k), total)
                inside = code.lanes_below(builder.sub(places, first))
                code.store_some(total, code.at(y, first), inside)
                return none

            code.loop(_vectors(code, places), [], vector)
            return context.get_dummy_value()

        return signature, generate

    return results


def _make_products(size):
    """The inner loop of ∂L/∂W for kernels of `size` × `size`.

    It is called as ``products(images, places, bits, offset, d, d0, d_image, x, x0, x_image, out,
    o0)``: a map of δ and a channel of x, each with the distance to the next image's; its size²
    sums are written to ``out[o0]`` and what follows.
    """

    @intrinsic
    def products(_, images, places, bits, offset, d, d0, d_image, x, x0, x_image, out, o0):
        index = types.intp
        signature = types.void(
            index, index, bits, offset, d, index, index, x, index, index, out, index
        )

        def generate(context, builder, signature, arguments):
            code = Code(context, builder, signature)
            images, places, bits, offset, d, d0, d_image, x, x0, x_image, out, o0 = arguments
            read = _Places(code, size, code.data(2, bits), code.data(3, offset)).read
            d, x = code.at(code.data(4, d), d0), code.at(code.data(7, x), x0)
            out = code.at(code.data(10, out), o0)
            vectors = _vectors(code, places)

            def image(n, sums):
                d_n = code.at(d, builder.mul(n, d_image))
                x_n = code.at(x, builder.mul(n, x_image))

                def vector(v, sums):
                    first = builder.mul(v, code.constant(WIDTH))
                    inside = code.lanes_below(builder.sub(places, first))
                    delta = code.load_some(code.at(d_n, first), inside)
                    return [
                        code.multiply_add(delta, read(x_n, v, k), total)
                        for k, total in enumerate(sums)
                    ]

                return code.loop(vectors, sums, vector)

            sums = code.loop(images, [ZERO] * (size * size), image)
            for k, total in enumerate(sums):
                builder.store(code.sum_of(total), code.at(out, code.constant(k)))
            return context.get_dummy_value()

        return signature, generate

    return products


_results3, _results5 = map(_make_results, SIZES)
_products3, _products5 = map(_make_products, SIZES)


@jit(explicit=True)
def _forward(thread, threads, x, w, start, y, bits, offset, after):
    """Z = W ⊗ X + b (eq. 1.5) for every map; `after`: see `finish`."""
    n, c, height, width = x.shape
    f, _, kernel, _ = w.shape
    places, entries = height * width, kernel * kernel
    flat, weights, flat_y = x.reshape(-1), w.reshape(-1), y.reshape(-1)
    for plane in own_part(n * f, thread, threads):
        sample, f_ = plane // f, plane % f
        x0, y0 = (sample * c + f_ // (f // c)) * places, plane * places
        if kernel == 3:
            _results3(places, bits, offset, flat, x0, weights, f_ * entries, start[f_], flat_y, y0)
        else:
            _results5(places, bits, offset, flat, x0, weights, f_ * entries, start[f_], flat_y, y0)
        if after is not None:
            finish(flat_y, y0, places, f_, after)


@jit(explicit=True)
def _weight_gradient(thread, threads, delta, x, dw, bits, offset):
    """∂L/∂W (eq. 1.12), summed over the batch: a map belongs to one thread."""
    n, c, height, width = x.shape
    f, _, kernel, _ = dw.shape
    places, entries = height * width, kernel * kernel
    flat, flat_delta, flat_dw = x.reshape(-1), delta.reshape(-1), dw.reshape(-1)
    for f_ in own_part(f, thread, threads):
        d0, x0 = f_ * places, f_ // (f // c) * places
        if kernel == 3:
            _products3(n, places, bits, offset, flat_delta, d0, f * places, flat, x0, c * places,
                       flat_dw, f_ * entries)  # fmt: skip
        else:
            _products5(n, places, bits, offset, flat_delta, d0, f * places, flat, x0, c * places,
                       flat_dw, f_ * entries)  # fmt: skip


def conv2d(x, w, start, dilation, after):
    """Z = W ⊗ X + b, of the size of x; `after`: see `finish`."""
    y = np.empty((len(x), len(w), *x.shape[2:]), np.float32)
    bits = _bits(tuple(x.shape[2:]), w.shape[2], tuple(dilation))
    _forward(np.ascontiguousarray(x), np.ascontiguousarray(w), start, y, *bits, after)
    return y


def conv2d_weight_gradient(delta, x, kernel, dilation):
    """∂L/∂W, for kernels of that size."""
    dw = np.empty((delta.shape[1], 1, *kernel), np.float32)
    bits = _bits(tuple(x.shape[2:]), kernel[0], tuple(dilation))
    _weight_gradient(np.ascontiguousarray(delta), np.ascontiguousarray(x), dw, *bits)
    return dw
