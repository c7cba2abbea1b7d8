"""Batch normalisation: sums over the channels, what follows from them, and all of it at once.

Arrays are (N, C, L) and there is one number for each of the C channels.
"""

from minicnn.arrays import array_module
from minicnn.kernels.cuda.epilogue import ACTIVATIONS
from minicnn.kernels.cuda.launching import NUMBER_TYPE, contiguous, launch, launch_each
from minicnn.kernels.registry import register

# The blocks wanted for all channels together: a few for each multiprocessor. And the values that a
# block should have at least, since its parts have to be added up afterwards.
BLOCKS_WANTED = 132 * 4
VALUES_OF_A_BLOCK = 4096


def _slices(images, channels, length):
    """How many blocks share a channel."""
    wanted = -(-BLOCKS_WANTED // max(channels, 1))
    return max(1, min(wanted, images * length // VALUES_OF_A_BLOCK))


def _contiguous(*arrays):
    """Each in one piece; None stays."""
    return [None if a is None else contiguous(a) for a in arrays]


def _sums(kernel, dtype, arrays, results, options, shape, to_finish):
    """Sums over each channel: in one launch, or in parts, from which the results are made.

    Args:
        kernel: its name; that of the second launch has ``_of_parts`` behind it.
        arrays, results, options: arguments of the first, with the parts between arrays and results.
        to_finish: those of the second, up to the number of parts.
    """
    xp, (images, channels, length) = array_module(results[0]), shape
    if not channels:
        return
    slices = _slices(images, channels, length)
    parts = xp.empty((channels, slices, 2), "float64") if slices > 1 else None
    arguments = [*arrays, parts, *results, *options, *shape]
    launch("channels", kernel, dtype, (channels, slices), arguments)
    if slices > 1:
        arguments = [*to_finish(parts), slices]
        launch_each("channels", f"{kernel}_of_parts", dtype, channels, arguments)


@register("channel_moments", "cuda")
def channel_moments(x):
    """The mean and the biased variance of each channel."""
    xp = array_module(x)
    (x,) = _contiguous(x)
    mean, var = (xp.empty(x.shape[1], x.dtype) for _ in range(2))
    results = mean, var
    _sums(
        "moments", x.dtype, [x], results, [], x.shape, lambda parts: [x, parts, *results, *x.shape]
    )
    return results


@register("channel_normalize", "cuda")
def channel_normalize(x, mean, inverse_std, gamma, beta):
    """x̂ = (x − μ) / √(σ² + ε) and γ x̂ + β (eq. ``bn``)."""
    arrays = _contiguous(x, mean, inverse_std, gamma, beta)
    normalized, y = (array_module(x).empty(x.shape, x.dtype) for _ in range(2))
    launch_each("channels", "normalize", x.dtype, x.size, [*arrays, normalized, y, *x.shape])
    return normalized, y


@register("channel_sums", "cuda")
def channel_sums(delta, normalized):
    """Σ δ and Σ δ ⊙ x̂, which are ∂L/∂β and ∂L/∂γ."""
    xp, channels = array_module(delta), delta.shape[1]
    arrays = _contiguous(delta, normalized)
    results = tuple(xp.empty(channels, delta.dtype) for _ in range(2))
    _sums(
        "channel_sums", delta.dtype, arrays, results, [], delta.shape,
        lambda parts: [parts, *results, channels],
    )  # fmt: skip
    return results


@register("channel_gradient", "cuda")
def channel_gradient(delta, normalized, scale, mean_delta, mean_both):
    """∂L/∂x = γ/√(σ² + ε) (δ − mean(δ) − x̂ mean(δ ⊙ x̂))  (eq. ``bn-backward``)."""
    arrays = _contiguous(delta, normalized, scale, mean_delta, mean_both)
    dx = array_module(delta).empty(delta.shape, delta.dtype)
    arguments = [*arrays, dx, *delta.shape]
    launch_each("channels", "channel_gradient", delta.dtype, delta.size, arguments)
    return dx


@register("norm_act", "cuda")
def norm_act(x, gamma, beta, eps, statistics, act, residual):
    """y = f((x − μ)/√(σ² + ε) γ + β + r), μ and σ²; x is (N, C, L), the others (C)."""
    (x,) = _contiguous(x)
    mean, var = channel_moments(x) if statistics is None else statistics
    arrays = _contiguous(x, gamma, beta, mean, var, residual)
    y = array_module(x).empty(x.shape, x.dtype)
    arguments = [*arrays, y, float(eps), ACTIVATIONS[act], *x.shape]
    launch_each("channels", "norm_act", x.dtype, x.size, arguments)
    return y, mean, var


@register("norm_act_gradient", "cuda")
def norm_act_gradient(delta, x, y, gamma, beta, eps, given, mean, var, act, shortcut):
    """∂L/∂x, ∂L/∂γ, ∂L/∂β and, with a `shortcut`, what goes along it (see ``bn-backward``)."""
    xp, dtype, (n, c, length) = array_module(x), x.dtype, x.shape
    # With a shortcut z is not known, and ReLU's slope is read from y.
    y = y if shortcut and act else None
    delta, x, y, gamma, beta, mean, var = _contiguous(delta, x, y, gamma, beta, mean, var)
    arrays = delta, x, y, gamma, beta, mean, var
    dbeta, dgamma = (xp.empty(c, dtype) for _ in range(2))
    first, second = (xp.empty(c, NUMBER_TYPE[dtype.name]) for _ in range(2))
    results, eps = (dbeta, dgamma, first, second), float(eps)
    _sums(
        "norm_act_sums", dtype, arrays, results, [eps, ACTIVATIONS[act], given], x.shape,
        lambda parts: [parts, var, *results, eps, given, n * length, c],
    )  # fmt: skip
    dx, dz = xp.empty_like(x), xp.empty_like(x) if shortcut else None
    arguments = [*arrays, first, second, dx, dz, eps, ACTIVATIONS[act], *x.shape]
    launch_each("channels", "norm_act_gradient", dtype, x.size, arguments)
    return dx, dgamma, dbeta, dz
