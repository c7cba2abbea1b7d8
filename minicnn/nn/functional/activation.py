"""Activation functions, with the options of layers."""

from minicnn.functions.operands import tensor_only
from minicnn.ops.activation import ReLU
from minicnn.tensor import apply


def relu(input, inplace=False):
    """max(x, 0), element by element (equation ``relu``); the gradient at 0 is 0.

    >>> import minicnn as mc
    >>> mc.nn.functional.relu(mc.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    tensor_only("relu", input)
    return input._write("relu", ReLU()) if inplace else apply(ReLU(), input)
