"""Exercise 1: cross-correlation of one image with one kernel. Hand-out: ex01_correlation.md.

Only NumPy may be imported.
"""

import numpy as np


def correlate(image, kernel):
    """Y = W ⊗ X (eq. 1.5): the kernel slides over the image, as it is, without padding.

    Args:
        image: X, a float64 array (M, N).
        kernel: W, (m, n) with m ≤ M and n ≤ N.

    Returns:
        Y, a float64 array (M − m + 1, N − n + 1).
    """
    # Two loops over the places (i, j) of the output; a product of two arrays and a sum in them.
    # >>> solution
    (height, width), (m, n) = image.shape, kernel.shape
    y = np.zeros((height - m + 1, width - n + 1))
    for i, j in np.ndindex(y.shape):
        y[i, j] = (kernel * image[i : i + m, j : j + n]).sum()
    return y
    # <<< solution


def products(image, kernel, i, j):
    """A trace of one output: the m·n products that y[i, j] is the sum of.

    Args:
        image, kernel: as in `correlate`.
        i, j: the row and the column of the output, counted from 0.

    Returns:
        A float64 array (m, n): at (u, v) what w[u, v] adds to y[i, j].
    """
    # >>> solution
    m, n = kernel.shape
    return kernel * image[i : i + m, j : j + n]
    # <<< solution
