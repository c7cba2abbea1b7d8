"""Equations 1.6 to 1.9: derivatives of a scalar f(Y), Y = W ⊗ X, for one map and one kernel."""

import numpy as np

from . import checks
from .signals import cross_correlate, rot180


def kernel_derivative(dy, x):
    """Eq. 1.6: ∂f/∂w_uv = Σ_{i=1..M−m+1} Σ_{j=1..N−n+1} (∂f/∂y_ij) · x_{u+i−1, v+j−1}.

    dy (M − m + 1, N − n + 1), x (M, N) -> ∂f/∂W (m, n)

    ValueError for arrays that have not two axes, and a dy larger than x.

    >>> kernel_derivative([[1, 0]], [[1, 2, 3], [4, 5, 6]])
    array([[1., 2.],
           [4., 5.]])
    """
    dtype = checks.dtype_of(dy)
    dy = checks.array("kernel_derivative", "dy", dy, "i j")
    x = checks.array("kernel_derivative", "x", x, "M N")
    rows, columns = dy.shape
    M, N = x.shape
    if rows > M or columns > N:
        raise ValueError(f"kernel_derivative: dy {dy.shape} must not be larger than x {x.shape}")
    m, n = M - rows + 1, N - columns + 1
    dw = np.zeros((m, n))
    for u in range(m):
        for v in range(n):
            for i in range(rows):
                for j in range(columns):
                    dw[u, v] += dy[i, j] * x[u + i, v + j]
    return dw.astype(dtype)


def kernel_derivative_correlated(dy, x):
    """Eq. 1.7: ∂f/∂W = (∂f/∂Y) ⊗ X.

    dy (M − m + 1, N − n + 1), x (M, N) -> ∂f/∂W (m, n). ValueError as in `kernel_derivative`.

    >>> kernel_derivative_correlated([[1, 0]], [[1, 2, 3], [4, 5, 6]])
    array([[1., 2.],
           [4., 5.]])
    """
    return cross_correlate(dy, x, "narrow").astype(checks.dtype_of(dy))


def input_derivative(dy, w):
    """Eq. 1.8: ∂f/∂x_st = Σ_{i=1..M−m+1} Σ_{j=1..N−n+1} (∂f/∂y_ij) · w_{s−i+1, t−j+1}.

    dy (M − m + 1, N − n + 1), w (m, n) -> ∂f/∂X (M, N); w is 0 outside 1..m, 1..n.

    ValueError for arrays that have not two axes.

    >>> input_derivative([[1, 10]], [[1, 2], [3, 4]])
    array([[ 1., 12., 20.],
           [ 3., 34., 40.]])
    """
    dtype = checks.dtype_of(dy)
    dy = checks.array("input_derivative", "dy", dy, "i j")
    w = checks.array("input_derivative", "w", w, "m n")
    rows, columns = dy.shape
    m, n = w.shape
    M, N = rows + m - 1, columns + n - 1
    dx = np.zeros((M, N))
    for s in range(M):
        for t in range(N):
            for i in range(rows):
                for j in range(columns):
                    if 0 <= s - i < m and 0 <= t - j < n:
                        dx[s, t] += dy[i, j] * w[s - i, t - j]
    return dx.astype(dtype)


def input_derivative_rotated_kernel(dy, w):
    """Eq. 1.9 (right): ∂f/∂X = rot180(W) ⊗~ (∂f/∂Y).

    dy (M − m + 1, N − n + 1), w (m, n) -> ∂f/∂X (M, N). ValueError for arrays that have not two
    axes.

    >>> input_derivative_rotated_kernel([[1, 10]], [[1, 2], [3, 4]])
    array([[ 1., 12., 20.],
           [ 3., 34., 40.]])
    """
    return cross_correlate(rot180(w), dy, "wide")


def input_derivative_rotated_error(dy, w):
    """Eq. 1.9 (middle): ∂f/∂X = rot180(∂f/∂Y) ⊗~ W.

    dy (M − m + 1, N − n + 1), w (m, n) -> ∂f/∂X (M, N). ValueError for arrays that have not two
    axes.

    >>> input_derivative_rotated_error([[1, 10]], [[1, 2], [3, 4]])
    array([[ 1., 12., 20.],
           [ 3., 34., 40.]])
    """
    return cross_correlate(rot180(dy), w, "wide").astype(checks.dtype_of(dy))
