"""Losses that compare two tensors element by element."""

import warnings

from minicnn.checks import (
    ArgumentError,
    DtypeError,
    ShapeError,
    broadcastable,
    flag,
    one_of,
)
from minicnn.dtypes import is_floating
from minicnn.functions.elementwise import abs, div, mul, square, sub
from minicnn.functions.operands import not_bool, pair, tensor_only
from minicnn.functions.reductions import mean, sum
from minicnn.gpu import copied
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.loss import REDUCTIONS, constant, refuse_empty_mean
from minicnn.nn.functional.options import no_legacy, number
from minicnn.ops.loss import BCEWithLogits, KLDivergence, SmoothL1
from minicnn.tensor import Tensor, apply


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(1/n) Σ (input − target)²: the mean squared error (equation ``mse``).

    Args:
        input, target: of one shape (others broadcast, with a warning: it is rarely what was meant).
        size_average, reduce: deprecated in PyTorch; only None.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"`` for each element's loss.
        weight: of the input's shape: how much each element counts. The mean divides by its sum.

    Returns:
        (), or for ``"none"`` the shape of the input.

    Raises:
        ShapeError: shapes that do not fit; the mean of nothing. DtypeError: integers.

    >>> import minicnn as mc
    >>> mc.nn.functional.mse_loss(mc.tensor([1.0, 5.0]), mc.tensor([1.0, 2.0]))
    tensor(4.5)
    """
    name = "mse_loss"
    difference = _difference(name, input, target, size_average, reduce, reduction)
    return _weighted(name, square(difference), input, weight, reduction)


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(1/n) Σ |input − target|: the mean absolute error (equation ``l1``); arguments as `mse_loss`.

    Args:
        input, target: floating-point tensors whose shapes broadcast.
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: factors of the differences' shape; None: 1.

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: not floating-point tensors.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.nn.functional.l1_loss(mc.tensor([1.0, 5.0]), mc.tensor([1.0, 2.0]))
    tensor(1.5)
    """
    name = "l1_loss"
    difference = _difference(name, input, target, size_average, reduce, reduction)
    return _weighted(name, abs(difference), input, weight, reduction)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """(1/n) Σ f(input − target), a square for small and |d| for large differences (``smooth-l1``).

    Args:
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.
        beta: β ≥ 0, where the square ends; 0 is `l1_loss`. The others as `mse_loss`.

    Raises:
        ArgumentError: β < 0. Others as `mse_loss`.
        DtypeError: not floating-point tensors.

    >>> import minicnn as mc
    >>> input, target = mc.tensor([0.5, 5.0]), mc.tensor([0.0, 2.0])
    >>> mc.nn.functional.smooth_l1_loss(input, target, reduction="sum")
    tensor(2.625)
    """
    name = "smooth_l1_loss"
    beta = number(name, "beta", beta)
    if not beta >= 0:
        raise ArgumentError(f"{name}: beta must be at least 0, got {beta}")
    difference = _difference(name, input, target, size_average, reduce, reduction)
    losses = apply(SmoothL1(beta), difference) if beta else abs(difference)
    return _reduced(losses, reduction)


def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """−t ln σ(z) − (1 − t) ln(1 − σ(z)) of logits z and targets t (equation ``bce-logits``).

    Args:
        input: z, any shape; floating point.
        target: t, 0 … 1, of the same shape; floating point.
        weight: factor of each element's loss; broadcasts to the input.
        size_average, reduce: deprecated in PyTorch; only None.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: factor of the first summand, that of positive examples; broadcasts to the input.

    Returns:
        (), or for ``"none"`` the shape of the input.

    Raises:
        ShapeError: shapes that do not fit; the mean of nothing. DtypeError: integers.

    >>> import minicnn as mc
    >>> z, t = mc.tensor([1e4, -1e4]), mc.tensor([0.0, 0.0])
    >>> mc.nn.functional.binary_cross_entropy_with_logits(z, t, reduction="none")
    tensor([10000.,     0.])
    """
    name = "binary_cross_entropy_with_logits"
    _check(name, input, target, size_average, reduce, reduction, REDUCTIONS)
    same_dtype(name, input), same_dtype(name, target)
    if target.shape != input.shape:
        raise ShapeError(
            f"{name}: target must have the shape of the input {input.shape}, got {target.shape}"
        )
    refuse_empty_mean(name, input, reduction)
    input, target = pair(name, input, target)
    factors = {"weight": weight, "pos_weight": pos_weight}
    for argument, factor in factors.items():
        if factor is None:
            continue
        same_dtype(name, tensor_only(name, factor))
        if broadcastable(name, factor.shape, input.shape) != input.shape:
            raise ShapeError(
                f"{name}: {argument} of shape {factor.shape} must broadcast to the input's "
                f"{input.shape}"
            )
        constant(name, argument, factor)
        # A copy: the caller may change it before backward needs it.
        factors[argument] = copied(factor.array, input.dtype)
    positive = factors["pos_weight"]
    losses = apply(BCEWithLogits(1 if positive is None else positive), input, target)
    if weight is not None:
        losses = mul(losses, Tensor(factors["weight"]))
    return _reduced(losses, reduction)


def kl_div(
    input,
    target,
    size_average=None,
    reduce=None,
    reduction="mean",
    log_target=False,
):
    """t (ln t − y), the Kullback-Leibler divergence of y = `input` from t (equation ``kl-div``).

    Args:
        input: y, log-probabilities, any shape; floating point.
        target: t, probabilities; of the same shape, or one that broadcasts.
        size_average, reduce: deprecated in PyTorch; only None.
        reduction: ``"batchmean"`` divides the sum by the batch's size, which is the divergence;
            ``"mean"`` divides by the number of elements, which is not, and warns; ``"sum"``;
            ``"none"``.
        log_target: t is given as its logarithm.

    Raises:
        ShapeError: shapes that do not fit; the mean of nothing. DtypeError: integers.

    >>> import minicnn as mc
    >>> y, t = mc.tensor([[0.5, 0.5]]).log(), mc.tensor([[1.0, 0.0]])
    >>> mc.nn.functional.kl_div(y, t, reduction="batchmean")  # ln 2
    tensor(0.6931)
    """
    name = "kl_div"
    _check(name, input, target, size_average, reduce, reduction, (*REDUCTIONS, "batchmean"))
    same_dtype(name, input), same_dtype(name, target)
    flag(name, "log_target", log_target)
    broadcastable(name, input.shape, target.shape)
    if reduction == "mean":
        warnings.warn(
            "kl_div: reduction='mean' divides by the number of elements, not by that of samples, "
            "which is not the divergence; use 'batchmean'",
            UserWarning,
            stacklevel=2,
        )
    averaged = reduction if reduction != "batchmean" else "mean"
    refuse_empty_mean(name, input, averaged), refuse_empty_mean(name, target, averaged)
    losses = apply(KLDivergence(log_target), *pair(name, input, target))
    if reduction == "batchmean":
        return div(sum(losses), input.shape[0] if input.ndim else 1)
    return _reduced(losses, reduction)


# ------------------------------------------------------------------------------- checks


def _check(name, input, target, size_average, reduce, reduction, reductions):
    tensor_only(name, input), tensor_only(name, target)
    no_legacy(name, size_average, reduce)
    one_of(name, "reduction", reduction, reductions)


def _difference(name, input, target, size_average, reduce, reduction):
    """input − target, of arguments that were checked."""
    _check(name, input, target, size_average, reduce, reduction, REDUCTIONS)
    if not (is_floating(input.dtype) or is_floating(target.dtype)):
        raise DtypeError(
            f"{name}: expected floating-point tensors, got {input.dtype} and {target.dtype}; use "
            ".float()"
        )
    not_bool(name, input, target)
    shape = broadcastable(name, input.shape, target.shape)
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: target has shape {target.shape}, input {input.shape}: both are stretched to "
            f"{tuple(shape)}, which compares elements that may have nothing to do with each other. "
            "Give them one shape",
            UserWarning,
            stacklevel=3,
        )
    for t in (input, target):
        refuse_empty_mean(name, t, reduction)
    return sub(input, target)


def _weighted(name, losses, input, weight, reduction):
    if weight is None:
        return _reduced(losses, reduction)
    if tensor_only(name, weight).shape != input.shape:
        raise ShapeError(
            f"{name}: weight must have the input's shape {input.shape}, got {weight.shape}"
        )
    losses = mul(losses, weight)
    if reduction == "mean":
        return div(sum(losses), sum(weight))
    return _reduced(losses, reduction)


def _reduced(losses, reduction):
    if reduction == "none":
        return losses
    return mean(losses) if reduction == "mean" else sum(losses)
