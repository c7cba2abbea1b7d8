"""Batch normalisation and local response normalisation."""

import numpy as np

from . import checks


def batch_norm(x, gamma, beta, eps=1e-5):
    """Eq. bn: x̂ = (x − μ)/√(σ² + ε), y = γ·x̂ + β, with μ and σ² of the batch (training).

    x (N, C, H, W), (N, C, L) or (N, C); gamma, beta (C,) -> y like x, mean μ (C,), biased
    variance σ² (C,), in the dtype of x. ValueError with a single value per channel, whose
    variance says nothing, and for shapes that do not fit together.

    >>> y, mean, var = batch_norm([[1], [3]], [10], [100], eps=0)
    >>> y, mean, var
    (array([[ 90.],
           [110.]]), array([2.]), array([1.]))
    """
    dtype = checks.dtype_of(x)
    x, shape = _channels("batch_norm", "x", x)
    N, C, H, W = x.shape
    gamma = _per_channel("batch_norm", "gamma", gamma, C)
    beta = _per_channel("batch_norm", "beta", beta, C)
    mean, var = _statistics("batch_norm", x)
    y = np.zeros((N, C, H, W))
    for n, c, i, j in np.ndindex(N, C, H, W):
        normalized = (x[n, c, i, j] - mean[c]) / np.sqrt(var[c] + eps)
        y[n, c, i, j] = gamma[c] * normalized + beta[c]
    return y.reshape(shape).astype(dtype), mean.astype(dtype), var.astype(dtype)


def batch_norm_gradients(delta, x, gamma, eps=1e-5):
    """Eq. bn-backward: ∂L/∂β = Σδ, ∂L/∂γ = Σδ·x̂, ∂L/∂x = γ/(M√(σ²+ε))·(Mδ − ∂L/∂β − x̂·∂L/∂γ).

    delta and x (N, C, H, W), (N, C, L) or (N, C); gamma (C,) -> dx like x, dgamma (C,),
    dbeta (C,), in the dtype of delta. M = N·H·W. ValueError as in `batch_norm`.

    eps = ε.

    >>> dx, dgamma, dbeta = batch_norm_gradients([[4], [0], [0]], [[-1], [0], [1]], [1])
    >>> bool(abs(dx.sum()) < 1e-12), dbeta
    (True, array([4.]))
    """
    name = "batch_norm_gradients"
    dtype = checks.dtype_of(delta)
    delta, shape = _channels(name, "delta", delta)
    x, x_shape = _channels(name, "x", x)
    if x_shape != shape:
        raise ValueError(f"{name}: x must have the shape of delta {shape}, got {x_shape}")
    N, C, H, W = x.shape
    M = N * H * W
    gamma = _per_channel(name, "gamma", gamma, C)
    mean, var = _statistics(name, x)
    normalized = np.zeros((N, C, H, W))
    dgamma, dbeta = np.zeros(C), np.zeros(C)
    for n, c, i, j in np.ndindex(N, C, H, W):
        normalized[n, c, i, j] = (x[n, c, i, j] - mean[c]) / np.sqrt(var[c] + eps)
        dbeta[c] += delta[n, c, i, j]
        dgamma[c] += delta[n, c, i, j] * normalized[n, c, i, j]
    dx = np.zeros((N, C, H, W))
    for n, c, i, j in np.ndindex(N, C, H, W):
        # μ and σ² depend on every x of the channel: hence the two sums.
        inner = M * delta[n, c, i, j] - dbeta[c] - normalized[n, c, i, j] * dgamma[c]
        dx[n, c, i, j] = gamma[c] / (M * np.sqrt(var[c] + eps)) * inner
    return dx.reshape(shape).astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)


def batch_norm_evaluation(x, gamma, beta, running_mean, running_var, eps=1e-5):
    """Eq. bn with the running statistics in the place of μ and σ² (evaluation).

    x (N, C, H, W), (N, C, L) or (N, C); the rest (C,) -> y like x, in the dtype of x.

    The rest: gamma, beta, running_mean, running_var. ValueError for shapes that do not fit
    together.

    >>> batch_norm_evaluation([[5]], [10], [100], [3], [4], eps=0)
    array([[110.]])
    """
    name = "batch_norm_evaluation"
    dtype = checks.dtype_of(x)
    x, shape = _channels(name, "x", x)
    C = x.shape[1]
    gamma = _per_channel(name, "gamma", gamma, C)
    beta = _per_channel(name, "beta", beta, C)
    mean = _per_channel(name, "running_mean", running_mean, C)
    var = _per_channel(name, "running_var", running_var, C)
    y = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(x.shape):
        y[n, c, i, j] = gamma[c] * (x[n, c, i, j] - mean[c]) / np.sqrt(var[c] + eps) + beta[c]
    return y.reshape(shape).astype(dtype)


def update_running(running, batch_stat, momentum=0.1):
    """Eq. bn-running: r ← (1 − m)·r + m·s.

    running (C,), batch_stat (C,): the batch's mean, or its `unbiased_variance` -> (C,), new, in
    the dtype of running.

    ValueError for arrays of different shapes.

    >>> update_running([0], [10], momentum=0.1)
    array([1.])
    """
    dtype = checks.dtype_of(running)
    running = checks.array("update_running", "running", running, "C")
    batch_stat = _per_channel("update_running", "batch_stat", batch_stat, len(running))
    updated = np.zeros(len(running))
    for c in range(len(running)):
        updated[c] = (1 - momentum) * running[c] + momentum * batch_stat[c]
    return updated.astype(dtype)


def unbiased_variance(var, count):
    """Eq. bn-running: σ²·M/(M − 1), M = count > 1 values per channel; var (C,) -> (C,).

    ValueError for a count of 1 or less.

    >>> unbiased_variance([1.0], 2)
    array([2.])
    """
    dtype = checks.dtype_of(var)
    var = checks.array("unbiased_variance", "var", var, "C")
    count = checks.integer("unbiased_variance", "count", count, 2)
    unbiased = np.zeros(len(var))
    for c in range(len(var)):
        unbiased[c] = var[c] * count / (count - 1)
    return unbiased.astype(dtype)


def local_response_norm(x, n=5, k=2.0, alpha=1e-4, beta=0.75):
    """Eq. lrn: b^i = a^i/(k + α · Σ_{j=max(0,i−n/2)..min(C−1,i+n/2)} (a^j)²)^β.

    x (N, C, H, W) -> (N, C, H, W), in the dtype of x; i and j count channels from 0, n/2 is an
    integer division, so that an even n has a window of n + 1 channels. PyTorch's has n: a pair n
    says how many channels (before, after) i are in the window, there (n // 2, (n − 1) // 2). α is
    the paper's: PyTorch divides it by n.

    k, alpha and beta are numbers. ValueError for shapes that do not fit together.

    >>> local_response_norm([[[[3]], [[4]]]], n=3, k=0, alpha=1, beta=0.5)
    array([[[[0.6]],
            [[0.8]]]])
    """
    dtype = checks.dtype_of(x)
    x = checks.array("local_response_norm", "x", x, "N C H W")
    scale = _lrn_scale(x, _lrn_reach("local_response_norm", n), k, alpha)
    y = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        y[index] = x[index] / scale[index] ** beta
    return y.astype(dtype)


def local_response_norm_gradient(delta, x, n=5, k=2.0, alpha=1e-4, beta=0.75):
    """Eq. lrn-backward: ∂L/∂a^i = δ^i·(s^i)^(−β) − 2αβ·a^i · Σ_{|i−j|≤n/2} δ^j·a^j·(s^j)^(−β−1).

    The sum runs over the j whose window holds i. delta and x (N, C, H, W) -> (N, C, H, W), in the
    dtype of delta; n as in `local_response_norm`.

    k, alpha and beta are numbers. ValueError for shapes that do not fit together.

    >>> dx = local_response_norm_gradient([[[[1]]]], [[[[2]]]], n=1, k=0, alpha=1, beta=0.5)
    >>> dx  # b = a/|a| is constant
    array([[[[0.]]]])
    """
    name = "local_response_norm_gradient"
    dtype = checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C H W")
    x = checks.array(name, "x", x, "N C H W")
    checks.shape(name, "x", x, delta.shape)
    before, after = _lrn_reach(name, n)
    scale = _lrn_scale(x, (before, after), k, alpha)
    C = x.shape[1]
    dx = np.zeros(x.shape)
    for sample, i, row, column in np.ndindex(x.shape):
        through_scale = 0.0
        # Its own window reaches from i − before to i + after: those that hold i, the other way.
        for c in range(max(0, i - after), min(C - 1, i + before) + 1):
            at = sample, c, row, column
            through_scale += delta[at] * x[at] * scale[at] ** (-beta - 1)
        at = sample, i, row, column
        dx[at] = delta[at] * scale[at] ** -beta - 2 * alpha * beta * x[at] * through_scale
    return dx.astype(dtype)


def _lrn_reach(function, n):
    """How many channels before and after i its window holds."""
    if isinstance(n, tuple | list):
        return checks.pair(function, "n", n, 0)
    n = checks.integer(function, "n", n, 1)
    return n // 2, n // 2


def _lrn_scale(x, reach, k, alpha):
    """s^i = k + α · Σ (a^j)² over the channels j around i."""
    C = x.shape[1]
    before, after = reach
    scale = np.zeros(x.shape)
    for sample, i, row, column in np.ndindex(x.shape):
        total = 0.0
        for j in range(max(0, i - before), min(C - 1, i + after) + 1):
            total += x[sample, j, row, column] ** 2
        scale[sample, i, row, column] = k + alpha * total
    return scale


def _channels(function, name, value):
    """`value` with axes (N, C, H, W), missing ones of size 1, and the shape it came in."""
    value = checks.real(function, name, value)
    if not 2 <= value.ndim <= 4:
        raise ValueError(
            f"{function}: {name} must have axes (N, C), (N, C, L) or (N, C, H, W), "
            f"got shape {value.shape}"
        )
    return value.reshape(value.shape + (1,) * (4 - value.ndim)), value.shape


def _per_channel(function, name, value, C):
    value = checks.array(function, name, value, "C")
    checks.shape(function, name, value, (C,))
    return value


def _statistics(function, x):
    """Mean and biased variance of every channel."""
    N, C, H, W = x.shape
    M = N * H * W
    if M < 2:
        raise ValueError(
            f"{function}: needs more than one value per channel to have a variance, "
            f"got shape {x.shape}"
        )
    mean, var = np.zeros(C), np.zeros(C)
    for n, c, i, j in np.ndindex(N, C, H, W):
        mean[c] += x[n, c, i, j] / M
    for n, c, i, j in np.ndindex(N, C, H, W):
        var[c] += (x[n, c, i, j] - mean[c]) ** 2 / M
    return mean, var
