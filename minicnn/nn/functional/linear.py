"""The fully connected layer."""

import numpy as np

from minicnn.checks import ShapeError
from minicnn.functions.operands import tensor_only
from minicnn.nn.functional.arguments import same_dtype
from minicnn.ops.linear import Linear
from minicnn.tensor import apply


def linear(input, weight, bias=None):
    """Z = X Wᵀ + b: each row of X is a sample (eq. 1.10).

    Args:
        input: X, (…, in), floating point.
        weight: W, (out, in).
        bias: b, (out), or None.

    Returns:
        (…, out).

    Raises:
        ShapeError: sizes that do not fit. DtypeError: dtypes that differ.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.linear(mc.ones(1, 3), mc.ones(2, 3), mc.tensor([0.0, 1.0]))
    tensor([[3., 4.]])
    """
    name = "linear"
    tensor_only(name, input), tensor_only(name, weight)
    same_dtype(name, input, weight=weight, bias=bias)
    if weight.ndim != 2:
        raise ShapeError(f"{name}: expected weight of shape (out, in), got {weight.shape}")
    if not input.ndim or input.shape[-1] != weight.shape[1]:
        hint = ""
        if input.ndim > 2 and int(np.prod(input.shape[1:])) == weight.shape[1]:
            hint = ". Did you forget to flatten? Try x.flatten(1)"
        raise ShapeError(
            f"{name}: input of shape {input.shape} must end in {weight.shape[1]} features, as "
            f"weight {weight.shape} (out, in) expects{hint}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"{name}: bias must have shape {weight.shape[:1]}, got {bias.shape}")
    return apply(Linear(), *((input, weight) if bias is None else (input, weight, bias)))
