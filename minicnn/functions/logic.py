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
    combine.__doc__ = f"""``{symbol}``: of bools the logical, of integers the bitwise operation.

    As ``torch.{name}``.

    Args:
        input, other: a tensor of bools or integers, and another or a number; the shapes broadcast.

    Raises:
        DtypeError: no tensor among them, or floating-point numbers.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.tensor([0b0110, 0b0101]) {symbol} 0b0011
    {Tensor(function(np.array([0b0110, 0b0101]), 0b0011))}
    """
    return combine


bitwise_and = _bitwise("bitwise_and", "&", np.bitwise_and)
bitwise_or = _bitwise("bitwise_or", "|", np.bitwise_or)
bitwise_xor = _bitwise("bitwise_xor", "^", np.bitwise_xor)


def bitwise_not(input):
    """``~``: of bools the opposite, of integers every bit turned round.

    As ``torch.bitwise_not``.

    Args:
        input: a tensor of bools or integers, of any shape.

    Raises:
        DtypeError: not a tensor, or one of floating-point numbers.

    >>> import minicnn as mc
    >>> ~mc.tensor([True, False])
    tensor([False,  True])
    """
    x = _integers("bitwise_not", tensor_only("bitwise_not", input))
    return Tensor(computed("bitwise_not", np.invert, x.array))


def _logical(name, function):
    def combine(input, other):
        x, y = pair(name, tensor_only(name, input), tensor_only(name, other))
        return Tensor(computed(name, function, x.array, y.array))

    combine.__name__ = combine.__qualname__ = name
    combine.__doc__ = f"""``{name}`` of two tensors, in which everything but 0 counts as true.

    As ``torch.{name}``.

    Args:
        input, other: tensors of any dtypes, whose shapes broadcast.

    Raises:
        DtypeError: not two tensors.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.{name}(mc.tensor([0, 0, 2, 3]), mc.tensor([0, 1, 0, 1]))
    {Tensor(function(np.array([0, 0, 2, 3]), np.array([0, 1, 0, 1])))}
    """
    return combine


logical_and = _logical("logical_and", np.logical_and)
logical_or = _logical("logical_or", np.logical_or)
logical_xor = _logical("logical_xor", np.logical_xor)


def logical_not(input):
    """True where x is 0.

    As ``torch.logical_not``.

    Args:
        input: a tensor x of any shape and dtype.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.logical_not(mc.tensor([0.0, 2.0]))
    tensor([ True, False])
    """
    x = tensor_only("logical_not", input)
    return Tensor(computed("logical_not", np.logical_not, x.array))
