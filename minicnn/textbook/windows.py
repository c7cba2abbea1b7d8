"""Windows: laid out as columns, fitted to a given number, raised to powers, undone."""

import numpy as np

from . import checks
from .sizes import output_size_for


def unfold(x, kernel_size, dilation=(1, 1), padding=(0, 0), stride=(1, 1)):
    """Eq. im2col: col(X): every window of x as a column, every place in the window as a row.

    x (N, C, H, W) -> (N, C·kh·kw, OH·OW), in the dtype of x; OH and OW by eq. conv-size. Rows run
    over channels, then the kernel row by row; columns over windows row by row. Padding is 0. The
    other arguments are pairs (h, w). ValueError if no window fits.

    kernel_size, dilation, padding and stride are those pairs.

    >>> unfold([[[[1, 2, 3], [4, 5, 6]]]], (1, 2))
    array([[[1., 2., 4., 5.],
            [2., 3., 5., 6.]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("unfold", "x", x, "N C H W")
    N, C, H, W = x.shape
    places, rows, L = _columns("unfold", (H, W), C, kernel_size, dilation, padding, stride)
    columns = np.zeros((N, rows, L))
    for n in range(N):
        for k, window, c, row, column in places:
            columns[n, k, window] = x[n, c, row, column]
    return columns.astype(dtype)


def fold(columns, output_size, kernel_size, dilation=(1, 1), padding=(0, 0), stride=(1, 1)):
    """Eq. im2col: im(X): every entry of the columns, added where `unfold` would read it.

    columns (N, C·kh·kw, OH·OW), output_size = (H, W) -> (N, C, H, W), in the dtype of columns.
    The transpose of `unfold`, hence the gradient of it, as `unfold` is the gradient of this. The
    other arguments as there. ValueError for shapes that do not fit together.

    kernel_size, dilation, padding and stride are pairs (h, w).

    >>> fold([[[1, 2, 4, 5], [2, 3, 5, 6]]], (2, 3), (1, 2))
    array([[[[ 1.,  4.,  3.],
             [ 4., 10.,  6.]]]])
    """
    dtype = checks.dtype_of(columns)
    columns = checks.array("fold", "columns", columns, "N C·kh·kw OH·OW")
    H, W = checks.pair("fold", "output_size", output_size, 1)
    kh, kw = checks.pair("fold", "kernel_size", kernel_size, 1)
    N, rows, _ = columns.shape
    if rows % (kh * kw):
        raise ValueError(f"fold: {kh}·{kw} kernel places must divide the {rows} rows of columns")
    C = rows // (kh * kw)
    places, rows, L = _columns("fold", (H, W), C, kernel_size, dilation, padding, stride)
    checks.shape("fold", "columns", columns, (N, rows, L))
    x = np.zeros((N, C, H, W))
    for n in range(N):
        for k, window, c, row, column in places:
            x[n, c, row, column] += columns[n, k, window]
    return x.astype(dtype)


def adaptive_avg_pool2d(x, output_size):
    """Eq. adaptive-pool: y_ij = the mean of rows ⌊(i−1)·H/OH⌋+1 to ⌈i·H/OH⌉, columns likewise.

    x (N, C, H, W), output_size = (OH, OW) -> (N, C, OH, OW), in the dtype of x.

    ValueError for an x of other dimensions, or sizes below 1.

    >>> adaptive_avg_pool2d([[[[1, 2, 6]]]], (1, 2))
    array([[[[1.5, 4. ]]]])
    """
    name = "adaptive_avg_pool2d"
    dtype = checks.dtype_of(x)
    x = checks.array(name, "x", x, "N C H W")
    N, C, H, W = x.shape
    OH, OW = checks.pair(name, "output_size", output_size, 1)
    y = np.zeros((N, C, OH, OW))
    for n, c, i, j in np.ndindex(y.shape):
        rows, columns = _adaptive_window(i, H, OH), _adaptive_window(j, W, OW)
        total = 0.0
        for row in rows:
            for column in columns:
                total += x[n, c, row, column]
        y[n, c, i, j] = total / (len(rows) * len(columns))
    return y.astype(dtype)


def adaptive_avg_pool2d_gradient(delta, input_size):
    """Eqs. adaptive-pool, 1.17: each δ_ij is spread evenly over its window.

    delta (N, C, OH, OW), input_size = (H, W) -> (N, C, H, W), in the dtype of delta.

    ValueError for a delta of other dimensions, or sizes below 1.

    >>> adaptive_avg_pool2d_gradient([[[[2, 20]]]], (1, 3))
    array([[[[ 1., 11., 10.]]]])
    """
    name = "adaptive_avg_pool2d_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OH OW")
    H, W = checks.pair(name, "input_size", input_size, 1)
    N, C, OH, OW = delta.shape
    dx = np.zeros((N, C, H, W))
    for n, c, i, j in np.ndindex(delta.shape):
        rows, columns = _adaptive_window(i, H, OH), _adaptive_window(j, W, OW)
        for row in rows:
            for column in columns:
                dx[n, c, row, column] += delta[n, c, i, j] / (len(rows) * len(columns))
    return dx.astype(dtype)


def adaptive_max_pool2d(x, output_size):
    """Eq. adaptive-pool: the maximum of each window in place of the mean.

    x (N, C, H, W), output_size = (OH, OW) -> y (N, C, OH, OW) in the dtype of x, argmax int64 of
    the same shape, as in `max_pool2d`, equal values and NaN too. `max_pool2d_gradient` is its
    gradient.

    ValueError for an x of other dimensions, or sizes below 1.

    >>> adaptive_max_pool2d([[[[1, 5, 2], [7, 7, 3]]]], (2, 2))
    (array([[[[5., 5.],
             [7., 7.]]]]), array([[[[1, 1],
             [3, 4]]]]))
    """
    name = "adaptive_max_pool2d"
    dtype = checks.dtype_of(x)
    x = checks.array(name, "x", x, "N C H W")
    N, C, H, W = x.shape
    OH, OW = checks.pair(name, "output_size", output_size, 1)
    y = np.zeros((N, C, OH, OW))
    argmax = np.full((N, C, OH, OW), -1, dtype=np.int64)
    for n, c, i, j in np.ndindex(y.shape):
        for row in _adaptive_window(i, H, OH):
            for column in _adaptive_window(j, W, OW):
                value = x[n, c, row, column]
                first = argmax[n, c, i, j] == -1
                if first or value > y[n, c, i, j] or np.isnan(value):
                    y[n, c, i, j] = value
                    argmax[n, c, i, j] = row * W + column
    return y.astype(dtype), argmax


def lp_pool2d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Eq. lp-pool: y_ij = S^(1/p) with S = Σ_{u,v} x^p over the window, p = norm_type.

    x (N, C, H, W) -> (N, C, OH, OW), in the dtype of x. p is a number other than 0; ∞ takes the
    maximum of |x|, −∞ the minimum. An odd p keeps signs, and an S < 0 has no root, NaN. A window
    that ceil_mode cuts counts as if it had all of its m·n values (S·mn / how many it has), as in
    PyTorch. kernel_size and stride (None means kernel_size) are pairs (h, w).

    ValueError for shapes that do not fit together.

    >>> lp_pool2d([[[[3, 4, 0]]]], 2, (1, 2), stride=(1, 1))
    array([[[[5., 4.]]]])
    >>> lp_pool2d([[[[3, -4, 0]]]], np.inf, (1, 2), stride=(1, 1))
    array([[[[4., 4.]]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("lp_pool2d", "x", x, "N C H W")
    p = _norm_type("lp_pool2d", norm_type)
    windows = _pool_windows("lp_pool2d", x.shape[2:], kernel_size, stride, ceil_mode)
    y = np.zeros((*x.shape[:2], len(windows), len(windows[0])))
    for n, c, i, j in np.ndindex(y.shape):
        if np.isinf(p):
            y[n, c, i, j] = abs(x[n, c][_extreme(x[n, c], windows[i][j], p)])
        else:
            total = _sum_of_powers(x[n, c], windows[i][j], p, kernel_size)
            y[n, c, i, j] = _power(total, 1 / p)
    return y.astype(dtype)


def lp_pool2d_gradient(delta, x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """Eqs. lp-pool, chain-rule: ∂L/∂x = Σ_{i,j} δ_ij · (1/p)·S_ij^(1/p − 1) · p·x^(p−1).

    The sum runs over the windows that hold x; where S_ij = 0 there is no slope, and 0 is used.
    With p = ±∞ all of δ_ij goes, with the sign of x, to the first x that is the extreme one.
    delta (N, C, OH, OW), x (N, C, H, W) -> (N, C, H, W), in the dtype of delta; the other
    arguments as in `lp_pool2d`.

    Those are norm_type, kernel_size, stride and ceil_mode. ValueError for shapes that do not fit
    together.

    >>> lp_pool2d_gradient([[[[10]]]], [[[[3, 4, 7]]]], 2, (1, 2))
    array([[[[6., 8., 0.]]]])
    """
    name = "lp_pool2d_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C OH OW")
    x = checks.array(name, "x", x, "N C H W")
    p = _norm_type(name, norm_type)
    windows = _pool_windows(name, x.shape[2:], kernel_size, stride, ceil_mode)
    checks.shape(name, "delta", delta, (*x.shape[:2], len(windows), len(windows[0])))
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(delta.shape):
        window = windows[i][j]
        if np.isinf(p):
            place = _extreme(x[n, c], window, p)
            dx[n, c][place] += delta[n, c, i, j] * np.sign(x[n, c][place])
            continue
        total = _sum_of_powers(x[n, c], window, p, kernel_size)
        if total != 0:
            d_total = delta[n, c, i, j] * _power(total, 1 / p - 1) / p
            d_total *= kernel_size[0] * kernel_size[1] / len(window)
            for row, column in window:
                dx[n, c, row, column] += d_total * p * _power(x[n, c, row, column], p - 1)
    return dx.astype(dtype)


def max_unpool2d(x, argmax, output_size):
    """Eq. max-unpool: y at argmax_ij is x_ij, 0 everywhere else. Of several values the last stays.

    x and argmax (N, C, OH, OW), output_size = (H, W) -> (N, C, H, W), in the dtype of x. argmax
    as `max_pool2d` returns it. ValueError for positions outside the map.

    >>> max_unpool2d([[[[5, 7]]]], np.array([[[[1, 3]]]]), (2, 2))
    array([[[[0., 5.],
             [0., 7.]]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("max_unpool2d", "x", x, "N C OH OW")
    H, W = checks.pair("max_unpool2d", "output_size", output_size, 1)
    argmax = _positions("max_unpool2d", argmax, x.shape, H, W)
    y = np.zeros((*x.shape[:2], H, W))
    for n, c, i, j in np.ndindex(x.shape):
        position = argmax[n, c, i, j]
        y[n, c, position // W, position % W] = x[n, c, i, j]
    return y.astype(dtype)


def max_unpool2d_gradient(delta, argmax):
    """Eqs. max-unpool, chain-rule: ∂L/∂x_ij is the δ at argmax_ij.

    delta (N, C, H, W), argmax (N, C, OH, OW) -> (N, C, OH, OW), in the dtype of delta. As in
    PyTorch, a value that another one replaced gets the δ of their place, too.

    ValueError for shapes that do not fit together.

    >>> max_unpool2d_gradient([[[[1, 2], [3, 4]]]], np.array([[[[1, 3]]]]))
    array([[[[2., 4.]]]])
    """
    name = "max_unpool2d_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C H W")
    N, C, H, W = delta.shape
    argmax = _positions(name, argmax, (N, C, *np.shape(argmax)[2:]), H, W)
    dx = np.zeros(argmax.shape)
    for n, c, i, j in np.ndindex(dx.shape):
        position = argmax[n, c, i, j]
        dx[n, c, i, j] = delta[n, c, position // W, position % W]
    return dx.astype(dtype)


def _columns(name, input_size, C, kernel_size, dilation, padding, stride):
    """[(row of the columns, window, channel, row, column of the image)], without the padding.

    And the shape of the columns: C·kh·kw, OH·OW.
    """
    H, W = input_size
    kh, kw = checks.pair(name, "kernel_size", kernel_size, 1)
    dh, dw = checks.pair(name, "dilation", dilation, 1)
    ph, pw = checks.pair(name, "padding", padding, 0)
    sh, sw = checks.pair(name, "stride", stride, 1)
    OH = output_size_for(name, H, kh, sh, ph, dh)
    OW = output_size_for(name, W, kw, sw, pw, dw)
    places = []
    for c, u, v, i, j in np.ndindex(C, kh, kw, OH, OW):
        row, column = i * sh + u * dh - ph, j * sw + v * dw - pw
        if 0 <= row < H and 0 <= column < W:
            places.append(((c * kh + u) * kw + v, i * OW + j, c, row, column))
    return places, C * kh * kw, OH * OW


def _adaptive_window(i, n, windows):
    """The indices (from 0) of an axis of size n that the i-th of so many windows covers."""
    # −(−a // b) is ⌈a/b⌉.
    return range(i * n // windows, -(-(i + 1) * n // windows))


def _pool_windows(name, input_size, kernel_size, stride, ceil_mode):
    """For every output position [(row, column)] of the input that its window covers."""
    H, W = input_size
    kh, kw = kernel_size = checks.pair(name, "kernel_size", kernel_size, 1)
    sh, sw = checks.pair(name, "stride", kernel_size if stride is None else stride, 1)
    OH = output_size_for(name, H, kh, sh, 0, 1, ceil_mode)
    OW = output_size_for(name, W, kw, sw, 0, 1, ceil_mode)
    # ceil_mode lets the last windows reach beyond the input: there they are cut off.
    rows = [range(i * sh, min(i * sh + kh, H)) for i in range(OH)]
    columns = [range(j * sw, min(j * sw + kw, W)) for j in range(OW)]
    return [[[(r, c) for r in rows[i] for c in columns[j]] for j in range(OW)] for i in range(OH)]


def _norm_type(name, p):
    number = isinstance(p, int | float | np.number) and not isinstance(p, bool)
    if not number or p == 0 or np.isnan(p):
        raise ValueError(f"{name}: norm_type must be a number other than 0, got {p!r}")
    return float(p)


def _extreme(image, window, p):
    """Where |x| is greatest (p = ∞) or least (p = −∞), the first of several."""
    best = window[0]
    for place in window:
        value, found = abs(image[place]), abs(image[best])
        if (value > found if p > 0 else value < found) or np.isnan(value):
            best = place
    return best


def _sum_of_powers(image, window, p, kernel_size):
    total = 0.0
    for row, column in window:
        total += _power(image[row, column], p)
    return total * kernel_size[0] * kernel_size[1] / len(window)


def _power(value, exponent):
    # NaN where there is no root, ∞ where it would divide by 0: no warnings, both are meant.
    with np.errstate(all="ignore"):
        return np.float64(value) ** exponent


def _positions(name, argmax, shape, H, W):
    argmax = np.asarray(argmax)
    if argmax.dtype.kind not in "iu":
        raise ValueError(f"{name}: argmax must hold integers, got dtype {argmax.dtype}")
    checks.shape(name, "argmax", argmax, shape)
    for index in np.ndindex(argmax.shape):
        if not 0 <= argmax[index] < H * W:
            raise ValueError(f"{name}: argmax {argmax[index]} lies outside a map of {H}×{W}")
    return argmax
