"""How many multiplications an operation takes: those of weights with inputs.

Counted are convolutions, their transposes, linear layers and matrix products: each product of two
numbers is one multiplication (with its addition one multiply-accumulate), places in the padding
included. Not counted are biases, normalisations, activations, pooling and resampling, which
together are a few per cent at most.
"""

import math

from minicnn.ops.convolution import Conv2d, ConvTranspose2d
from minicnn.ops.linear import Dot, Linear, Matmul


def multiplications(operation, inputs, outputs):
    """The multiplications of an operation; `inputs` and `outputs` are lists of shapes.

    >>> multiplications(Linear(), [(1, 400), (120, 400), (120,)], [(1, 120)])
    48000
    """
    if isinstance(operation, Conv2d):
        # Every output is one kernel (C/groups, kh, kw) times what lies under it.
        return math.prod(outputs[0]) * math.prod(inputs[1][1:])
    if isinstance(operation, ConvTranspose2d):
        # Every input is multiplied with the kernels (F/groups, kh, kw) that it lays down.
        return math.prod(inputs[0]) * math.prod(inputs[1][1:])
    if isinstance(operation, (Linear, Matmul)):
        return math.prod(outputs[0]) * inputs[0][-1]
    if isinstance(operation, Dot):
        return inputs[0][0]
    return 0
