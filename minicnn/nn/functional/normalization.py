"""Normalisation: values with mean 0 and variance 1, over whatever shares a mean."""

import math

from minicnn.checks import ArgumentError, DtypeError, GraphError, ShapeError, flag, integer
from minicnn.device import made, one_device
from minicnn.dtypes import float16, float32
from minicnn.functions.operands import tensor_only
from minicnn.gpu import beside, copied
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.options import epsilon, number
from minicnn.nn.functional.watched import runs_fused
from minicnn.ops import normalization as ops
from minicnn.ops.norm_act import BatchNormAct
from minicnn.shapes import as_number
from minicnn.tensor import Tensor, apply


def batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-05,
):
    """(x − μ)/√(σ² + ε) · γ + β for each channel, over all samples and places (``bn``).

    While training, μ and the biased variance σ² are those of the batch, and the running ones, where
    given, move towards them in place: r ← (1 − m) r + m s, with the *unbiased* variance
    (``bn-running``). Otherwise the running ones take their place.

    Args:
        input: (N, C) or (N, C, …); floating point.
        running_mean, running_var: (C), both or neither; needed unless `training`.
        weight, bias: γ and β, (C), of the input's dtype; None: 1 and 0.
        training: normalise by the batch's statistics.
        momentum: m, the share of the newest batch.
        eps: ε ≥ 0; while training > 0.

    Returns:
        Like `input`.

    Raises:
        ShapeError: one value per channel, which has no variance, while training; sizes that differ
        from C. ArgumentError: statistics that are missing. DtypeError: integers, mixed dtypes.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.batch_norm(mc.tensor([[1.0], [3.0]]), None, None, training=True, eps=1e-9)
    tensor([[-1.],
            [ 1.]])
    """
    name = "batch_norm"
    eps, momentum, running, gamma, beta, training = check_batch_norm(
        name, input, running_mean, running_var, weight, bias, training, momentum, eps
    )
    shape = input.shape
    # (N, C, …) → (N, C, places)
    view, parameters = (*shape[:2], math.prod(shape[2:])), (1, shape[1], 1)
    if runs_fused(input):
        statistics = None if training else tuple(copied(t.array) for t in running)
        operation = BatchNormAct(eps, None, statistics)
    else:
        statistics = None if training else _as_statistics(running, parameters)
        operation = ops.BatchNorm(view, (0, 2), parameters, eps, statistics)
    output = apply(operation, input, gamma, beta)
    if training and running is not None and input.numel():
        update_running(running, operation.mean, operation.var, operation.count, momentum)
    return output


def check_batch_norm(
    name, input, running_mean, running_var, weight, bias, training, momentum, eps, whole=True
):
    """(ε, m, running statistics or None, γ, β, training), or the error that `batch_norm` names.

    Unless `whole`, the input is a part of a batch, which may have one value per channel.
    """
    _check_input(name, input, 2, "(N, C) or (N, C, …)")
    eps, momentum = epsilon(name, eps), number(name, "momentum", momentum)
    shape = input.shape
    running = _check_statistics(name, input, running_mean, running_var)
    gamma, beta = _affine(name, input, weight, bias, shape[1:2], "one number a channel")
    if flag(name, "training", training):
        if not eps > 0:
            raise ArgumentError(f"{name}: eps must be positive during training, got {eps}")
        if whole:
            one_value_has_no_variance(name, shape[0] * math.prod(shape[2:]), "channel", shape)
    elif running is None:
        raise ArgumentError(
            f"{name}: evaluation needs running_mean and running_var; pass both, or training=True"
        )
    return eps, momentum, running, gamma, beta, training


def instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-05,
):
    """As `batch_norm`, with μ and σ² of each channel of each sample (``instance-norm``).

    Args:
        input: (N, C, …); floating point.
        running_mean, running_var: (C), both or neither; move towards the means over the samples.
        weight, bias: γ and β, (C); None: 1 and 0.
        use_input_stats: False takes the running statistics.
        momentum, eps: as `batch_norm`.

    Raises:
        ShapeError: one place per channel, which has no variance. Others as `batch_norm`.
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.instance_norm(mc.tensor([[[1.0, 3.0]], [[0.0, 10.0]]]), eps=0.0)
    tensor([[[-1.,  1.]],
    <BLANKLINE>
            [[-1.,  1.]]])
    """
    name = "instance_norm"
    _check_input(name, input, 2, "(N, C, …)")
    eps, momentum = epsilon(name, eps), number(name, "momentum", momentum)
    shape = input.shape
    running = _check_statistics(name, input, running_mean, running_var)
    gamma, beta = _affine(name, input, weight, bias, shape[1:2], "one number a channel")
    if flag(name, "use_input_stats", use_input_stats):
        one_value_has_no_variance(name, math.prod(shape[2:]), "channel of a sample", shape)
    elif running is None:
        raise ArgumentError(
            f"{name}: use_input_stats=False needs running_mean and running_var; pass both"
        )
    view, parameters = (*shape[:2], math.prod(shape[2:])), (1, shape[1], 1)
    statistics = None if use_input_stats else _as_statistics(running, parameters)
    operation = ops.InstanceNorm(view, (2,), parameters, eps, statistics)
    output = apply(operation, input, gamma, beta)
    if use_input_stats and running is not None and input.numel():
        with beside(operation.mean):
            mean, var = operation.mean.mean(axis=0), operation.var.mean(axis=0)
        update_running(running, mean, var, operation.count, momentum)
    return output


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """(x − μ)/√(σ² + ε) ⊙ γ + β over the last dimensions of each sample (``layer-norm``).

    Args:
        input: (…, *normalized_shape); floating point.
        normalized_shape: the sizes of the dimensions that share a mean.
        weight, bias: γ and β, of shape `normalized_shape`; None: 1 and 0.
        eps: ε ≥ 0.

    Returns:
        Like `input`.

    Raises:
        ShapeError: the input does not end in `normalized_shape`. DtypeError: integers, mixed
        dtypes.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.layer_norm(mc.tensor([[1.0, 3.0], [0.0, 10.0]]), (2,), eps=0.0)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    name = "layer_norm"
    _check_input(name, input, 0, "(…, *normalized_shape)")
    eps = epsilon(name, eps)
    if not isinstance(normalized_shape, (tuple, list)):
        raise DtypeError(
            f"{name}: normalized_shape must be a tuple of integers, got {normalized_shape!r}"
        )
    sizes = tuple(integer(name, "normalized_shape", size) for size in normalized_shape)
    if not sizes:
        raise ShapeError(f"{name}: normalized_shape must name at least one dimension, got ()")
    kept = input.ndim - len(sizes)
    if kept < 0 or input.shape[kept:] != sizes:
        raise ShapeError(
            f"{name}: input of shape {input.shape} must end in normalized_shape {sizes}"
        )
    gamma, beta = _affine(name, input, weight, bias, sizes, "the shape normalized_shape")
    together = math.prod(sizes)
    view = (math.prod(input.shape[:kept]), together)  # (…, *normalized_shape) → (samples, M)
    return apply(ops.LayerNorm(view, (1,), (1, together), eps), input, gamma, beta)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """(x − μ)/√(σ² + ε) · γ + β over groups of channels of each sample (``group-norm``).

    Args:
        input: (N, C, …); floating point.
        num_groups: divides C. 1: all channels together; C: each alone, `instance_norm`.
        weight, bias: γ and β, (C); None: 1 and 0.
        eps: ε ≥ 0.

    Returns:
        Like `input`.

    Raises:
        ShapeError: a batch with one value per group, which has no variance; sizes that differ from
        C. ArgumentError: groups that do not divide C. DtypeError: integers, mixed dtypes.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.group_norm(mc.tensor([[1.0, 3.0, 0.0, 10.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    name = "group_norm"
    _check_input(name, input, 2, "(N, C) or (N, C, …)")
    eps, groups = epsilon(name, eps), as_number(name, "num_groups", num_groups, 1)
    (n, channels), places = input.shape[:2], math.prod(input.shape[2:])
    if channels % groups:
        raise ArgumentError(
            f"{name}: num_groups ({groups}) must divide the {channels} channels of input "
            f"{input.shape}"
        )
    # As in PyTorch over the whole batch: of several samples each may have one value a group.
    one_value_has_no_variance(name, n * channels // groups * places, "group", input.shape)
    gamma, beta = _affine(name, input, weight, bias, (channels,), "one number a channel")
    view = (n, groups, channels // groups, places)  # (N, C, …) → (N, G, C/G, places)
    parameters = (1, groups, channels // groups, 1)
    return apply(ops.GroupNorm(view, (2, 3), parameters, eps), input, gamma, beta)


def local_response_norm(input, size, alpha=0.0001, beta=0.75, k=1.0):
    """x / (k + (α/n) Σ x²)^β, the sum over n neighbouring channels (equation ``lrn``).

    PyTorch's convention: α is divided by n, so that AlexNet's layer is ``size=5, alpha=5e-4,
    beta=0.75, k=2``; for even n the window is i − n/2 … i + n/2 − 1.

    Args:
        input: (N, C, L) or (N, C, H, W) or more; floating point.
        size: n ≥ 1.
        alpha, beta, k: as in the equation.

    Returns:
        Like `input`.

    Raises:
        ShapeError: fewer than three dimensions. ArgumentError: size < 1. DtypeError: integers.

    >>> import minicnn as mc
    >>> import minicnn.nn.functional as F
    >>> F.local_response_norm(mc.tensor([[[3.0], [4.0]]]), 3, alpha=3.0, beta=0.5, k=0.0)
    tensor([[[0.6],
             [0.8]]])
    """
    name = "local_response_norm"
    _check_input(name, input, 3, "(N, C, L) or (N, C, H, W)")
    size = as_number(name, "size", size, 1)
    numbers = [number(name, a, v) for a, v in (("alpha", alpha), ("beta", beta), ("k", k))]
    return apply(ops.LocalResponseNorm(size, *numbers), input)


# ------------------------------------------------------------------------------- checks


def _check_input(name, input, least, expected):
    if tensor_only(name, input).ndim < least:
        raise ShapeError(f"{name}: expected input of shape {expected}, got {input.shape}")
    same_dtype(name, input)


def one_value_has_no_variance(name, count, what, shape):
    """Refuse a single value to take a mean and a variance of."""
    if count == 1:
        raise ShapeError(
            f"{name}: expected more than 1 value per {what} to have a variance, got input of shape "
            f"{shape}. Use a larger batch or image, or, when training is over, model.eval()"
        )


def _parameter(name, input, argument, t, shape, what):
    """Refuse a parameter of another shape or dtype."""
    tensor_only(name, t)
    if t.shape != shape:
        raise ShapeError(
            f"{name}: {argument} must have {what}, {shape}, for input of shape {input.shape}; got "
            f"{t.shape}"
        )
    one_device(f"{name}: input and {argument}", (input.array, t.array))
    # float16 may be normalised by float32 parameters, which have more digits.
    if not (input.dtype == float16 and t.dtype == float32):
        same_dtype(name, input, **{argument: t})


def _affine(name, input, weight, bias, shape, what):
    """γ and β, made of ones and zeros where they are None."""
    result = []
    for argument, t, value in (("weight", weight, 1), ("bias", bias, 0)):
        if t is None:
            t = Tensor(made(name, lambda xp, v=value: xp.full(shape, v, input.dtype), input.device))
        else:
            _parameter(name, input, argument, t, shape, what)
        result.append(t)
    return result


def _check_statistics(name, input, running_mean, running_var):
    """The pair, or None where both are."""
    if (running_mean is None) != (running_var is None):
        raise ArgumentError(
            f"{name}: running_mean and running_var belong together: pass both or neither"
        )
    if running_mean is None:
        return None
    for argument, t in (("running_mean", running_mean), ("running_var", running_var)):
        _parameter(name, input, argument, t, input.shape[1:2], "one number a channel")
        if t.requires_grad:
            raise GraphError(
                f"{name}: {argument} is no parameter and cannot require grad; pass "
                f"{argument}.detach()"
            )
    return running_mean, running_var


def _as_statistics(running, shape):
    # Views are enough: backward needs only what forward made of them.
    return tuple(t.array.reshape(shape) for t in running)


def update_running(running, mean, var, count, momentum):
    """r ← (1 − m) r + m s in place, s the mean and the unbiased variance (``bn-running``).

    `mean` and `var` are arrays of C values of a batch, `var` biased; `count` is M, so that
    σ² M/(M − 1) is unbiased.
    """
    for t in running:
        t._writable("running statistics")
    with beside(mean):
        unbiased = var * (count / (count - 1)) if count > 1 else var
        for t, statistic in zip(running, (mean, unbiased), strict=True):
            t.array[...] = (1 - momentum) * t.array + momentum * statistic.reshape(t.shape)
            t._version.changes += 1
