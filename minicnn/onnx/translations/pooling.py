"""Pooling.

``ceil_mode`` is written as padding at the end: ONNX Runtime and PyTorch have disagreed about which
windows it adds.
"""

import numpy as np

from minicnn.ops import pooling


def _pads(size, kernel, stride, padding, out, dilation=(1, 1)):
    """The padding, (top, left, bottom, right), with which there are exactly `out` windows."""
    ends = [
        max(0, (o - 1) * s + d * (k - 1) + 1 - n - p)
        for n, k, s, p, o, d in zip(size, kernel, stride, padding, out, dilation, strict=True)
    ]
    return [*padding, *ends]


def max_pool2d(writer, step, x):
    kernel, stride, padding, dilation, out = step.option("options")
    pads = _pads(step.shapes[0][0][2:], kernel, stride, padding, out, dilation)
    pooled = writer.node(
        "MaxPool",
        [x],
        kernel_shape=list(kernel),
        strides=list(stride),
        pads=pads,
        dilations=list(dilation),
    )
    return pooled, None


def avg_pool2d(writer, step, x):
    kernel, stride, padding = step.option("options")
    size, out = step.shapes[0][0][2:], step.option("out")
    inside_only = not step.option("count_include_pad") and step.option("divisor") is None
    y = writer.node(
        "AveragePool",
        [x],
        kernel_shape=list(kernel),
        strides=list(stride),
        pads=_pads(size, kernel, stride, padding, out),
        count_include_pad=int(not inside_only),
    )
    divisors = step.operation.divisors(size, step.dtype)
    full = kernel[0] * kernel[1]
    if inside_only or (divisors == full).all():
        return y
    # It divided by k²: where another divisor is wanted, it takes its place.
    return writer.node("Mul", [y, writer.constant((full / divisors).astype(step.dtype))])


def adaptive_avg_pool2d(writer, step, x):
    size, out = step.shapes[0][0][2:], step.option("out")
    if out == (1, 1):
        return writer.node("GlobalAveragePool", [x])
    # Windows of differing sizes: means as products with a matrix for each axis, A_h x A_wᵀ.
    rows, columns = (_means(n, o).astype(step.dtype) for n, o in zip(size, out, strict=True))
    x = writer.node("MatMul", [writer.constant(rows), x])  # (OH, H) (N, C, H, W)
    return writer.node("MatMul", [x, writer.constant(columns.T)])  # (N, C, OH, W) (W, OW)


def _means(n, out):
    """(out, n): what takes the means of the windows of an axis."""
    matrix = np.zeros((out, n))
    for i, (start, end) in enumerate(_windows(n, out)):
        matrix[i, start:end] = 1 / (end - start)
    return matrix


def _windows(n, out):
    return [(i * n // out, -((i + 1) * n // -out)) for i in range(out)]


def adaptive_max_pool2d(writer, step, x):
    size, out = step.shapes[0][0][2:], step.option("out")
    if out == (1, 1):
        return writer.node("GlobalMaxPool", [x]), None
    for axis, n, o in zip((2, 3), size, out, strict=True):
        windows = _windows(n, o)
        longest = max(end - start for start, end in windows)
        # (o, longest): the places of each window, its last one again where it is shorter.
        places = [[min(start + k, end - 1) for k in range(longest)] for start, end in windows]
        x = writer.node("Gather", [x, writer.integers(places)], axis=axis)
        x = writer.node("ReduceMax", [x, writer.integers([axis + 1])], keepdims=0)
    return x, None


TRANSLATIONS = {
    pooling.AdaptiveAvgPool2d: adaptive_avg_pool2d,
    pooling.AdaptiveMaxPool2d: adaptive_max_pool2d,
    pooling.AvgPool2d: avg_pool2d,
    pooling.MaxPool2d: max_pool2d,
}
