"""The kernels on a GPU, in CUDA C. Each can be compared with its namesake in `plain`."""

from minicnn.kernels.cuda import convolution, epilogue, products

__all__ = ["convolution", "epilogue", "products"]
