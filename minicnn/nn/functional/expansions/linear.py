"""The fully connected layer, written with a matrix product and a sum."""

from minicnn.functions.products import matmul
from minicnn.functions.shaping import transpose


def linear(input, weight, bias=None):
    """X Wᵀ + b (eq. 1.10)."""
    output = matmul(input, transpose(weight, 0, 1))
    return output if bias is None else output + bias


EXPANSIONS = {"linear": linear}
