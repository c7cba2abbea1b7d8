"""Softmax, cross-entropy and their gradients. z (N, K): a row of K logits for each sample."""

import numpy as np

from . import checks


def softmax(z):
    """Eq. softmax: y_k = exp(z_k)/Σ_j exp(z_j).

    z (N, K) -> (N, K), each row adding up to 1; in the dtype of z.

    ValueError for a z that has not two axes.

    >>> softmax([[0, 0], [1000, 0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    dtype = checks.dtype_of(z)
    z = _logits("softmax", "z", z)
    N, K = z.shape
    y = np.zeros((N, K))
    for n in range(N):
        largest = _largest(z[n])
        total = 0.0
        for k in range(K):
            # exp(z − max) instead of exp(z): the common factor cancels, and nothing overflows.
            y[n, k] = np.exp(z[n, k] - largest)
            total += y[n, k]
        for k in range(K):
            y[n, k] /= total
    return y.astype(dtype)


def softmax_gradient(delta, y):
    """Eq. softmax: ∂L/∂z_k = y_k · (δ_k − Σ_j δ_j·y_j); y is the output.

    delta (N, K), y (N, K) -> (N, K), in the dtype of delta.

    ValueError for different shapes.

    >>> softmax_gradient([[4, 0]], [[0.5, 0.5]])
    array([[ 1., -1.]])
    """
    dtype = checks.dtype_of(delta)
    delta = _logits("softmax_gradient", "delta", delta)
    y = _logits("softmax_gradient", "y", y)
    checks.shape("softmax_gradient", "y", y, delta.shape)
    N, K = y.shape
    dz = np.zeros((N, K))
    for n in range(N):
        total = 0.0
        for j in range(K):
            total += delta[n, j] * y[n, j]
        for k in range(K):
            dz[n, k] = y[n, k] * (delta[n, k] - total)
    return dz.astype(dtype)


def log_softmax(z):
    """Eq. log-softmax: y_k = z_k − ln Σ_j exp(z_j).

    z (N, K) -> (N, K), in the dtype of z.

    ValueError for a z that has not two axes.

    >>> log_softmax([[1000, 0]])
    array([[    0., -1000.]])
    """
    dtype = checks.dtype_of(z)
    z = _logits("log_softmax", "z", z)
    N, K = z.shape
    y = np.zeros((N, K))
    for n in range(N):
        largest = _largest(z[n])
        total = 0.0
        for j in range(K):
            total += np.exp(z[n, j] - largest)
        for k in range(K):
            y[n, k] = (z[n, k] - largest) - np.log(total)
    return y.astype(dtype)


def log_softmax_gradient(delta, y):
    """Eq. log-softmax: ∂L/∂z_k = δ_k − exp(y_k) · Σ_j δ_j; y is the output.

    delta (N, K), y (N, K) -> (N, K), in the dtype of delta.

    ValueError for different shapes.

    >>> log_softmax_gradient([[4, 0]], np.log([[0.5, 0.5]]))
    array([[ 2., -2.]])
    """
    dtype = checks.dtype_of(delta)
    delta = _logits("log_softmax_gradient", "delta", delta)
    y = _logits("log_softmax_gradient", "y", y)
    checks.shape("log_softmax_gradient", "y", y, delta.shape)
    N, K = y.shape
    dz = np.zeros((N, K))
    for n in range(N):
        total = 0.0
        for j in range(K):
            total += delta[n, j]
        for k in range(K):
            dz[n, k] = delta[n, k] - np.exp(y[n, k]) * total
    return dz.astype(dtype)


def cross_entropy(z, target):
    """Eq. softmax-ce: L = −(1/N) · Σ_i ln softmax(z_i)_{t_i}.

    z (N, K), target (N,) integers 0 … K − 1 -> L (), in the dtype of z. ValueError for targets
    that are not integers or out of range, and for an empty batch, which has no mean.

    >>> cross_entropy([[0, 0], [0, 0]], [0, 1])
    array(0.69314718)
    """
    dtype = checks.dtype_of(z)
    z = _logits("cross_entropy", "z", z)
    target = classes("cross_entropy", target, z)
    N = z.shape[0]
    log_probability = log_softmax(z)
    total = 0.0
    for n in range(N):
        total += log_probability[n, target[n]]
    return np.array(-total / N, dtype=dtype)


def cross_entropy_gradient(z, target):
    """Eq. softmax-ce: ∂L/∂z = (softmax(z) − onehot(t))/N.

    z (N, K), target (N,) integers 0 … K − 1 -> (N, K), in the dtype of z; errors as in
    `cross_entropy`.

    That is ValueError, for shapes that do not fit together and a class that is not there.

    >>> cross_entropy_gradient([[0, 0], [0, 0]], [0, 1])
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """
    dtype = checks.dtype_of(z)
    z = _logits("cross_entropy_gradient", "z", z)
    target = classes("cross_entropy_gradient", target, z)
    N, K = z.shape
    probability = softmax(z)
    dz = np.zeros((N, K))
    for n in range(N):
        for k in range(K):
            onehot = 1.0 if k == target[n] else 0.0
            dz[n, k] = (probability[n, k] - onehot) / N
    return dz.astype(dtype)


def _largest(values):
    largest = values[0]
    for value in values:
        if value > largest:
            largest = value
    return largest


def _logits(function, name, value):
    value = checks.array(function, name, value, "N K")
    if value.shape[1] == 0:
        raise ValueError(f"{function}: {name} must have at least one class, got {value.shape}")
    return value


def classes(function, target, z):
    target = np.asarray(target)
    N, K = z.shape
    if target.dtype.kind not in "iu":
        raise ValueError(f"{function}: target must hold integers, got dtype {target.dtype}")
    checks.shape(function, "target", target, (N,))
    if N == 0:
        raise ValueError(f"{function}: an empty batch has no mean")
    for t in target:
        if not 0 <= t < K:
            raise ValueError(f"{function}: targets must be 0 … {K - 1}, got {t}")
    return target
