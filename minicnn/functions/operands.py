"""Arguments become tensors of one dtype, of shapes that fit."""

import math

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, broadcastable
from minicnn.device import is_array
from minicnn.dtypes import as_dtype, float32, is_floating, result_type
from minicnn.ops.arithmetic import Cast
from minicnn.tensor import Tensor, apply

NUMBERS = (bool, int, float, np.number, np.bool_)


def operand(name, value, dtype=None):
    """`value` (a tensor, array or number) as a tensor, in `dtype` where one is given."""
    if not isinstance(value, Tensor):
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, NUMBERS):
            value = Tensor(_number(name, value, dtype))
        elif is_array(value):
            as_dtype(value.dtype, name)  # refuses strings, objects, complex numbers
            value = Tensor(value if dtype is None else value.astype(dtype, copy=False))
        else:
            raise DtypeError(
                f"{name}: expected a tensor or a number, got {type(value).__name__}; "
                "minicnn.tensor(data) makes a tensor of lists"
            )
    if dtype is not None and value.dtype != dtype:
        value = apply(Cast(dtype), value)
    return value


def _number(name, value, dtype):
    """A Python number as a 0-d array; an integer wraps around in a small dtype, as in PyTorch."""
    if dtype is None:
        dtype = result_type(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ArgumentError(f"{name}: {value} does not fit into 64 bits")
    with np.errstate(all="ignore"):
        return np.array(value).astype(dtype)


def fitting_number(name, value, dtype):
    """A Python number as a 0-d array of `dtype`; refused where that dtype cannot hold it.

    Fractions are cut off, and an unsigned dtype takes negative integers modulo its size.
    """
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ArgumentError(f"{name}: {value} does not fit into 64 bits; write it as a float")
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            fits = not math.isfinite(value) or abs(value) <= float(np.finfo(dtype).max)
    elif dtype.kind == "b":
        fits = True
    else:
        limits = np.iinfo(dtype)
        wraps = dtype.kind == "u" and isinstance(value, int)
        fits = (-limits.max if wraps else limits.min) <= value <= limits.max
    if not fits:
        raise ArgumentError(f"{name}: {value} does not fit into {dtype}")
    return np.array(value if dtype.kind in "bf" else int(value)).astype(dtype)


def tensor_only(name, value):
    """Refuse anything that is not a tensor."""
    if not isinstance(value, Tensor):
        raise DtypeError(f"{name}: expected a tensor, got {type(value).__name__}")
    return value


def not_bool(name, *tensors):
    """Refuse truth values where only numbers make sense."""
    for t in tensors:
        if t.dtype == bool:
            raise DtypeError(
                f"{name}: not defined for bool tensors; use ~, &, |, ^ or convert with .long()"
            )


def pair(name, x, y):
    """`x` and `y` as tensors of one dtype, of shapes that broadcast."""
    if not (type(x) is Tensor and type(y) is Tensor and x.array.dtype == y.array.dtype):
        dtype = common_dtype(name, x, y)
        x, y = operand(name, x, dtype), operand(name, y, dtype)
    if x.shape != y.shape:
        broadcastable(name, x.shape, y.shape)
    return x, y


def common_dtype(name, *values):
    """The dtype that tensors, arrays and numbers are brought to together."""
    known = [v.array if isinstance(v, Tensor) else v for v in values]
    # A NumPy scalar counts as the Python number that it is.
    known = [v.item() if isinstance(v, np.generic) else v for v in known]
    known = [v for v in known if isinstance(v, (bool, int, float)) or is_array(v)]
    for v in known:
        if is_array(v):
            as_dtype(v.dtype, name)  # refuses strings, objects, complex numbers
    return result_type(*known)


def floating(name, x):
    """`x` as a floating-point tensor: integers become float32, as in PyTorch."""
    tensor_only(name, x)
    return x if is_floating(x.dtype) else operand(name, x, float32)
