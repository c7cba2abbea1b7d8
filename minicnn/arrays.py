"""Small helpers on plain arrays, written once for NumPy and CuPy."""

import sys

import numpy as np


def array_module(array):
    """NumPy, or CuPy when `array` lives on a GPU: the ``xp`` of the operations."""
    if isinstance(array, (np.ndarray, np.generic)):
        return np
    cupy = sys.modules.get("cupy")
    if cupy is not None and isinstance(array, cupy.ndarray):
        return cupy
    return np


def unbroadcast(delta, shape):
    """Sum `delta` over the axes along which `shape` was broadcast (equation ``broadcast``).

    A value that was used in many places receives the sum of what the places send back.

    >>> unbroadcast(np.ones((4, 2, 3)), (2, 1)).tolist()
    [[12.0], [12.0]]
    """
    if delta.shape == shape:
        return delta
    added = delta.ndim - len(shape)
    stretched = tuple(
        added + axis
        for axis, size in enumerate(shape)
        if size == 1 and delta.shape[added + axis] != 1
    )
    delta = delta.sum(axis=tuple(range(added)) + stretched, keepdims=True)
    return delta.reshape(shape)
