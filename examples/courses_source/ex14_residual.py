"""Exercise 14: a residual block with a projection. Hand-out: ex14_residual.md.

Only NumPy may be imported.

The block has a branch (convolutions, say) and a shortcut, and adds them before the last ReLU:

    y = ReLU(branch(x) + W_s x)        (eq. residual)

W_s is a 1×1 convolution with the block's stride: a matrix (F, C) at every stride-th pixel.
"""

import numpy as np


def shortcut(x, projection, stride):
    """W_s x: the projected input, at the pixels (0, 0), (0, stride), …

    Args:
        x: a float64 array (N, C, H, W).
        projection: W_s, (F, C).
        stride: an integer, for both directions.

    Returns:
        A float64 array (N, F, OH, OW) with OH = ⌊(H − 1)/stride⌋ + 1, OW likewise.
    """
    # >>> solution
    return np.einsum("pd,ndij->npij", projection, x[:, :, ::stride, ::stride])
    # <<< solution


def block_dx(x, total, delta, projection, stride, branch_back):
    """∂L/∂x of the whole block (eqs. residual, chain-rule): both ways back to x.

    Args:
        x: a float64 array (N, C, H, W).
        total: branch(x) + W_s x, what the last ReLU was applied to, (N, F, OH, OW).
        delta: ∂L/∂y, (N, F, OH, OW).
        projection: W_s, (F, C).
        stride: an integer.
        branch_back: a function: for ∂L/∂branch(x), (N, F, OH, OW), the branch's own ∂L/∂x,
            (N, C, H, W).

    Returns:
        ∂L/∂x, a float64 array (N, C, H, W).
    """
    # >>> solution
    before = np.where(total > 0, delta, 0.0)
    dx = np.zeros(x.shape)
    dx[:, :, ::stride, ::stride] = np.einsum("pd,npij->ndij", projection, before)
    return dx + branch_back(before)
    # <<< solution


def projection_gradient(x, total, delta, stride):
    """∂L/∂W_s.

    Args:
        x, total, delta, stride: as in `block_dx`.

    Returns:
        ∂L/∂W_s, a float64 array (F, C).
    """
    # >>> solution
    before = np.where(total > 0, delta, 0.0)
    return np.einsum("npij,ndij->pd", before, x[:, :, ::stride, ::stride])
    # <<< solution
