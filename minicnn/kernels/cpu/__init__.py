"""The kernels in Numba. Each can be compared with its namesake in `plain`."""

from minicnn.kernels.cpu import (
    activation,
    channels,
    convolution,
    counting,
    im2col,
    joining,
    linear,
    norm_act,
    optimizers,
    pixels,
    places,
    pooling,
    resampling,
)

__all__ = [
    "activation",
    "channels",
    "convolution",
    "counting",
    "im2col",
    "joining",
    "linear",
    "norm_act",
    "optimizers",
    "pixels",
    "places",
    "pooling",
    "resampling",
]
