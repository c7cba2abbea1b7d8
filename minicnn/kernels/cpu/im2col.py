"""`im2col` and its transpose, one thread a (sample, channel) plane.

A plane's columns are filled row by row: for one kernel entry (i, j), neighbouring windows of an
output row look at pixels `stride` apart in one input row, so both sides are walked in order of
memory. The part of the row that falls into the padding is found beforehand, which keeps the inner
loop free of conditions.
"""

import numpy as np

from minicnn.kernels.cpu.half import through_float32
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.registry import register


@jit
def _im2col(thread, threads, x, columns, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow):
    n, c, height, width = x.shape
    for plane in own_part(n * c, thread, threads):
        image = x[plane // c, plane % c]
        for i in range(kh):
            for j in range(kw):
                row = columns[(plane % c) * kh * kw + i * kw + j, plane // c]
                shift = j * dw - pw
                # Windows first … last − 1 of an output row see a pixel, the others padding.
                first = min(max(0, -(shift // sw)), ow)
                last = max(first, min(ow, (width - 1 - shift) // sw + 1))
                for r in range(oh):
                    y = r * sh - ph + i * dh
                    target = row[r * ow : (r + 1) * ow]
                    if y < 0 or y >= height:
                        target[:] = 0
                        continue
                    source = image[y]
                    for q in range(first):
                        target[q] = 0
                    for q in range(last, ow):
                        target[q] = 0
                    if sw == 1:
                        target[first:last] = source[first + shift : last + shift]
                    else:
                        for q in range(first, last):
                            target[q] = source[q * sw + shift]


@jit
def _col2im(thread, threads, columns, x, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow):
    n, c, height, width = x.shape
    for plane in own_part(n * c, thread, threads):
        image = x[plane // c, plane % c]
        image[:] = 0
        for i in range(kh):
            for j in range(kw):
                row = columns[(plane % c) * kh * kw + i * kw + j, plane // c]
                shift = j * dw - pw
                first = min(max(0, -(shift // sw)), ow)
                last = max(first, min(ow, (width - 1 - shift) // sw + 1))
                for r in range(oh):
                    y = r * sh - ph + i * dh
                    if y < 0 or y >= height:
                        continue
                    source = row[r * ow : (r + 1) * ow]
                    target = image[y]
                    for q in range(first, last):
                        target[q * sw + shift] += source[q]


@register("im2col", "cpu")
@through_float32
def im2col(x, kernel, stride, padding, dilation, out):
    k, places = x.shape[1] * kernel[0] * kernel[1], out[0] * out[1]
    columns = np.empty((k, len(x), places), x.dtype)
    _im2col(np.ascontiguousarray(x), columns, *kernel, *stride, *padding, *dilation, *out)
    return columns.reshape(k, len(x) * places)


@register("col2im", "cpu")
@through_float32
def col2im(columns, shape, kernel, stride, padding, dilation, out):
    x = np.empty(shape, columns.dtype)
    k, places = shape[1] * kernel[0] * kernel[1], out[0] * out[1]
    columns = np.ascontiguousarray(columns).reshape(k, shape[0], places)
    _col2im(columns, x, *kernel, *stride, *padding, *dilation, *out)
    return x
