"""Exercise 5: ∂L/∂W and ∂L/∂b of a convolution. Hand-out: handouts/ex05_weight_gradient.md.

Only NumPy may be imported.
"""

import numpy as np


def conv_weight_gradient(delta, x, kernel_size, stride, padding):
    """∂L/∂W of z = W ⊗ x + b (eq. 1.12; with a stride and padding: conv-dw-stride).

    Args:
        delta: ∂L/∂z, a float64 array (N, F, OH, OW).
        x: the input, (N, C, H, W).
        kernel_size: (kh, kw).
        stride: an integer, for both directions.
        padding: rows and columns of zeros around x, an integer.

    Returns:
        ∂L/∂W, a float64 array (F, C, kh, kw), summed over the batch.
    """
    # Which x is w[p, d, u, v] multiplied with in z[n, p, i, j]? Sum δ · x over all n, i and j.
    # >>> solution
    _, maps, oh, ow = delta.shape
    kh, kw = kernel_size
    around = (padding, padding)
    padded = np.pad(x, ((0, 0), (0, 0), around, around))
    dw = np.zeros((maps, x.shape[1], kh, kw))
    for u in range(kh):
        for v in range(kw):
            rows, columns = slice(u, u + stride * oh, stride), slice(v, v + stride * ow, stride)
            read = padded[:, :, rows, columns][:, :, :oh, :ow]  # (N, C, OH, OW)
            dw[:, :, u, v] = np.einsum("npij,ndij->pd", delta, read)
    return dw
    # <<< solution


def conv_bias_gradient(delta):
    """∂L/∂b of z = W ⊗ x + b (eq. 1.14).

    Args:
        delta: ∂L/∂z, a float64 array (N, F, OH, OW).

    Returns:
        ∂L/∂b, a float64 array (F,).
    """
    # >>> solution
    return delta.sum(axis=(0, 2, 3))
    # <<< solution
