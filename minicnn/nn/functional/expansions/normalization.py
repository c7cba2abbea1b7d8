"""Normalisation, written with means, differences and quotients.

What a fused operation does in one step is here a chain whose gradients multiply: through the
difference, through the mean, through the variance.
"""

import math

from minicnn.creation import zeros
from minicnn.functions.elementwise import sqrt, square
from minicnn.functions.reductions import mean
from minicnn.functions.shaping import cat, reshape
from minicnn.nn.functional import activation
from minicnn.nn.functional.normalization import update_running


def _statistics(x, dims):
    """μ and the biased σ², along `dims` of size 1."""
    average = mean(x, dims, keepdim=True)
    return average, mean(square(x - average), dims, keepdim=True)


def _scaled(y, weight, bias, shape):
    """γ y + β, the parameters seen in `shape`."""
    if weight is not None:
        y = y * reshape(weight, shape)
    return y if bias is None else y + reshape(bias, shape)


def _over_places(input, running_mean, running_var, weight, bias, own, momentum, eps, dims):
    n, channels, places = *input.shape[:2], math.prod(input.shape[2:])
    x = reshape(input, (n, channels, places))  # (N, C, …) → (N, C, places)
    if own:
        mu, var = _statistics(x, dims)
        if running_mean is not None and input.numel():
            # For instance normalisation the mean over the samples.
            of_channels = [s.array.mean(axis=(0, 2)) for s in (mu, var)]
            count = math.prod(x.shape[d] for d in dims)
            update_running((running_mean, running_var), *of_channels, count, momentum)
    else:
        # Copies: the running statistics may move on before backward needs them.
        mu, var = (reshape(r.clone(), (1, channels, 1)) for r in (running_mean, running_var))
    y = _scaled((x - mu) / sqrt(var + eps), weight, bias, (1, channels, 1))
    return reshape(y, input.shape)


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
    """(x − μ)/√(σ² + ε) · γ + β, μ and σ² over the samples and places of a channel (eq. ``bn``)."""
    return _over_places(
        input, running_mean, running_var, weight, bias, training, momentum, eps, (0, 2)
    )


def batch_norm_act(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-05,
    act=None,
    residual=None,
):
    """act(BN(x) + r), one after the other."""
    y = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    y = y if residual is None else y + residual
    return getattr(activation, act)(y) if act else y


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
    """The same with μ and σ² over the places of a channel of one sample (``instance-norm``)."""
    return _over_places(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps, (2,)
    )


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """The same over the last dimensions of one sample (eq. ``layer-norm``)."""
    shape = tuple(normalized_shape)
    mu, var = _statistics(input, tuple(range(input.ndim - len(shape), input.ndim)))
    return _scaled((input - mu) / sqrt(var + eps), weight, bias, shape)


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """The same over a group of channels of one sample (eq. ``group-norm``)."""
    n, channels = input.shape[:2]
    # (N, C, …) → (N, G, values of a group)
    members = math.prod(input.shape[2:]) * channels // num_groups
    x = reshape(input, (n, num_groups, members))
    mu, var = _statistics(x, (2,))
    y = reshape((x - mu) / sqrt(var + eps), input.shape)
    return _scaled(y, weight, bias, (channels,) + (1,) * (input.ndim - 2))


def local_response_norm(input, size, alpha=0.0001, beta=0.75, k=1.0):
    """x / (k + (α/n) Σ x²)^β, the squares of n channels in a border of zeros (eq. ``lrn``)."""
    n, channels, *places = input.shape
    before, after = (zeros(n, c, *places, dtype=input.dtype) for c in (size // 2, (size - 1) // 2))
    squares = cat([before, square(input), after], 1)
    total = squares[:, :channels]
    for i in range(1, size):
        total = total + squares[:, i : i + channels]
    return input / (k + alpha / size * total) ** beta


EXPANSIONS = {
    "batch_norm": batch_norm,
    "batch_norm_act": batch_norm_act,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "group_norm": group_norm,
    "local_response_norm": local_response_norm,
}
