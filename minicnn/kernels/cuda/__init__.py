"""The kernels on a GPU, in CUDA C. Each can be compared with its namesake in `plain`."""

from minicnn.kernels.cuda import (
    activation,
    channels,
    convolution,
    epilogue,
    losses,
    maps,
    optimizers,
    places,
    pooling,
    products,
    random,
)

__all__ = [
    "activation",
    "channels",
    "convolution",
    "epilogue",
    "losses",
    "maps",
    "optimizers",
    "places",
    "pooling",
    "products",
    "random",
]
