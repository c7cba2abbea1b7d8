"""Equations 1.1 to 1.5: convolution and cross-correlation of one signal or one image.

The kernel comes first, as in W ∗ X and W ⊗ X.
"""

import numpy as np

from . import checks


def decay_signal(x, w=(1, 1 / 2, 1 / 4)):
    """Eq. 1.1: y_t = Σ_{k=1..3} w_k · x_{t−k+1}, the signal so far, fading.

    x (T,), w (m,) -> (T,); x is 0 before its first value.

    ValueError for arrays that have not one axis each.

    >>> decay_signal([8, 0, 0, 0])
    array([8., 4., 2., 0.])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("decay_signal", "x", x, "T")
    w = checks.array("decay_signal", "w", w, "m")
    T, m = len(x), len(w)
    y = np.zeros(T)
    for t in range(T):
        for k in range(m):
            if t - k >= 0:
                y[t] += w[k] * x[t - k]
    return y.astype(dtype)


def convolve1d(w, x):
    """Eqs. 1.2, 1.3: y_t = Σ_{k=1..m} w_k · x_{t−k+1}, y = w ∗ x.

    w (m,), x (n,) -> (n + m − 1,); x is 0 outside its bounds.

    ValueError for arrays that have not one axis each.

    >>> convolve1d([1, -1], [3, 5, 6])
    array([ 3.,  2.,  1., -6.])
    """
    dtype = checks.dtype_of(x)
    w = _filled("convolve1d", "w", w, "m")
    x = _filled("convolve1d", "x", x, "n")
    m, n = len(w), len(x)
    y = np.zeros(n + m - 1)
    for t in range(n + m - 1):
        for k in range(m):
            if 0 <= t - k < n:
                y[t] += w[k] * x[t - k]
    return y.astype(dtype)


def convolve2d(w, x):
    """Eq. 1.4: y_ij = Σ_{u=1..m} Σ_{v=1..n} w_uv · x_{i−u+1, j−v+1}, Y = W ∗ X.

    w (m, n), x (M, N) -> (M + m − 1, N + n − 1); x is 0 outside its bounds.

    ValueError for arrays that have not two axes each.

    >>> convolve2d([[0, 1], [2, 3]], [[1, 10]])
    array([[ 0.,  1., 10.],
           [ 2., 23., 30.]])
    """
    dtype = checks.dtype_of(x)
    w = _filled("convolve2d", "w", w, "m n")
    x = _filled("convolve2d", "x", x, "M N")
    m, n = w.shape
    M, N = x.shape
    y = np.zeros((M + m - 1, N + n - 1))
    for i in range(M + m - 1):
        for j in range(N + n - 1):
            for u in range(m):
                for v in range(n):
                    if 0 <= i - u < M and 0 <= j - v < N:
                        y[i, j] += w[u, v] * x[i - u, j - v]
    return y.astype(dtype)


def cross_correlate(w, x, mode="narrow"):
    """Eq. 1.5: y_ij = Σ_{u=1..m} Σ_{v=1..n} w_uv · x_{i+u−1, j+v−1}, Y = W ⊗ X.

    w (m, n), x (M, N). mode says how many zeros are put around x first:
    "narrow"      ⊗,  none           -> (M − m + 1, N − n + 1)
    "wide"        ⊗~, m − 1 and n − 1  -> (M + m − 1, N + n − 1)
    "equal-width"     (m − 1)/2, (n − 1)/2, m and n odd -> (M, N)
    ValueError for another mode, a narrow kernel larger than x, an equal-width kernel of even size.

    >>> cross_correlate([[0, 1], [2, 3]], [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    array([[19., 25.],
           [37., 43.]])
    """
    dtype = checks.dtype_of(x)
    w = _filled("cross_correlate", "w", w, "m n")
    x = _filled("cross_correlate", "x", x, "M N")
    m, n = w.shape
    if mode == "wide":
        x = pad_zeros(x, (m - 1, n - 1))
    elif mode == "equal-width":
        if m % 2 == 0 or n % 2 == 0:
            raise ValueError(
                f"cross_correlate: equal-width needs a kernel of odd sizes, got {w.shape}"
            )
        x = pad_zeros(x, ((m - 1) // 2, (n - 1) // 2))
    elif mode != "narrow":
        raise ValueError(
            f"cross_correlate: mode must be 'narrow', 'wide' or 'equal-width', got {mode!r}"
        )
    M, N = x.shape
    if m > M or n > N:
        raise ValueError(f"cross_correlate: the kernel {w.shape} does not fit into x {x.shape}")
    y = np.zeros((M - m + 1, N - n + 1))
    for i in range(M - m + 1):
        for j in range(N - n + 1):
            for u in range(m):
                for v in range(n):
                    y[i, j] += w[u, v] * x[i + u, j + v]
    return y.astype(dtype)


def rot180(w):
    """Eq. conv-rot180: y_ij = w_{m−i+1, n−j+1}, a rotation by 180°.

    w (m, n) -> (m, n)

    ValueError for an array that has not two axes.

    >>> rot180([[1, 2, 3], [4, 5, 6]])
    array([[6., 5., 4.],
           [3., 2., 1.]])
    """
    dtype = checks.dtype_of(w)
    w = checks.array("rot180", "w", w, "m n")
    m, n = w.shape
    y = np.zeros((m, n))
    for i in range(m):
        for j in range(n):
            # m − i + 1 for indices from 1 is m − 1 − i for indices from 0
            y[i, j] = w[m - 1 - i, n - 1 - j]
    return y.astype(dtype)


def pad_zeros(x, padding):
    """Zeros on every side, the p of eq. conv-size: padding = (h, w), x (M, N) -> (M + 2h, N + 2w).

    ValueError for an array that has not two axes.

    >>> pad_zeros([[7]], (0, 1))
    array([[0., 7., 0.]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("pad_zeros", "x", x, "M N")
    above, left = checks.pair("pad_zeros", "padding", padding, 0)
    M, N = x.shape
    y = np.zeros((M + 2 * above, N + 2 * left))
    for i in range(M):
        for j in range(N):
            y[above + i, left + j] = x[i, j]
    return y.astype(dtype)


def insert_zeros(x, step):
    """The ↑ of eqs. conv-dx-stride and conv-dw-stride: step − 1 zeros between neighbours.

    x (M, N), step = (h, w) -> ((M − 1)h + 1, (N − 1)w + 1). A kernel is dilated by its dilation,
    an error term by the stride.

    ValueError for an array that has not two axes.

    >>> insert_zeros([[1, 2], [3, 4]], (1, 2))
    array([[1., 0., 2.],
           [3., 0., 4.]])
    """
    dtype = checks.dtype_of(x)
    x = _filled("insert_zeros", "x", x, "M N")
    down, across = checks.pair("insert_zeros", "step", step, 1)
    M, N = x.shape
    y = np.zeros(((M - 1) * down + 1, (N - 1) * across + 1))
    for i in range(M):
        for j in range(N):
            y[i * down, j * across] = x[i, j]
    return y.astype(dtype)


def append_zeros(x, count):
    """The append_r of eq. conv-dx-stride: zero rows at the bottom, zero columns at the right.

    x (M, N), count = (rows, columns) -> (M + rows, N + columns)

    ValueError for an array that has not two axes.

    >>> append_zeros([[1, 2]], (1, 0))
    array([[1., 2.],
           [0., 0.]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("append_zeros", "x", x, "M N")
    rows, columns = checks.pair("append_zeros", "count", count, 0)
    M, N = x.shape
    y = np.zeros((M + rows, N + columns))
    for i in range(M):
        for j in range(N):
            y[i, j] = x[i, j]
    return y.astype(dtype)


def crop(x, padding):
    """The crop of eq. conv-dx-stride: takes off what `pad_zeros` puts on.

    x (M, N), padding = (h, w) -> (M − 2h, N − 2w)

    ValueError for an array that has not two axes.

    >>> crop([[0, 7, 0]], (0, 1))
    array([[7.]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("crop", "x", x, "M N")
    above, left = checks.pair("crop", "padding", padding, 0)
    M, N = x.shape
    if 2 * above > M or 2 * left > N:
        raise ValueError(f"crop: padding {(above, left)} is more than x {x.shape} has")
    y = np.zeros((M - 2 * above, N - 2 * left))
    for i in range(M - 2 * above):
        for j in range(N - 2 * left):
            y[i, j] = x[above + i, left + j]
    return y.astype(dtype)


def _filled(function, name, value, axes):
    """An array with at least one value."""
    value = checks.array(function, name, value, axes)
    if value.size == 0:
        raise ValueError(f"{function}: {name} must not be empty, got shape {value.shape}")
    return value
