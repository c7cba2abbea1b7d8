"""Arguments become tensors of one dtype, of shapes that fit."""

import numpy as np

from minicnn.checks import DtypeError, broadcastable
from minicnn.dtypes import float32, is_floating, result_type
from minicnn.ops.arithmetic import Cast
from minicnn.tensor import Tensor, apply

NUMBERS = (bool, int, float, np.number, np.bool_)


def operand(name, value, dtype=None):
    """`value` (a tensor, array or number) as a tensor, in `dtype` where one is given."""
    if not isinstance(value, Tensor):
        if not isinstance(value, (*NUMBERS, np.ndarray)):
            raise DtypeError(
                f"{name}: expected a tensor or a number, got {type(value).__name__}; "
                "minicnn.tensor(data) makes a tensor of lists"
            )
        value = Tensor(np.asarray(value, dtype))
    if dtype is not None and value.dtype != dtype:
        value = apply(Cast(dtype), value)
    return value


def tensor_only(name, value):
    """Refuse anything that is not a tensor."""
    if not isinstance(value, Tensor):
        raise DtypeError(f"{name}: expected a tensor, got {type(value).__name__}")
    return value


def pair(name, x, y):
    """`x` and `y` as tensors of one dtype, of shapes that broadcast."""
    if not (type(x) is Tensor and type(y) is Tensor and x.array.dtype == y.array.dtype):
        known = [v.array if isinstance(v, Tensor) else v for v in (x, y)]
        dtype = result_type(*[v for v in known if isinstance(v, (np.ndarray, *NUMBERS))])
        x, y = operand(name, x, dtype), operand(name, y, dtype)
    if x.shape != y.shape:
        broadcastable(name, x.shape, y.shape)
    return x, y


def floating(name, x):
    """`x` as a floating-point tensor: integers become float32, as in PyTorch."""
    x = operand(name, x)
    return x if is_floating(x.dtype) else operand(name, x, float32)
