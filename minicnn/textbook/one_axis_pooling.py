"""Pooling over signals: equation 1.17 with one axis."""

import numpy as np

from . import checks
from .sizes import output_size_for


def max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Eq. max-pool with one axis: y_i = max_{u=1..m} x_{(i−1)s+u}.

    x (N, C, L) -> y (N, C, OL) in the dtype of x, argmax int64 of the same shape: where along L the
    maximum stands. Equal values, NaN, padding and errors as in `max_pool2d`; stride=None means
    kernel_size.

    dilation is an integer; ceil_mode adds the windows that reach over the end. ValueError for
    shapes that do not fit together.

    >>> max_pool1d([[[1, 5, 5, 2]]], 2, stride=1)
    (array([[[5., 5., 5.]]]), array([[[1, 1, 2]]]))
    """
    dtype = checks.dtype_of(x)
    x = checks.array("max_pool1d", "x", x, "N C L")
    windows = _windows("max_pool1d", x.shape[2], kernel_size, stride, padding, dilation, ceil_mode)
    y = np.zeros((*x.shape[:2], len(windows)))
    argmax = np.zeros(y.shape, dtype=np.int64)
    for n, c, i in np.ndindex(y.shape):
        if not windows[i]:
            raise ValueError(f"max_pool1d: window {i} holds only padding")
        best = windows[i][0]
        for place in windows[i]:
            value = x[n, c, place]
            # ">" and not "≥": of equal maxima the first stays. NaN > y is never true.
            if value > x[n, c, best] or np.isnan(value):
                best = place
        y[n, c, i], argmax[n, c, i] = x[n, c, best], best
    return y.astype(dtype), argmax


def max_pool1d_gradient(delta, argmax, length):
    """Eq. 1.17: up(δ) for max pooling: each δ_i is added where its window's maximum stood.

    delta and argmax (N, C, OL), length L -> (N, C, L), in the dtype of delta. ValueError for
    positions outside the signal.

    >>> max_pool1d_gradient([[[1, 10, 100]]], np.array([[[1, 1, 2]]]), 4)
    array([[[  0.,  11., 100.,   0.]]])
    """
    name = "max_pool1d_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OL")
    argmax = np.asarray(argmax)
    checks.shape(name, "argmax", argmax, delta.shape)
    dx = np.zeros((*delta.shape[:2], checks.integer(name, "length", length, 1)))
    for n, c, i in np.ndindex(delta.shape):
        if not 0 <= argmax[n, c, i] < length:
            raise ValueError(f"{name}: argmax {argmax[n, c, i]} lies outside a signal of {length}")
        dx[n, c, argmax[n, c, i]] += delta[n, c, i]
    return dx.astype(dtype)


def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Eq. mean-pool with one axis: y_i = (1/m) · Σ_{u=1..m} x_{(i−1)s+u}.

    x (N, C, L) -> (N, C, OL), in the dtype of x. What is counted in the divisor: `avg_pool2d`.

    kernel_size, stride and padding are integers; stride=None means kernel_size; ceil_mode adds the
    windows that reach over the end; count_include_pad counts the padding. ValueError for shapes
    that do not fit together.

    >>> avg_pool1d([[[1, 3, 5]]], 2, stride=1, padding=1)
    array([[[0.5, 2. , 4. , 2.5]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("avg_pool1d", "x", x, "N C L")
    options = kernel_size, stride, padding, 1, ceil_mode
    windows = _windows("avg_pool1d", x.shape[2], *options)
    divisors = _divisors(x.shape[2], windows, kernel_size, stride, padding, count_include_pad)
    y = np.zeros((*x.shape[:2], len(windows)))
    for n, c, i in np.ndindex(y.shape):
        total = 0.0
        for place in windows[i]:
            total += x[n, c, place]
        y[n, c, i] = total / divisors[i]
    return y.astype(dtype)


def avg_pool1d_gradient(
    delta, length, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Eq. 1.17: up(δ) for mean pooling: each δ_i is spread evenly over its window.

    delta (N, C, OL), length L -> (N, C, L), in the dtype of delta; the rest as in `avg_pool1d`.

    That is kernel_size, stride, padding, ceil_mode and count_include_pad. ValueError for shapes
    that do not fit together.

    >>> avg_pool1d_gradient([[[2, 20]]], 3, 2, stride=1)
    array([[[ 1., 11., 10.]]])
    """
    name = "avg_pool1d_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OL")
    length = checks.integer(name, "length", length, 1)
    windows = _windows(name, length, kernel_size, stride, padding, 1, ceil_mode, delta)
    divisors = _divisors(length, windows, kernel_size, stride, padding, count_include_pad)
    dx = np.zeros((*delta.shape[:2], length))
    for n, c, i in np.ndindex(delta.shape):
        for place in windows[i]:
            dx[n, c, place] += delta[n, c, i] / divisors[i]
    return dx.astype(dtype)


def _windows(name, length, kernel_size, stride, padding, dilation, ceil_mode, delta=None):
    """For every output the places of the signal that its window sees, without the padding.

    A `delta` has to have as many places.
    """
    m = checks.integer(name, "kernel_size", kernel_size, 1)
    s = m if stride is None else checks.integer(name, "stride", stride, 1)
    p = checks.integer(name, "padding", padding, 0)
    d = checks.integer(name, "dilation", dilation, 1)
    if p > m // 2:
        raise ValueError(f"{name}: padding must be at most half of the kernel {m}, got {p}")
    OL = output_size_for(name, length, m, s, p, d, ceil_mode)
    if delta is not None:
        checks.shape(name, "delta", delta, (*delta.shape[:2], OL))
    places = [[i * s + u * d - p for u in range(m)] for i in range(OL)]
    return [[place for place in window if 0 <= place < length] for window in places]


def _divisors(length, windows, kernel_size, stride, padding, count_include_pad):
    """How many entries of every window count."""
    if not count_include_pad:
        return [len(window) for window in windows]
    stride = kernel_size if stride is None else stride
    divisors = []
    for i in range(len(windows)):
        first = i * stride - padding
        # What ceil_mode lets stand beyond the padding is not counted.
        divisors.append(min(first + kernel_size, length + padding) - first)
    return divisors
