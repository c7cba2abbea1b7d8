"""The kernels in Numba. Each stands alone and can be compared with its namesake in `plain`."""

from minicnn.kernels.cpu import (
    activation,
    channels,
    convolution,
    im2col,
    optimizers,
    places,
    pooling,
)

__all__ = ["activation", "channels", "convolution", "im2col", "optimizers", "places", "pooling"]
