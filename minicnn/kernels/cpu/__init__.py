"""The kernels in Numba. Each stands alone and can be compared with its namesake in `plain`."""

from minicnn.kernels.cpu import im2col, pooling

__all__ = ["im2col", "pooling"]
