"""Softmax and the losses built on it. Classes lie along axis 1 of (N, K) or (N, K, d₁, d₂, …)."""

from minicnn.arrays import array_module
from minicnn.ops.base import Operation


class Softmax(Operation):
    """y_i = e^(z_i) / Σ_j e^(z_j);  ∂L/∂z = y ⊙ (δ − Σ_j δ_j y_j)."""

    equations = ("softmax",)
    saves = ("y",)
    fresh = True

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        # Subtracting the maximum changes nothing (it cancels) and keeps e^z finite.
        e = array_module(z).exp(z - z.max(axis=self.dim, keepdims=True, initial=-float("inf")))
        self.y = e / e.sum(axis=self.dim, keepdims=True)
        return self.y

    def backward(self, delta):
        total = (delta * self.y).sum(axis=self.dim, keepdims=True)
        return self.y * (delta - total)


class LogSoftmax(Operation):
    """y_i = z_i − ln Σ_j e^(z_j);  ∂L/∂z = δ − softmax(z) Σ_j δ_j."""

    equations = ("log-softmax",)
    saves = ("y",)
    fresh = True

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        xp = array_module(z)
        shifted = z - z.max(axis=self.dim, keepdims=True, initial=-float("inf"))
        self.y = shifted - xp.log(xp.exp(shifted).sum(axis=self.dim, keepdims=True))
        return self.y

    def backward(self, delta):
        return delta - array_module(delta).exp(self.y) * delta.sum(axis=self.dim, keepdims=True)


class NegativeLogLikelihood(Operation):
    """L = −(1/N) Σ_n y[n, target_n];  ∂L/∂y is −δ/N at the targets, 0 elsewhere.

    With `reduction` "sum" there is no 1/N; with "none" each sample keeps its own loss and δ.
    Samples whose target is `ignore_index` take no part, and N does not count them.
    """

    fresh = True

    def __init__(self, target, reduction, ignore_index):
        self.target, self.reduction = target, reduction
        self.counted = target != ignore_index

    def forward(self, y):
        xp = array_module(y)
        # An ignored target may be any number; 0 stands in for it as an index.
        self.places = xp.expand_dims(xp.where(self.counted, self.target, 0), 1)
        losses = -xp.take_along_axis(y, self.places, axis=1).squeeze(1)
        losses = xp.where(self.counted, losses, 0)
        if self.reduction == "none":
            return losses
        total = losses.sum(dtype=y.dtype)
        # No counted sample at all: 0/0, NaN, as in PyTorch.
        return total if self.reduction == "sum" else total / self._count(y)

    def _count(self, y):
        return y.dtype.type(self.counted.sum()) if self.counted.any() else y.dtype.type("nan")

    def backward(self, delta):
        shape, dtype = self.inputs[0]
        xp = array_module(delta)
        if self.reduction == "mean":
            delta = delta / self._count(delta)
        dy = xp.zeros(shape, dtype)
        share = xp.where(self.counted, -delta, 0).astype(dtype)
        xp.put_along_axis(dy, self.places, xp.expand_dims(share, 1), axis=1)
        return dy


class CrossEntropy(Operation):
    """L = −(1/N) Σ_n ln softmax(z_n)[target_n];  ∂L/∂z = δ (softmax(z) − onehot(target)) / N.

    The fused form of `LogSoftmax` followed by `NegativeLogLikelihood` (its expansion), to which its
    options belong. Softmax and logarithm cancel: the gradient is the error in the probabilities.
    """

    equations = ("softmax-ce",)
    saves = ("probabilities",)
    fresh = True

    def __init__(self, target, reduction, ignore_index):
        self.nll = NegativeLogLikelihood(target, reduction, ignore_index)

    def forward(self, z):
        y = LogSoftmax(1).forward(z)
        self.probabilities = array_module(z).exp(y)
        return self.nll.run(y)

    def backward(self, delta):
        # −δ/N at each target, as NegativeLogLikelihood sends it; 0 for a sample that is ignored.
        at_target = self.nll.backward(delta)
        share = at_target.sum(axis=1, keepdims=True)
        return at_target - self.probabilities * share
