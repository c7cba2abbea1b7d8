"""Softmax and the cross-entropy, in NumPy: a sum along one dimension for each of them."""

from minicnn.arrays import array_module, largest
from minicnn.kernels.registry import register


@register("softmax", "plain")
def softmax(z, dim):
    """y_i = e^(z_i) / Σ_j e^(z_j) along `dim` (equation ``softmax``)."""
    # Subtracting the maximum changes nothing (it cancels) and keeps e^z finite.
    e = array_module(z).exp(z - largest(z, dim))
    return e / e.sum(axis=dim, keepdims=True)


@register("softmax_gradient", "plain")
def softmax_gradient(delta, y, dim):
    """∂L/∂z = y ⊙ (δ − Σ_j δ_j y_j)."""
    return y * (delta - (delta * y).sum(axis=dim, keepdims=True))


@register("log_softmax", "plain")
def log_softmax(z, dim):
    """y_i = z_i − ln Σ_j e^(z_j) along `dim` (equation ``log-softmax``)."""
    xp = array_module(z)
    shifted = z - largest(z, dim)
    return shifted - xp.log(xp.exp(shifted).sum(axis=dim, keepdims=True))


@register("log_softmax_gradient", "plain")
def log_softmax_gradient(delta, y, dim):
    """∂L/∂z = δ − softmax(z) Σ_j δ_j."""
    return delta - array_module(delta).exp(y) * delta.sum(axis=dim, keepdims=True)


@register("pick_classes", "plain")
def pick_classes(y, target):
    """y[n, target_n] of y (N, K, …) and the classes (N, …): the score of each sample's class."""
    xp = array_module(y)
    return xp.take_along_axis(y, xp.expand_dims(target, 1), axis=1).squeeze(1)


@register("cross_entropy_gradient", "plain")
def cross_entropy_gradient(probabilities, target, share):
    """∂L/∂z = (softmax(z) − onehot(target)) · share (equation ``softmax-ce``); share (N, …)."""
    # First ∂L/∂y, y the log-softmax: −share at each target; then z ↦ y of `log_softmax_gradient`.
    xp = array_module(share)
    dy = xp.zeros(probabilities.shape, probabilities.dtype)
    xp.put_along_axis(dy, xp.expand_dims(target, 1), xp.expand_dims(-share, 1), axis=1)
    return dy - probabilities * dy.sum(axis=1, keepdims=True)
