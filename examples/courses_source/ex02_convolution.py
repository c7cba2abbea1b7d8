"""Exercise 2: true convolution, and what it has to do with cross-correlation.

Hand-out: ex02_convolution.md. Only NumPy may be imported.
"""

import numpy as np


def turned(kernel):
    """rot180(W): the kernel turned by 180°.

    Args:
        kernel: W, a float64 array (m, n).

    Returns:
        A float64 array (m, n) with w[m − 1 − u, n − 1 − v] at (u, v).
    """
    # >>> solution
    return kernel[::-1, ::-1].copy()
    # <<< solution


def convolve(image, kernel):
    """Y = W ∗ X (eq. 1.4): y_ij = Σ_u Σ_v w_uv · x_{i−u+1, j−v+1}, x being 0 outside its bounds.

    Args:
        image: X, a float64 array (M, N).
        kernel: W, (m, n), of any size: it may be larger than the image.

    Returns:
        Y, a float64 array (M + m − 1, N + n − 1): every place where the two overlap.
    """
    # Counted from 0, y[i, j] is the sum of w[u, v] · x[i − u, j − v]. Or the other way round: to
    # which y does x[s, t] · w[u, v] belong?
    # >>> solution
    (height, width), (m, n) = image.shape, kernel.shape
    y = np.zeros((height + m - 1, width + n - 1))
    for s, t in np.ndindex(image.shape):
        y[s : s + m, t : t + n] += image[s, t] * kernel
    return y
    # <<< solution


def convolve_by_correlation(image, kernel, correlate):
    """The same Y = W ∗ X, with nothing but zeros, a turned kernel and a cross-correlation.

    Args:
        image: X, a float64 array (M, N).
        kernel: W, (m, n).
        correlate: a function: correlate(a, w) is w ⊗ a without padding, as in exercise 1.

    Returns:
        Y, a float64 array (M + m − 1, N + n − 1).
    """
    # >>> solution
    m, n = kernel.shape
    wide = np.pad(image, ((m - 1, m - 1), (n - 1, n - 1)))
    return correlate(wide, kernel[::-1, ::-1].copy())
    # <<< solution
