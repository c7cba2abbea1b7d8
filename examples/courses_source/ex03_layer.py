"""Exercise 3: a whole convolution layer. Hand-out: ex03_layer.md.

Only NumPy may be imported.
"""

import numpy as np


def output_size(size, kernel, stride, padding, dilation):
    """How many places a kernel has along one axis (eq. conv-size).

    Args:
        size, kernel: how long the axis of the input, and of the kernel, is.
        stride, padding, dilation: along this axis.

    Returns:
        An int.
    """
    # >>> solution
    reach = (kernel - 1) * dilation + 1
    return (size + 2 * padding - reach) // stride + 1
    # <<< solution


def conv_layer(maps, kernels, biases, groups, stride, padding, dilation):
    """Z^p = Σ_d W^(p,d) ⊗ X^d + b^p for every sample of a batch (eq. 1.11).

    Args:
        maps: X, a float64 array (N, C, H, W).
        kernels: W, (F, C/groups, kh, kw).
        biases: b, (F,).
        groups: an integer. The C input maps and the F output maps are cut into so many equal
            parts, in order; an output map reads the input maps of its own part only.
        stride, padding, dilation: (down, across), each two integers.

    Returns:
        Z, a float64 array (N, F, OH, OW).
    """
    # A loop over u and v is enough: which pixels does w[:, :, u, v] meet, in all windows at once?
    # >>> solution
    n, _, height, width = maps.shape
    f, depth, kh, kw = kernels.shape
    oh = output_size(height, kh, stride[0], padding[0], dilation[0])
    ow = output_size(width, kw, stride[1], padding[1], dilation[1])
    zeros = [(0, 0), (0, 0), (padding[0], padding[0]), (padding[1], padding[1])]
    padded = np.pad(maps, zeros)
    z = np.zeros((n, f, oh, ow)) + biases.reshape(1, f, 1, 1)
    part = f // groups
    for g in range(groups):
        read = padded[:, g * depth : (g + 1) * depth]
        own = kernels[g * part : (g + 1) * part]
        for u, v in np.ndindex(kh, kw):
            top, left = u * dilation[0], v * dilation[1]
            rows = slice(top, top + (oh - 1) * stride[0] + 1, stride[0])
            columns = slice(left, left + (ow - 1) * stride[1] + 1, stride[1])
            z[:, g * part : (g + 1) * part] += np.einsum(
                "ndij,pd->npij", read[:, :, rows, columns], own[:, :, u, v]
            )
    return z
    # <<< solution
