"""Exercise 4: windows as columns, and back. Hand-out: ex04_im2col.md.

Only NumPy may be imported.
"""

import numpy as np


def to_columns(x, kernel_size, stride, padding, dilation):
    """im2col: every window of x as a column (eq. im2col).

    Args:
        x: a float64 array (N, C, H, W).
        kernel_size: (kh, kw).
        stride, padding, dilation: integers, for both directions.

    Returns:
        A float64 array (N, C·kh·kw, OH·OW). The rows count the maps, within a map the rows of the
        kernel, within these its columns; the columns count the windows row by row.
    """
    # >>> solution
    n, c, height, width = x.shape
    kh, kw = kernel_size
    oh = (height + 2 * padding - (kh - 1) * dilation - 1) // stride + 1
    ow = (width + 2 * padding - (kw - 1) * dilation - 1) // stride + 1
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    columns = np.zeros((n, c, kh, kw, oh, ow))
    for u, v in np.ndindex(kh, kw):
        top, left = u * dilation, v * dilation
        rows = slice(top, top + (oh - 1) * stride + 1, stride)
        across = slice(left, left + (ow - 1) * stride + 1, stride)
        columns[:, :, u, v] = padded[:, :, rows, across]
    return columns.reshape(n, c * kh * kw, oh * ow)
    # <<< solution


def from_columns(columns, size, kernel_size, stride, padding, dilation):
    """col2im: every entry of the columns is added where `to_columns` read it (eq. im2col).

    Args:
        columns: a float64 array (N, C·kh·kw, OH·OW), in the order of `to_columns`.
        size: (H, W).
        kernel_size, stride, padding, dilation: as in `to_columns`.

    Returns:
        A float64 array (N, C, H, W).
    """
    # Make room for the padding, too; add up; cut the padding off at the end.
    # >>> solution
    n = len(columns)
    (height, width), (kh, kw) = size, kernel_size
    oh = (height + 2 * padding - (kh - 1) * dilation - 1) // stride + 1
    ow = (width + 2 * padding - (kw - 1) * dilation - 1) // stride + 1
    entries = columns.reshape(n, -1, kh, kw, oh, ow)
    padded = np.zeros((n, entries.shape[1], height + 2 * padding, width + 2 * padding))
    for u, v in np.ndindex(kh, kw):
        top, left = u * dilation, v * dilation
        rows = slice(top, top + (oh - 1) * stride + 1, stride)
        across = slice(left, left + (ow - 1) * stride + 1, stride)
        padded[:, :, rows, across] += entries[:, :, u, v]
    return padded[:, :, padding : padding + height, padding : padding + width].copy()
    # <<< solution


def are_adjoint(forward, backward, x, y):
    """The adjoint test: is ⟨forward(x), y⟩ = ⟨x, backward(y)⟩, up to rounding?

    Args:
        forward, backward: functions of one array. Two linear maps, A and perhaps Aᵀ.
        x: a float64 array that forward takes, of any size of numbers.
        y: one of the shape of forward(x).

    Returns:
        True or False. False, too, if backward(y) has another shape than x.
    """
    # Rounding grows with the numbers: compare with the size of the two sums, not with 1.
    # >>> solution
    ax, aty = forward(x), backward(y)
    if aty.shape != x.shape:
        return False
    left, right = (ax * y).sum(), (x * aty).sum()
    size = np.abs(ax * y).sum() + np.abs(x * aty).sum()
    return bool(abs(left - right) <= 1e-9 * size)
    # <<< solution
