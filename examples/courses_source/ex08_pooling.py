"""Exercise 8: max pooling and mean pooling, backwards. Hand-out: ex08_pooling.md.

Only NumPy may be imported.
"""

import numpy as np


def max_pool_back(x, delta, kernel_size, stride, padding):
    """∂L/∂X of max pooling (eq. 1.17): every δ goes to the maximum of its window.

    Windows may overlap: what several of them send to one x adds up. Of several equal maxima in a
    window the first, row by row, gets everything.

    Args:
        x: what was pooled, a float64 array (N, C, H, W).
        delta: ∂L/∂Y, (N, C, OH, OW).
        kernel_size: (kh, kw).
        stride: an integer, for both directions.
        padding: rows and columns around x that hold −∞, an integer.

    Returns:
        ∂L/∂X, a float64 array (N, C, H, W).
    """
    # np.argmax of a window gives the first maximum; np.unravel_index its row and column.
    # >>> solution
    around = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), around, around), constant_values=-np.inf)
    dx = np.zeros(padded.shape)
    kh, kw = kernel_size
    for n, c, i, j in np.ndindex(delta.shape):
        top, left = i * stride, j * stride
        window = padded[n, c, top : top + kh, left : left + kw]
        u, v = np.unravel_index(window.argmax(), window.shape)
        dx[n, c, top + u, left + v] += delta[n, c, i, j]
    height, width = x.shape[2:]
    return dx[:, :, padding : padding + height, padding : padding + width].copy()
    # <<< solution


def mean_pool_back(size, delta, kernel_size, stride, padding):
    """∂L/∂X of mean pooling (eq. 1.17): every δ is spread evenly over its window.

    Zeros of the padding count as entries of the window: each entry gets 1/(kh·kw) of δ.

    Args:
        size: (H, W) of what was pooled.
        delta: ∂L/∂Y, a float64 array (N, C, OH, OW).
        kernel_size, stride: as in `max_pool_back`.
        padding: rows and columns of zeros around x, an integer.

    Returns:
        ∂L/∂X, a float64 array (N, C, H, W).
    """
    # >>> solution
    (height, width), (kh, kw) = size, kernel_size
    n, c, oh, ow = delta.shape
    dx = np.zeros((n, c, height + 2 * padding, width + 2 * padding))
    for i, j in np.ndindex(oh, ow):
        top, left = i * stride, j * stride
        share = delta[:, :, i, j] / (kh * kw)
        dx[:, :, top : top + kh, left : left + kw] += share[:, :, None, None]
    return dx[:, :, padding : padding + height, padding : padding + width].copy()
    # <<< solution
