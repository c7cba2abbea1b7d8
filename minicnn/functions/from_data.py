"""Numbers, nested lists and arrays become arrays of minicnn's dtypes."""

import numpy as np

from minicnn.checks import DtypeError, ShapeError
from minicnn.device import computed, is_array
from minicnn.dtypes import as_dtype, float32, float64, result_type
from minicnn.functions.operands import fitting_number
from minicnn.tensor import Tensor


def array_of(name, data, dtype):
    """`data` as an array of one of minicnn's dtypes, in memory of its own."""
    dtype = None if dtype is None else as_dtype(dtype, name)
    if isinstance(data, Tensor):
        data = data.array
    if is_array(data) and not isinstance(data, np.ndarray):
        known = _known_dtype(name, data)
        return computed(name, lambda a: a.astype(known if dtype is None else dtype, "C"), data)
    if isinstance(data, (np.ndarray, np.generic)):
        known = _known_dtype(name, data)
        with np.errstate(all="ignore"):
            return np.array(data, known if dtype is None else dtype, order="C")
    leaves = _leaves(name, data)
    if isinstance(data, (list, tuple)):
        data = _without_tensors(name, data) if any(issubclass(t, Tensor) for t in leaves) else data
    try:
        array = np.array(data)
    except ValueError:
        raise ShapeError(
            f"{name}: the nested lists are ragged: all lists of one depth must have one length"
        ) from None
    except OverflowError:
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"{name}: {_described(data)} cannot become a tensor: expected numbers (of 64 bits), "
            "lists of them, arrays or tensors"
        )
    if dtype is None:
        dtype = _inferred(array, leaves)
    elif array.size:
        # Numbers that the dtype cannot hold would turn into others unseen.
        for extreme in (array.min(), array.max()):
            fitting_number(name, extreme.item(), dtype)
    with np.errstate(all="ignore"):
        return array.astype(dtype, order="C", copy=False)


def _known_dtype(name, array):
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"{name}: an array of {array.dtype} is not a tensor of numbers")
    return as_dtype(array.dtype, name)


def _described(data):
    while isinstance(data, (list, tuple)) and len(data):
        data = next((d for d in data if not isinstance(d, (bool, int, float))), data[0])
    return f"{data!r} ({type(data).__name__})"


def _leaves(name, data):
    """What nested lists hold: a dictionary from the type to the dtypes that came with it."""
    found = {}
    if isinstance(data, (list, tuple)):
        for kind in set(map(type, data)):
            if issubclass(kind, (list, tuple)):
                for inner in data:
                    if isinstance(inner, (list, tuple)):
                        for t, dtypes in _leaves(name, inner).items():
                            found.setdefault(t, set()).update(dtypes)
            elif issubclass(kind, (np.generic, np.ndarray, Tensor)):
                found.setdefault(kind, set()).update(d.dtype for d in data if type(d) is kind)
            else:
                found.setdefault(kind, set())
    return found


def _inferred(array, leaves):
    """The dtype for numbers: Python's floats are float32, its integers int64."""
    brought = [dtype for dtypes in leaves.values() for dtype in dtypes]
    if not array.size:
        return float32
    default = float32 if array.dtype == float64 else array.dtype
    if not brought:
        return default
    python = [t for t in leaves if issubclass(t, (bool, int, float)) and not leaves[t]]
    examples = [np.empty(1, dtype) for dtype in brought]
    return result_type(*examples, *[np.empty(1, result_type(t())) for t in python])


def _without_tensors(name, data):
    """Nested lists with the tensors in them, of one element each, as numbers."""
    if isinstance(data, Tensor):
        if data.numel() != 1:
            raise ShapeError(
                f"{name}: only tensors of one element can stand in a list of numbers, got shape "
                f"{data.shape}; minicnn.stack joins tensors"
            )
        return data.item()
    return [_without_tensors(name, d) for d in data] if isinstance(data, (list, tuple)) else data
