"""Convolution with one channel a group, directly: no columns, no matrix product.

Where every kernel reads a single map, the matrices of the product would be one row high, and
making the columns would cost more than all the arithmetic. So each output row is summed up in
place, one kernel entry at a time: with its weight fixed, neighbouring places of the row read
neighbouring pixels, `stride` apart, which the compiler turns into vector instructions. The part of
a row that looks into the padding is found beforehand and left out.

This is for float64 and whatever `depthwise_lines` does not take.

Indices are unsigned: a signed one could be negative, which in Python counts from the end, and the
check for it would keep the loops from becoming vector instructions.
"""

import numpy as np

from minicnn.kernels.cpu import depthwise_lines
from minicnn.kernels.cpu.half import through_float32
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.shapes import output_size


@jit
def _forward(thread, threads, x, w, y, sh, sw, ph, pw, dh, dw):
    """Z = W ⊗ X (eq. 1.5) for every map: one thread a map of the output."""
    n, c, height, width = x.shape
    f, _, kh, kw = w.shape
    oh, ow = y.shape[2], y.shape[3]
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    for plane in own_part(n * f, thread, threads):
        sample, out = plane // f, plane % f
        start = (sample * c + out // (f // c)) * height * width
        for r in range(oh):
            row = np.uint64((plane * oh + r) * ow)
            for q in range(np.uint64(ow)):
                flat_y[row + q] = 0
            for i in range(kh):
                line = r * sh - ph + i * dh
                if line < 0 or line >= height:
                    continue
                for j in range(kw):
                    shift = j * dw - pw
                    first = min(max(0, -(shift // sw)), ow)
                    last = max(first, min(ow, (width - 1 - shift) // sw + 1))
                    weight = w[out, 0, i, j]
                    target = row + np.uint64(first)
                    source = np.uint64(start + line * width + first * sw + shift)
                    count, step = np.uint64(last - first), np.uint64(sw)
                    if sw == 1:
                        for q in range(count):
                            flat_y[target + q] += weight * flat_x[source + q]
                    else:
                        for q in range(count):
                            flat_y[target + q] += weight * flat_x[source + q * step]


@jit
def _input_gradient(thread, threads, delta, w, dx, sh, sw, ph, pw, dh, dw):
    """∂L/∂X = rot180(W) ⊗~ δ (eq. 1.9): every δ is added to the pixels that its window saw."""
    n, f, oh, ow = delta.shape
    c, height, width = dx.shape[1], dx.shape[2], dx.shape[3]
    kh, kw = w.shape[2], w.shape[3]
    flat_delta, flat_dx = delta.reshape(-1), dx.reshape(-1)
    for plane in own_part(n * c, thread, threads):
        start = plane * height * width
        for q in range(np.uint64(height * width)):
            flat_dx[np.uint64(start) + q] = 0
        sample, channel = plane // c, plane % c
        for out in range(channel * (f // c), (channel + 1) * (f // c)):
            for r in range(oh):
                row = np.uint64(((sample * f + out) * oh + r) * ow)
                for i in range(kh):
                    line = r * sh - ph + i * dh
                    if line < 0 or line >= height:
                        continue
                    for j in range(kw):
                        shift = j * dw - pw
                        first = min(max(0, -(shift // sw)), ow)
                        last = max(first, min(ow, (width - 1 - shift) // sw + 1))
                        weight = w[out, 0, i, j]
                        source = row + np.uint64(first)
                        target = np.uint64(start + line * width + first * sw + shift)
                        count, step = np.uint64(last - first), np.uint64(sw)
                        if sw == 1:
                            for q in range(count):
                                flat_dx[target + q] += weight * flat_delta[source + q]
                        else:
                            for q in range(count):
                                flat_dx[target + q * step] += weight * flat_delta[source + q]


@jit
def _weight_gradient(thread, threads, delta, x, gradient, sh, sw, ph, pw, dh, dw):
    """∂L/∂W = δ ⊗ X (eq. 1.12), summed over the batch: one thread a kernel.

    A sum runs in LANES parts side by side, since a single one would wait for each addition.
    """
    n, f, oh, ow = delta.shape
    c, height, width = x.shape[1], x.shape[2], x.shape[3]
    kh, kw = gradient.shape[2], gradient.shape[3]
    flat_delta, flat_x = delta.reshape(-1), x.reshape(-1)
    lanes = 16
    for out in own_part(f, thread, threads):
        parts = np.zeros(lanes, delta.dtype)
        for i in range(kh):
            for j in range(kw):
                shift = j * dw - pw
                first = min(max(0, -(shift // sw)), ow)
                last = max(first, min(ow, (width - 1 - shift) // sw + 1))
                blocks, rest = (last - first) // lanes, (last - first) % lanes
                step = np.uint64(sw)
                parts[:] = 0
                total = delta.dtype.type(0)
                for sample in range(n):
                    start = (sample * c + out // (f // c)) * height * width
                    for r in range(oh):
                        line = r * sh - ph + i * dh
                        if line < 0 or line >= height:
                            continue
                        a = np.uint64(((sample * f + out) * oh + r) * ow + first)
                        b = np.uint64(start + line * width + first * sw + shift)
                        for _ in range(blocks):
                            for q in range(np.uint64(lanes)):
                                parts[q] += flat_delta[a + q] * flat_x[b + q * step]
                            a += np.uint64(lanes)
                            b += np.uint64(lanes * sw)
                        for q in range(np.uint64(rest)):
                            total += flat_delta[a + q] * flat_x[b + q * step]
                gradient[out, 0, i, j] = total + parts.sum()


def lines_take(*arrays):
    """Whether the kernels of `depthwise_lines` do: float32, and something in each."""
    return all(a.dtype == np.float32 and a.size for a in arrays)


@through_float32
def conv2d(x, w, stride, padding, dilation):
    """Z, with as many groups as x has channels; see `depthwise_lines.conv2d`, too."""
    out = tuple(map(output_size, x.shape[2:], w.shape[2:], stride, padding, dilation))
    y = np.empty((len(x), len(w), *out), x.dtype)
    x, w = np.ascontiguousarray(x), np.ascontiguousarray(w)
    _forward(x, w, y, *stride, *padding, *dilation)
    return y


@through_float32
def conv2d_input_gradient(delta, w, size, stride, padding, dilation, groups):
    """∂L/∂X, for an input of `groups` channels and that `size`."""
    if lines_take(delta, w):
        return depthwise_lines.conv2d_input_gradient(
            delta, w, size, stride, padding, dilation, groups
        )
    dx = np.empty((len(delta), groups, *size), delta.dtype)
    delta, w = np.ascontiguousarray(delta), np.ascontiguousarray(w)
    _input_gradient(delta, w, dx, *stride, *padding, *dilation)
    return dx


@through_float32
def conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation):
    """∂L/∂W, for kernels of that size."""
    if lines_take(delta, x):
        return depthwise_lines.conv2d_weight_gradient(delta, x, kernel, stride, padding, dilation)
    dw = np.empty((delta.shape[1], 1, *kernel), delta.dtype)
    delta, x = np.ascontiguousarray(delta), np.ascontiguousarray(x)
    _weight_gradient(delta, x, dw, *stride, *padding, *dilation)
    return dw
