"""Class numbers as vectors, and vectors of length 1."""

import numpy as np

from minicnn.arrays import array_module
from minicnn.checks import (
    ArgumentError,
    DtypeError,
    IndexRangeError,
    ShapeError,
    dimensions,
    integer,
)
from minicnn.device import computed, first_outside
from minicnn.dtypes import int64
from minicnn.functions.elementwise import clamp, div
from minicnn.functions.operands import tensor_only
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.options import number
from minicnn.ops.normalization import LpNorm
from minicnn.tensor import Tensor, apply


def one_hot(tensor, num_classes=-1):
    """1 at the place of each class, 0 elsewhere.

    As ``torch.nn.functional.one_hot``.

    Args:
        tensor: class numbers ≥ 0, any shape (…); int64.
        num_classes: K; −1 takes the greatest class number + 1.

    Returns:
        (…, K), int64.

    Raises:
        IndexRangeError: a class number outside 0 … K − 1. ShapeError: an empty tensor, from which
        K cannot be found. DtypeError: not int64.

    >>> import minicnn as mc
    >>> mc.nn.functional.one_hot(mc.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    name = "one_hot"
    if tensor_only(name, tensor).dtype != int64:
        raise DtypeError(
            f"{name}: expected class numbers as int64, got {tensor.dtype}; use .long()"
        )
    num_classes = integer(name, "num_classes", num_classes)
    labels = tensor.array
    if num_classes < -1 or (num_classes == 0 and labels.size):
        raise ArgumentError(f"{name}: num_classes must be positive, or −1, got {num_classes}")
    if not labels.size and num_classes <= 0:
        raise ShapeError(
            f"{name}: an empty tensor does not show how many classes there are; give num_classes"
        )
    classes = int(computed(name, np.max, labels)) + 1 if num_classes == -1 else num_classes
    if labels.size * classes >= 2**40:
        raise ArgumentError(f"{name}: {labels.size} × {classes} elements do not fit into memory")
    wrong = first_outside(labels, 0, classes)
    if wrong is not None:
        raise IndexRangeError(
            f"{name}: class {wrong} is out of bounds: with {classes} classes, "
            f"numbers run from 0 to {classes - 1}"
        )
    xp = array_module(labels)
    return Tensor(
        computed(name, lambda x: (x[..., None] == xp.arange(classes)).astype(int64), labels)
    )


def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """x / max(‖x‖_p, ε): vectors of length 1 along `dim` (equation ``lp-norm``).

    Args:
        input: any shape; floating point.
        p: the norm's exponent: (Σ |x|^p)^(1/p); ∞ for the greatest |x|.
        dim: the dimension (or dimensions) of a vector; None: all.
        eps: the least divisor, for vectors of length 0.
        out: not supported.

    Raises:
        IndexRangeError: no such dimension. ShapeError: the norm of nothing. DtypeError: integers.

    >>> import minicnn as mc
    >>> mc.nn.functional.normalize(mc.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    name = "normalize"
    tensor_only(name, input)
    same_dtype(name, input)
    if out is not None:
        raise ArgumentError(f"{name}: out is not supported; use the result")
    p, eps = number(name, "p", p), number(name, "eps", eps)
    # An empty tuple of dimensions means all of them, as None does.
    dims = dimensions(name, None if isinstance(dim, (tuple, list)) and not dim else dim, input.ndim)
    if p in (float("inf"), -float("inf")) and any(input.shape[d] == 0 for d in dims):
        raise ShapeError(f"{name}: vectors without elements, of shape {input.shape}, have no norm")
    return div(input, clamp(apply(LpNorm(p, dims), input), min=eps))
