"""Norms within one sample: of a layer, of groups of channels, of each channel.

All three normalise rows of M values by the row's own mean and variance; they differ in what a row
is.
"""

import numpy as np

from . import checks


def layer_norm(x, gamma, beta, eps=1e-5):
    """Eq. layer-norm: x̂ = (x − μ)/√(σ² + ε), y = γ ⊙ x̂ + β, with μ and σ² of each row.

    x (N, M); gamma, beta (M,) -> y (N, M), in the dtype of x.

    ValueError for other shapes.

    >>> layer_norm([[1, 3]], [10, 10], [0, 1], eps=0)
    array([[-10.,  11.]])
    """
    dtype, x = checks.dtype_of(x), checks.array("layer_norm", "x", x, "N M")
    gamma, beta = _parameters("layer_norm", gamma, beta, x.shape[1:])
    y = np.zeros(x.shape)
    for n in range(len(x)):
        normalized, _ = _normalized(x[n], eps)
        for m in range(x.shape[1]):
            y[n, m] = gamma[m] * normalized[m] + beta[m]
    return y.astype(dtype)


def layer_norm_gradients(delta, x, gamma, eps=1e-5):
    """Eq. norm-backward with g = γ ⊙ δ: ∂L/∂x = (g − mean(g) − x̂ mean(g ⊙ x̂))/√(σ² + ε).

    delta, x (N, M), gamma (M,) -> dx (N, M), dgamma (M,), dbeta (M,), in the dtype of delta.

    eps = ε. ValueError for other shapes.

    >>> dx, dgamma, dbeta = layer_norm_gradients([[1, 0]], [[1, 3]], [1, 1])
    >>> dbeta, bool(abs(dx.sum()) < 1e-12)
    (array([1., 0.]), True)
    """
    name, dtype = "layer_norm_gradients", checks.dtype_of(delta)
    delta, x = checks.array(name, "delta", delta, "N M"), checks.array(name, "x", x, "N M")
    checks.shape(name, "x", x, delta.shape)
    gamma, _ = _parameters(name, gamma, gamma, x.shape[1:])
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(len(gamma)), np.zeros(len(gamma))
    for n in range(len(x)):
        normalized, deviation = _normalized(x[n], eps)
        for m in range(x.shape[1]):
            dgamma[m] += delta[n, m] * normalized[m]
            dbeta[m] += delta[n, m]
        dx[n] = _row_gradient(gamma * delta[n], normalized, deviation)
    return dx.astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)


def group_norm(x, groups, gamma, beta, eps=1e-5):
    """Eq. group-norm: as `layer_norm`, a row being C/groups channels of one sample.

    x (N, C, H, W); gamma, beta (C,): one number a channel -> y like x, in its dtype.

    ValueError for groups that do not divide C, and other shapes.

    >>> group_norm([[[[1.0]], [[3.0]]]], 1, [10, 10], [0, 1], eps=0).ravel()
    array([-10.,  11.])
    """
    dtype, x = checks.dtype_of(x), checks.array("group_norm", "x", x, "N C H W")
    gamma, beta = _parameters("group_norm", gamma, beta, x.shape[1:2])
    y = np.zeros(x.shape)
    for n, channels in _groups("group_norm", x, groups):
        normalized, _ = _normalized(x[n, channels].ravel(), eps)
        y[n, channels] = normalized.reshape(x[n, channels].shape)
        for c in range(channels.start, channels.stop):
            y[n, c] = gamma[c] * y[n, c] + beta[c]
    return y.astype(dtype)


def group_norm_gradients(delta, x, groups, gamma, eps=1e-5):
    """Eq. norm-backward for `group_norm`: (dx, dgamma, dbeta), in the dtype of delta.

    delta, x (N, C, H, W), gamma (C,), eps = ε; groups divides C -> dx like x, dgamma and dbeta
    (C,). ValueError for other shapes.

    >>> dx, _, _ = group_norm_gradients([[[[1.0]], [[0.0]]]], [[[[1.0]], [[3.0]]]], 1, [1, 1])
    >>> bool(abs(dx.sum()) < 1e-12)
    True
    """
    name, dtype = "group_norm_gradients", checks.dtype_of(delta)
    delta = checks.array(name, "delta", delta, "N C H W")
    x = checks.array(name, "x", x, "N C H W")
    checks.shape(name, "x", x, delta.shape)
    gamma, _ = _parameters(name, gamma, gamma, x.shape[1:2])
    dx, dgamma, dbeta = np.zeros(x.shape), np.zeros(len(gamma)), np.zeros(len(gamma))
    for n, channels in _groups(name, x, groups):
        shape = x[n, channels].shape
        normalized, deviation = _normalized(x[n, channels].ravel(), eps)
        g = np.zeros(shape)
        for i, c in enumerate(range(channels.start, channels.stop)):
            g[i] = gamma[c] * delta[n, c]
            for place in np.ndindex(shape[1:]):
                dgamma[c] += delta[(n, c, *place)] * normalized.reshape(shape)[(i, *place)]
                dbeta[c] += delta[(n, c, *place)]
        dx[n, channels] = _row_gradient(g.ravel(), normalized, deviation).reshape(shape)
    return dx.astype(dtype), dgamma.astype(dtype), dbeta.astype(dtype)


def instance_norm(x, gamma, beta, eps=1e-5):
    """Eq. instance-norm: `group_norm` with each channel a group of its own.

    x (N, C, H, W); gamma, beta (C,) -> like x. ValueError for other shapes.

    >>> instance_norm([[[[1.0, 3.0]]]], [10], [0], eps=0).ravel()
    array([-10.,  10.])
    """
    channels = checks.array("instance_norm", "x", x, "N C H W").shape[1]
    return group_norm(x, channels, gamma, beta, eps)


def instance_norm_gradients(delta, x, gamma, eps=1e-5):
    """Eq. norm-backward for `instance_norm`: (dx, dgamma, dbeta).

    delta, x (N, C, H, W), gamma (C,), eps = ε -> dx like x, dgamma and dbeta (C,). ValueError for
    other shapes.

    >>> instance_norm_gradients([[[[1.0, 0.0]]]], [[[[1.0, 3.0]]]], [1])[2]
    array([1.])
    """
    channels = checks.array("instance_norm_gradients", "x", x, "N C H W").shape[1]
    return group_norm_gradients(delta, x, channels, gamma, eps)


def _parameters(function, gamma, beta, shape):
    gamma, beta = (checks.real(function, n, v) for n, v in (("gamma", gamma), ("beta", beta)))
    for name, value in (("gamma", gamma), ("beta", beta)):
        checks.shape(function, name, value, shape)
    return gamma, beta


def _groups(function, x, groups):
    """(sample, slice of channels) for every group of every sample."""
    groups = checks.integer(function, "groups", groups, 1)
    if x.shape[1] % groups:
        raise ValueError(f"{function}: groups {groups} must divide the {x.shape[1]} channels")
    size = x.shape[1] // groups
    for n in range(len(x)):
        for g in range(groups):
            yield n, slice(g * size, (g + 1) * size)


def _normalized(row, eps):
    """x̂ of a row, and √(σ² + ε)."""
    mean, var = 0.0, 0.0
    for value in row:
        mean += value / len(row)
    for value in row:
        var += (value - mean) ** 2 / len(row)
    deviation = np.sqrt(var + eps)
    return np.array([(value - mean) / deviation for value in row]), deviation


def _row_gradient(g, normalized, deviation):
    """∂L/∂x of a row: μ and σ² depend on every x of it, hence the two means."""
    mean_g, mean_both = 0.0, 0.0
    for a, b in zip(g, normalized, strict=True):
        mean_g += a / len(g)
        mean_both += a * b / len(g)
    pairs = zip(g, normalized, strict=True)
    return np.array([(a - mean_g - b * mean_both) / deviation for a, b in pairs])
