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


def as_array(result):
    """`result` as an array: NumPy makes scalars of computed 0-d arrays, CuPy does not."""
    return np.asarray(result) if isinstance(result, (np.ndarray, np.generic)) else result


def on_host(array):
    """`array` in the host's memory: itself, or a copy of what is on a GPU.

    >>> on_host(np.ones(2)).tolist()
    [1.0, 1.0]
    """
    return array if isinstance(array, (np.ndarray, np.generic)) else array.get()


def is_writeable(array):
    """Whether the elements may be changed: not where one of them is shown in several places."""
    if isinstance(array, np.ndarray):
        return array.flags.writeable
    # CuPy knows no read-only memory; what `broadcast_to` stretched has strides of 0.
    axes = zip(array.strides, array.shape, strict=True)
    return not array.size or all(step or size < 2 for step, size in axes)


def largest(array, axes):
    """The maximum over `axes`, which stay with size 1; −∞ where they are empty.

    >>> largest(np.array([[1.0, 3.0]]), (1,))
    array([[3.]])
    """
    if array.size:
        return array.max(axis=axes, keepdims=True)
    gone = (axes,) if isinstance(axes, int) else axes
    gone = [axis % array.ndim for axis in gone]
    shape = [1 if axis in gone else size for axis, size in enumerate(array.shape)]
    return array_module(array).full(shape, -np.inf, array.dtype)
