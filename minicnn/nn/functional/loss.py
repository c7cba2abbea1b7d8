"""Losses."""

import numpy as np

from minicnn.checks import DtypeError, IndexRangeError, ShapeError, one_of
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import squeeze, unsqueeze
from minicnn.nn.functional.arguments import same_dtype
from minicnn.ops.loss import CrossEntropy, NegativeLogLikelihood
from minicnn.tensor import apply


def _check_classes(name, input, target, ignore_index):
    """The target as an int64 array that names a class for every sample of `input`."""
    tensor_only(name, input), tensor_only(name, target)
    same_dtype(name, input)
    if input.ndim < 1:
        raise ShapeError(f"{name}: expected scores of shape (N, K), got a 0-d tensor")
    classes = input.shape[1 if input.ndim > 1 else 0]
    expected = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    if target.shape != expected:
        raise ShapeError(
            f"{name}: input of shape {input.shape} needs a target of shape {expected} with one "
            f"class number for each sample; got shape {target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise DtypeError(
            f"{name}: target must hold class numbers as integers, got {target.dtype}; use .long()"
        )
    if not target.numel():
        raise ShapeError(
            f"{name}: the batch is empty, and a mean over 0 samples does not exist; leave out "
            "batches without samples"
        )
    # A copy: the caller may change the target before backward needs it.
    labels = target.array.astype(np.int64)
    wrong = ((labels < 0) | (labels >= classes)) & (labels != ignore_index)
    if wrong.any():
        raise IndexRangeError(
            f"{name}: target {labels[wrong].flat[0]} is out of bounds: with {classes} classes, "
            f"labels run from 0 to {classes - 1}"
        )
    return labels


def _class_loss(name, operation, input, target, ignore_index, reduction):
    one_of(name, "reduction", reduction, ("none", "mean", "sum"))
    labels = _check_classes(name, input, target, ignore_index)
    if input.ndim == 1:  # scores of one sample, (K): a batch of one
        loss = apply(operation(labels.reshape(1), reduction, ignore_index), unsqueeze(input, 0))
        return squeeze(loss, 0) if reduction == "none" else loss
    return apply(operation(labels, reduction, ignore_index), input)


def nll_loss(input, target, ignore_index=-100, reduction="mean"):
    """−(1/N) Σ_n input[n, target_n]: the negative log-likelihood of log-probabilities.

    Args:
        input: log-probabilities, (N, K), (N, K, d₁, …) or (K); floating point.
        target: class numbers 0 … K − 1, (N), (N, d₁, …) or (); integers.
        ignore_index: targets of this value take no part.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss a sample.

    Raises:
        IndexRangeError: a label outside 0 … K − 1. ShapeError: shapes that do not fit, an empty
        batch. DtypeError: a target of fractions.
    """
    return _class_loss("nll_loss", NegativeLogLikelihood, input, target, ignore_index, reduction)


def cross_entropy(input, target, ignore_index=-100, reduction="mean"):
    """−(1/N) Σ_n ln softmax(input_n)[target_n], with ∂L/∂z = (softmax(z) − onehot)/N.

    Arguments, result and errors as `nll_loss`, but `input` holds scores (logits) instead of
    log-probabilities. Equation ``softmax-ce``. Its expansion is ``nll_loss(log_softmax(z, 1))``.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> z = mc.zeros(1, 4, requires_grad=True)
    >>> F.cross_entropy(z, mc.tensor([2])).backward()
    >>> z.grad
    tensor([[ 0.25,  0.25, -0.75,  0.25]])
    """
    return _class_loss("cross_entropy", CrossEntropy, input, target, ignore_index, reduction)
