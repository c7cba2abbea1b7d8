"""Exercise 6: ∂L/∂X of a convolution, in two ways. Hand-out: ex06_input_gradient.md.

Only NumPy may be imported.
"""

import numpy as np


def dx_by_scattering(delta, weight, size, stride, padding, dilation, groups):
    """∂L/∂X, from the side of δ: every δ goes to all x that it was computed from (eq. 1.8).

    Args:
        delta: ∂L/∂Z, a float64 array (N, F, OH, OW).
        weight: W, (F, C/groups, kh, kw).
        size: (H, W) of X.
        stride, padding, dilation: integers, for both directions.
        groups: as in exercise 3: output map p reads the input maps of its own part only.

    Returns:
        ∂L/∂X, a float64 array (N, C, H, W).
    """
    # z[n, p, i, j] was made with x[n, d, i·s + u·k − q, j·s + v·k − q], k the dilation, q the
    # padding. What falls on the padding is dropped.
    # >>> solution
    n, f, oh, ow = delta.shape
    _, depth, kh, kw = weight.shape
    height, width = size
    part = f // groups
    padded = np.zeros((n, depth * groups, height + 2 * padding, width + 2 * padding))
    for g in range(groups):
        d = delta[:, g * part : (g + 1) * part]
        w = weight[g * part : (g + 1) * part]
        for u, v in np.ndindex(kh, kw):
            top, left = u * dilation, v * dilation
            rows = slice(top, top + (oh - 1) * stride + 1, stride)
            columns = slice(left, left + (ow - 1) * stride + 1, stride)
            padded[:, g * depth : (g + 1) * depth, rows, columns] += np.einsum(
                "npij,pd->ndij", d, w[:, :, u, v]
            )
    return padded[:, :, padding : padding + height, padding : padding + width].copy()
    # <<< solution


def dx_by_rotating(delta, weight, size, stride, padding, correlate):
    """∂L/∂X, from the side of x: Σ_p rot180(W^(p,d)) ⊗~ δ^p (eq. 1.9), dilation 1, one group.

    Args:
        delta: ∂L/∂Z, a float64 array (N, F, OH, OW).
        weight: W, (F, C, kh, kw).
        size: (H, W) of X.
        stride, padding: integers, for both directions.
        correlate: a function: correlate(a, w) with a (N, A, h, w) and w (B, A, kh, kw) is a
            convolution layer with stride 1, no padding and no bias: (N, B, h', w').

    Returns:
        ∂L/∂X, a float64 array (N, C, H, W).
    """
    # In this order: stride − 1 zeros between the rows and columns of δ; r more rows and columns
    # at the bottom and right (eq. conv-r); zeros all around; turn W and exchange its first two
    # axes; correlate; cut the padding off.
    # >>> solution
    n, f, oh, ow = delta.shape
    _, _, kh, kw = weight.shape
    height, width = size
    spread = np.zeros((n, f, (oh - 1) * stride + 1, (ow - 1) * stride + 1))
    spread[:, :, ::stride, ::stride] = delta
    r = [(a + 2 * padding - k) % stride for a, k in ((height, kh), (width, kw))]
    around = [(0, 0), (0, 0), (kh - 1, kh - 1 + r[0]), (kw - 1, kw - 1 + r[1])]
    exchanged = weight[:, :, ::-1, ::-1].swapaxes(0, 1)  # (C, F, kh, kw)
    wide = correlate(np.pad(spread, around), np.ascontiguousarray(exchanged))
    return wide[:, :, padding : padding + height, padding : padding + width].copy()
    # <<< solution
