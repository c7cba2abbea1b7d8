"""Equation 1.17 and the pooling layers it passes through."""

import numpy as np

from . import checks
from .sizes import output_size_for


def max_pool2d(x, kernel_size, stride=None, padding=(0, 0), dilation=(1, 1), ceil_mode=False):
    """Eq. max-pool: y_ij = max_{u=1..m, v=1..n} x_{(i−1)s+u, (j−1)s+v}.

    x (N, C, H, W) -> y (N, C, OH, OW) in the dtype of x, argmax (N, C, OH, OW) int64: where the
    maximum stands in the map counted row by row, row·W + column. The first of equal maxima wins.
    A NaN counts as larger than everything (of several, the last one wins). Padding is −∞.
    All but ceil_mode are pairs (h, w); stride=None means kernel_size. ValueError for padding
    beyond half the kernel, and where a window would hold padding alone.

    Those pairs are kernel_size, stride, padding and dilation.

    >>> y, argmax = max_pool2d([[[[1, 5, 2], [7, 7, 3]]]], (2, 2), stride=(1, 1))
    >>> y, argmax
    (array([[[[7., 7.]]]]), array([[[[3, 4]]]]))
    """
    dtype = checks.dtype_of(x)
    x = checks.array("max_pool2d", "x", x, "N C H W")
    N, C, H, W = x.shape
    kh, kw = kernel_size = checks.pair("max_pool2d", "kernel_size", kernel_size, 1)
    sh, sw = checks.pair("max_pool2d", "stride", kernel_size if stride is None else stride, 1)
    ph, pw = _padding("max_pool2d", padding, kernel_size)
    dh, dw = checks.pair("max_pool2d", "dilation", dilation, 1)
    OH = output_size_for("max_pool2d", H, kh, sh, ph, dh, ceil_mode)
    OW = output_size_for("max_pool2d", W, kw, sw, pw, dw, ceil_mode)
    y = np.full((N, C, OH, OW), -np.inf)
    argmax = np.full((N, C, OH, OW), -1, dtype=np.int64)
    for n, c, i, j in np.ndindex(y.shape):
        for u in range(kh):
            for v in range(kw):
                row = i * sh + u * dh - ph
                column = j * sw + v * dw - pw
                if 0 <= row < H and 0 <= column < W:
                    value = x[n, c, row, column]
                    first = argmax[n, c, i, j] == -1
                    # ">" and not "≥": of equal maxima the first stays. NaN > y is never true.
                    if first or value > y[n, c, i, j] or np.isnan(value):
                        y[n, c, i, j] = value
                        argmax[n, c, i, j] = row * W + column
        if argmax[n, c, i, j] == -1:
            raise ValueError(
                f"max_pool2d: the window at ({i}, {j}) holds only padding "
                f"(kernel {kernel_size}, dilation {(dh, dw)}, input {(H, W)})"
            )
    return y.astype(dtype), argmax


def max_pool2d_gradient(delta, argmax, input_size):
    """Eq. 1.17: up(δ) for max pooling: each δ_ij is added where its window's maximum stood.

    delta and argmax (N, C, OH, OW), input_size = (H, W) -> (N, C, H, W), in the dtype of delta.
    ValueError for shapes that differ and positions outside the map.

    >>> max_pool2d_gradient([[[[1, 10]]]], np.array([[[[4, 4]]]]), (2, 3))
    array([[[[ 0.,  0.,  0.],
             [ 0., 11.,  0.]]]])
    """
    name = "max_pool2d_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OH OW")
    argmax = np.asarray(argmax)
    H, W = checks.pair(name, "input_size", input_size, 1)
    if argmax.dtype.kind not in "iu":
        raise ValueError(f"{name}: argmax must hold integers, got dtype {argmax.dtype}")
    checks.shape(name, "argmax", argmax, delta.shape)
    N, C = delta.shape[:2]
    dx = np.zeros((N, C, H, W))
    for n, c, i, j in np.ndindex(delta.shape):
        position = argmax[n, c, i, j]
        if not 0 <= position < H * W:
            raise ValueError(f"{name}: argmax {position} lies outside a map of {H}×{W}")
        # "+=": where windows overlap, several can have the same maximum.
        dx[n, c, position // W, position % W] += delta[n, c, i, j]
    return dx.astype(dtype)


def avg_pool2d(
    x,
    kernel_size,
    stride=None,
    padding=(0, 0),
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Eq. mean-pool: y_ij = (1/mn) · Σ_{u=1..m} Σ_{v=1..n} x_{(i−1)s+u, (j−1)s+v}.

    x (N, C, H, W) -> (N, C, OH, OW), in the dtype of x. kernel_size, stride (None means
    kernel_size) and padding are pairs (h, w). Padding is 0 and counted in the divisor, unless
    count_include_pad is False; what ceil_mode lets stand beyond the padding never is.
    divisor_override replaces the divisor. ValueError for padding beyond half the kernel.

    >>> avg_pool2d([[[[1, 3, 5], [1, 3, 5]]]], (2, 2), stride=(1, 1))
    array([[[[2., 4.]]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("avg_pool2d", "x", x, "N C H W")
    N, C, H, W = x.shape
    windows = _mean_windows(
        "avg_pool2d",
        (H, W),
        (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override),
    )
    OH, OW = len(windows), len(windows[0])
    y = np.zeros((N, C, OH, OW))
    for n, c, i, j in np.ndindex(y.shape):
        rows, columns, divisor = windows[i][j]
        total = 0.0
        for row in rows:
            for column in columns:
                total += x[n, c, row, column]
        y[n, c, i, j] = total / divisor
    return y.astype(dtype)


def avg_pool2d_gradient(
    delta,
    input_size,
    kernel_size,
    stride=None,
    padding=(0, 0),
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Eq. 1.17: up(δ) for mean pooling: each δ_ij is spread evenly over its window.

    delta (N, C, OH, OW), input_size = (H, W) -> (N, C, H, W), in the dtype of delta; the other
    arguments as in `avg_pool2d`. ValueError for shapes that do not fit together.

    Those are kernel_size, stride, padding, ceil_mode, count_include_pad and divisor_override.

    >>> avg_pool2d_gradient([[[[4, 40]]]], (2, 3), (2, 2), stride=(1, 1))
    array([[[[ 1., 11., 10.],
             [ 1., 11., 10.]]]])
    """
    name = "avg_pool2d_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OH OW")
    H, W = checks.pair(name, "input_size", input_size, 1)
    windows = _mean_windows(
        name,
        (H, W),
        (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override),
        delta,
    )
    N, C = delta.shape[:2]
    dx = np.zeros((N, C, H, W))
    for n, c, i, j in np.ndindex(delta.shape):
        rows, columns, divisor = windows[i][j]
        for row in rows:
            for column in columns:
                dx[n, c, row, column] += delta[n, c, i, j] / divisor
    return dx.astype(dtype)


def error_below_max_pooling(delta, argmax, slope):
    """Eq. 1.17: δ^(l,p) = f_l'(Z^(l,p)) ⊙ up(δ^(l+1,p)), up for max pooling.

    delta and argmax (N, C, OH, OW), slope (N, C, H, W) holding f_l'(Z^(l)) -> (N, C, H, W).

    ValueError for shapes that do not fit together.

    >>> error_below_max_pooling([[[[3]]]], np.array([[[[1]]]]), [[[[1, 0.5]]]])
    array([[[[0. , 1.5]]]])
    """
    slope = checks.array("error_below_max_pooling", "slope", slope, "N C H W")
    error = max_pool2d_gradient(delta, argmax, slope.shape[2:])
    checks.shape("error_below_max_pooling", "slope", slope, error.shape)
    for index in np.ndindex(error.shape):
        error[index] = slope[index] * error[index]
    return error


def error_below_mean_pooling(delta, slope, kernel_size, stride=None, padding=(0, 0)):
    """Eq. 1.17: δ^(l,p) = f_l'(Z^(l,p)) ⊙ up(δ^(l+1,p)), up for mean pooling.

    delta (N, C, OH, OW), slope (N, C, H, W) holding f_l'(Z^(l)) -> (N, C, H, W).

    kernel_size, stride and padding as in `avg_pool2d`. ValueError for shapes that do not fit
    together.

    >>> error_below_mean_pooling([[[[4]]]], [[[[1, 0.5]]]], (1, 2))
    array([[[[2., 1.]]]])
    """
    slope = checks.array("error_below_mean_pooling", "slope", slope, "N C H W")
    error = avg_pool2d_gradient(delta, slope.shape[2:], kernel_size, stride, padding)
    checks.shape("error_below_mean_pooling", "slope", slope, error.shape)
    for index in np.ndindex(error.shape):
        error[index] = slope[index] * error[index]
    return error


def global_avg_pool2d(x):
    """Eq. global-pool: y_c = (1/HW) · Σ_{i=1..H} Σ_{j=1..W} x_{c,i,j}.

    x (N, C, H, W) -> (N, C, 1, 1), in the dtype of x.

    ValueError for an x that has not four axes.

    >>> global_avg_pool2d([[[[1, 2], [3, 6]]]])
    array([[[[3.]]]])
    """
    return avg_pool2d(x, np.shape(x)[2:])


def _padding(name, padding, kernel_size):
    ph, pw = checks.pair(name, "padding", padding, 0)
    if ph > kernel_size[0] // 2 or pw > kernel_size[1] // 2:
        raise ValueError(
            f"{name}: padding must be at most half of the kernel {kernel_size}, got {(ph, pw)}"
        )
    return ph, pw


def _mean_windows(name, input_size, options, delta=None):
    """For every output position: rows and columns of the input its window covers, its divisor.

    A `delta` has to have as many positions.
    """
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override = options
    H, W = input_size
    kh, kw = kernel_size = checks.pair(name, "kernel_size", kernel_size, 1)
    sh, sw = checks.pair(name, "stride", kernel_size if stride is None else stride, 1)
    ph, pw = _padding(name, padding, kernel_size)
    if divisor_override == 0:
        raise ValueError(f"{name}: divisor_override must not be 0")
    OH = output_size_for(name, H, kh, sh, ph, 1, ceil_mode)
    OW = output_size_for(name, W, kw, sw, pw, 1, ceil_mode)
    if delta is not None:
        checks.shape(name, "delta", delta, (*delta.shape[:2], OH, OW))
    windows = []
    for i in range(OH):
        windows.append([])
        for j in range(OW):
            top, left = i * sh - ph, j * sw - pw
            # ceil_mode can let a window reach beyond the padding: there it is cut off.
            bottom, right = min(top + kh, H + ph), min(left + kw, W + pw)
            with_padding = (bottom - top) * (right - left)
            rows = range(max(top, 0), min(bottom, H))
            columns = range(max(left, 0), min(right, W))
            if divisor_override is not None:
                divisor = divisor_override
            elif count_include_pad:
                divisor = with_padding
            else:
                divisor = len(rows) * len(columns)
            windows[i].append((rows, columns, divisor))
    return windows
