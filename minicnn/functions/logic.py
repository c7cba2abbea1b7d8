"""The operators & | ^ ~, and logic on truth values: no gradient passes through them."""

import numpy as np

from minicnn.checks import DtypeError
from minicnn.device import computed
from minicnn.dtypes import is_floating
from minicnn.functions.operands import pair, tensor_only
from minicnn.tensor import Tensor


def _integers(name, x):
    if is_floating(x.dtype):
        raise DtypeError(f"{name}: expected bools or integers, got {x.dtype}")
    return x


def _bitwise(name, symbol, function):
    def combine(input, other):
        if not isinstance(input, Tensor) and not isinstance(other, Tensor):
            tensor_only(name, input)
        x, y = pair(name, input, other)
        return Tensor(computed(name, function, _integers(name, x).array, y.array))

    combine.__name__ = combine.__qualname__ = name
    combine.__doc__ = f"``{symbol}``: of bools the logical, of integers the bitwise operation."
    return combine


bitwise_and = _bitwise("bitwise_and", "&", np.bitwise_and)
bitwise_or = _bitwise("bitwise_or", "|", np.bitwise_or)
bitwise_xor = _bitwise("bitwise_xor", "^", np.bitwise_xor)


def bitwise_not(input):
    """``~``: of bools the opposite, of integers every bit turned round."""
    x = _integers("bitwise_not", tensor_only("bitwise_not", input))
    return Tensor(computed("bitwise_not", np.invert, x.array))


def _logical(name, function):
    def combine(input, other):
        x, y = pair(name, tensor_only(name, input), tensor_only(name, other))
        return Tensor(computed(name, function, x.array, y.array))

    combine.__name__ = combine.__qualname__ = name
    combine.__doc__ = f"``{name}`` of two tensors, in which everything but 0 counts as true."
    return combine


logical_and = _logical("logical_and", np.logical_and)
logical_or = _logical("logical_or", np.logical_or)
logical_xor = _logical("logical_xor", np.logical_xor)


def logical_not(input):
    """True where x is 0."""
    x = tensor_only("logical_not", input)
    return Tensor(computed("logical_not", np.logical_not, x.array))
