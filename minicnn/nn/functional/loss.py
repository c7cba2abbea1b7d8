"""Losses of classification: a target that is a class, or probabilities of classes."""

from minicnn.checks import (
    ArgumentError,
    DtypeError,
    GraphError,
    IndexRangeError,
    ShapeError,
    integer,
    one_of,
)
from minicnn.device import first_outside, one_device
from minicnn.dtypes import int64, is_floating, uint8
from minicnn.functions.operands import pair, tensor_only
from minicnn.functions.shaping import squeeze, unsqueeze
from minicnn.gpu import capturing, copied
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.options import between_0_and_1, no_legacy
from minicnn.ops.loss import CrossEntropy, NegativeLogLikelihood, SoftCrossEntropy
from minicnn.tensor import apply

REDUCTIONS = ("none", "mean", "sum")


def nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """−(1/N) Σ_n w_t · input[n, t_n], t_n = target[n]: the negative log-likelihood (``nll``).

    Args:
        input: log-probabilities, (N, K), (N, K, d₁, …) or (K); floating point.
        target: class numbers 0 … K − 1, (N), (N, d₁, …) or (); int64 or uint8.
        weight: w, (K), of the input's dtype: how much each class counts; None: 1. The mean divides
            by the sum of the targets' weights.
        size_average, reduce: deprecated in PyTorch; only None.
        ignore_index: targets of this value take no part.
        reduction: ``"mean"``, ``"sum"``, or ``"none"`` for one loss a sample.

    Returns:
        (), or for ``"none"`` the shape of the target.

    Raises:
        IndexRangeError: a label outside 0 … K − 1. ShapeError: shapes that do not fit; the mean of
        an empty batch. DtypeError: targets that are no class numbers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.nll_loss(mc.tensor([[-1.0, -2.0]]), mc.tensor([1]))
    tensor(2.)
    """
    name = "nll_loss"
    no_legacy(name, size_average, reduce)
    one_of(name, "reduction", reduction, REDUCTIONS)
    weight = _check_scores(name, input, weight)
    labels = _check_classes(name, input, target, ignore_index, reduction)
    operation = NegativeLogLikelihood(labels, reduction, ignore_index, weight)
    return _as_batch(operation, input, labels)


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """−(1/N) Σ_n ln softmax(input_n)[target_n], with ∂L/∂z = (softmax(z) − onehot)/N.

    Equation ``softmax-ce``; for class probabilities as the target ``soft-ce``. Its expansion is
    ``nll_loss(log_softmax(z, 1))``.

    Args:
        input: scores (logits), (N, K), (N, K, d₁, …) or (K); floating point.
        target: class numbers as for `nll_loss`; or probabilities q of the classes, floating point,
            of the input's shape. The loss is then −(1/N) Σ_n Σ_k w_k q_nk ln softmax(input_n)_k,
            whose mean divides by the number of samples, whatever their weights.
        weight, size_average, ignore_index, reduce, reduction: as `nll_loss`; `ignore_index` has no
            meaning for probabilities.
        label_smoothing: ε, 0 … 1: (1 − ε) q_k + ε/K takes the place of q_k (``label-smoothing``).

    Returns:
        As `nll_loss`.

    Raises:
        ShapeError, IndexRangeError: as `nll_loss`.
        DtypeError: not tensors, or of other dtypes.
        ArgumentError: another reduction, or ε outside 0 … 1.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> z = mc.zeros(1, 4, requires_grad=True)
    >>> F.cross_entropy(z, mc.tensor([2])).backward()
    >>> z.grad
    tensor([[ 0.25,  0.25, -0.75,  0.25]])
    """
    name = "cross_entropy"
    no_legacy(name, size_average, reduce)
    one_of(name, "reduction", reduction, REDUCTIONS)
    smoothing = between_0_and_1(name, "label_smoothing", label_smoothing)
    weight = _check_scores(name, input, weight)
    if tensor_only(name, target).shape == input.shape:
        input, target = _check_probabilities(name, input, target, ignore_index, reduction)
        if weight is not None:
            weight = weight.reshape(-1, *[1] * (input.ndim - 2))  # along axis 1
        operation = SoftCrossEntropy(reduction, weight, smoothing)
        if input.ndim == 1:
            loss = apply(operation, unsqueeze(input, 0), unsqueeze(target, 0))
            return squeeze(loss, 0) if reduction == "none" else loss
        return apply(operation, input, target)
    labels = _check_classes(name, input, target, ignore_index, reduction)
    return _as_batch(
        CrossEntropy(labels, reduction, ignore_index, weight, smoothing), input, labels
    )


def _as_batch(operation, input, labels):
    if input.ndim > 1:
        return apply(operation, input)
    # Scores of one sample, (K): a batch of one, which the labels are already.
    loss = apply(operation, unsqueeze(input, 0))
    return squeeze(loss, 0) if loss.ndim else loss


def _check_scores(name, input, weight):
    """Refuse what are no scores; the weights of the classes as an array, or None."""
    tensor_only(name, input)
    same_dtype(name, input, weight=weight)
    if input.ndim < 1:
        raise ShapeError(f"{name}: expected scores of shape (N, K), got a 0-d tensor")
    if weight is None:
        return None
    classes = input.shape[min(1, input.ndim - 1)]
    if weight.shape != (classes,):
        raise ShapeError(
            f"{name}: weight must hold one number for each of the {classes} classes, shape "
            f"({classes},), got {weight.shape}"
        )
    constant(name, "weight", weight)
    # A copy: the caller may change the weights before backward needs them.
    return copied(weight.array)


def _check_classes(name, input, target, ignore_index, reduction):
    """The target as an int64 array that names a class for every sample of `input`."""
    tensor_only(name, target)
    ignore_index = integer(name, "ignore_index", ignore_index)
    classes = input.shape[min(1, input.ndim - 1)]
    expected = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    # As in PyTorch, the class of one sample may also come as a batch of one.
    if target.shape != expected and not (input.ndim == 1 and target.shape == (1,)):
        probabilities = (
            f", or, with probabilities of the classes, of shape {input.shape}"
            if name == "cross_entropy"
            else ""
        )
        raise ShapeError(
            f"{name}: input of shape {input.shape} needs a target of shape {expected} with one "
            f"class number for each sample{probabilities}; got shape {target.shape}"
        )
    if target.dtype not in (int64, uint8):
        raise DtypeError(
            f"{name}: target must hold class numbers as integers, got {target.dtype}; use .long()"
        )
    refuse_empty_mean(name, target, reduction)
    # A copy: the caller may change the target before backward needs it.
    one_device(f"{name}: input and target", (input.array, target.array))
    labels = copied(target.array, int64)
    in_a_graph = capturing() and target.is_cuda  # where nobody can be told: see the operation
    wrong = None if in_a_graph else first_outside(labels, 0, classes, ignore_index)
    if wrong is not None:
        raise IndexRangeError(
            f"{name}: target {wrong} is out of bounds: with {classes} classes, "
            f"labels run from 0 to {classes - 1}"
        )
    return labels.reshape(1) if input.ndim == 1 else labels


def _check_probabilities(name, input, target, ignore_index, reduction):
    """The input and the target, in one dtype."""
    if not is_floating(target.dtype):
        raise DtypeError(
            f"{name}: a target of the input's shape {input.shape} holds probabilities of the "
            f"classes and must be floating point, got {target.dtype}; class numbers have shape "
            f"{input.shape[:1] + input.shape[2:]}"
        )
    if integer(name, "ignore_index", ignore_index) >= 0:
        raise ArgumentError(
            f"{name}: ignore_index={ignore_index} has no meaning for a target of probabilities; "
            "leave it out"
        )
    if not input.shape[min(1, input.ndim - 1)]:
        raise ShapeError(f"{name}: input of shape {input.shape} has no classes")
    refuse_empty_mean(name, target, reduction)
    return pair(name, input, target)


def constant(name, argument, t):
    """Refuse an argument that wants a gradient where there is none, as PyTorch does."""
    if t is not None and t.requires_grad:
        raise GraphError(
            f"{name}: {argument} has no gradient and cannot require one; pass {argument}.detach()"
        )


def refuse_empty_mean(name, t, reduction):
    """minicnn's own rule: PyTorch gives NaN, which shows only later."""
    if reduction == "mean" and not t.numel():
        raise ShapeError(
            f"{name}: the batch is empty, and a mean over 0 samples does not exist; leave out "
            "batches without samples"
        )
