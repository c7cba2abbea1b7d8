"""Variance, standard deviation, and the logarithm of a sum of exponentials."""

from minicnn.checks import ArgumentError, DtypeError, dimensions, flag
from minicnn.dtypes import is_floating
from minicnn.functions.operands import floating, tensor_only
from minicnn.ops import statistics
from minicnn.tensor import apply

_NOT_GIVEN = object()


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=_NOT_GIVEN):
    """The variance over `dim` (an int, several, or all): Σ (x − μ)² / (n − correction).

    As ``torch.var``.

    Args:
        input: a floating-point tensor.
        dim: a dimension, several, or None: all.
        unbiased: PyTorch's older way to say it: True for a correction of 1, False for 0.
        keepdim: keep the dimensions, with size 1.
        correction: default 1, the unbiased estimate from a sample; 0 for the variance of just
            these numbers, as batch normalisation uses it.

    Raises:
        DtypeError: integers; or both `unbiased` and `correction`.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> x = mc.tensor([1.0, 2.0, 3.0, 4.0])
    >>> mc.var(x, correction=0)
    tensor(1.25)
    """
    return _spread("var", statistics.Var, input, dim, unbiased, keepdim, correction)


def std(input, dim=None, unbiased=None, keepdim=False, *, correction=_NOT_GIVEN):
    """The standard deviation, the root of `var`, which has the same arguments.

    As ``torch.std``.

    Args:
        input, dim, unbiased, keepdim, correction: as for `var`.

    Raises:
        DtypeError: integers; or both `unbiased` and `correction`.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.std(mc.tensor([1.0, 3.0]), unbiased=False)
    tensor(1.)
    """
    return _spread("std", statistics.Std, input, dim, unbiased, keepdim, correction)


def _spread(name, operation, input, dim, unbiased, keepdim, correction):
    x = tensor_only(name, input)
    if not is_floating(x.dtype):
        raise DtypeError(f"{name}: expected a floating-point tensor, got {x.dtype}; use .float()")
    if isinstance(dim, bool):  # var(x, False): `unbiased` may come second
        if unbiased is not None:
            raise DtypeError(f"{name}: dim must be an integer or several, got {dim}")
        dim, unbiased = None, dim
    if unbiased is not None and correction is not _NOT_GIVEN:
        raise DtypeError(f"{name}: give either unbiased or correction, not both")
    if correction is _NOT_GIVEN or correction is None:
        correction = 1 if unbiased is None or flag(name, "unbiased", unbiased) else 0
    elif isinstance(correction, bool) or not isinstance(correction, (int, float)):
        raise DtypeError(f"{name}: correction must be a number, got {correction!r}")
    elif isinstance(correction, int) and not -(2**63) <= correction < 2**63:
        raise ArgumentError(f"{name}: correction does not fit into 64 bits, got {correction}")
    whole = dim is None or not x.ndim
    empty = isinstance(dim, (tuple, list)) and not dim
    dims = dimensions(name, None if empty else dim, x.ndim)
    keepdim = flag(name, "keepdim", keepdim)
    if unbiased is not None:
        flag(name, "unbiased", unbiased)
    return apply(operation(dims, keepdim, correction, whole), x)


def logsumexp(input, dim, keepdim=False):
    """ln Σ eˣ over `dim` (an int or several), without overflow: a smooth maximum.

    Its gradient is the softmax of x (equation ``softmax``).

    As ``torch.logsumexp``.

    Args:
        input: a floating-point tensor of any shape.
        dim: an integer, or several.
        keepdim: keep the dimensions, with size 1.

    Raises:
        DtypeError: not a tensor.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.logsumexp(mc.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    x = floating("logsumexp", input)
    if dim is None:
        raise DtypeError("logsumexp: dim must be an integer or several, got None")
    # An empty tuple of dimensions means all of them, as in PyTorch.
    whole = isinstance(dim, (tuple, list)) and not dim
    dims = dimensions("logsumexp", None if whole else dim, x.ndim)
    flag("logsumexp", "keepdim", keepdim)
    return apply(statistics.LogSumExp(dims, keepdim), x)
