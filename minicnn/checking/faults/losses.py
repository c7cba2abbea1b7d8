"""Wrong backwards of softmax and cross-entropy."""

import numpy as np

from minicnn.checking.faults.fault import Fault, Probe, Subject, normal
from minicnn.ops.loss import CrossEntropy, Softmax


class SoftmaxDiagonal(Softmax):
    def backward(self, delta):
        return delta * self.y * (1 - self.y)


class SoftmaxOverBatch(Softmax):
    def backward(self, delta):
        return self.y * (delta - (delta * self.y).sum(axis=0, keepdims=True))


class _Scaled(CrossEntropy):
    """A cross-entropy that knows its N."""

    def forward(self, z):
        self.n = len(z)
        return super().forward(z)


class NotDividedByN(_Scaled):
    def backward(self, delta):
        return super().backward(delta) * self.n


class DividedByNTwice(_Scaled):
    def backward(self, delta):
        return super().backward(delta) / self.n


class DividedByClasses(_Scaled):
    def backward(self, delta):
        dz = super().backward(delta)
        return dz * (self.n / dz.shape[1])


class DeltaIgnored(CrossEntropy):
    def backward(self, delta):
        return super().backward(np.ones_like(delta))


class WithoutTarget(_Scaled):
    def forward(self, z):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.softmax = e / e.sum(axis=1, keepdims=True)
        return super().forward(z)

    def backward(self, delta):
        return delta * self.softmax / self.n


class SignFlipped(CrossEntropy):
    def backward(self, delta):
        return -super().backward(delta)


def _cross_entropy(z):
    target = np.array([2, 0, 1, 2])[: len(z)]
    return target, "mean", -100


SUBJECTS = (
    Subject("softmax", Softmax, (Probe("classes along dim 1", normal((3, 4)), (1,)),)),
    Subject(
        "cross_entropy",
        CrossEntropy,
        (
            Probe("N = 4, 3 classes", normal((4, 3)), _cross_entropy),
            Probe("N = 2, 5 classes", normal((2, 5)), _cross_entropy),
        ),
    ),
)

FAULTS = tuple(
    Fault(*entry)
    for entry in (
        ("softmax-diagonal", "only the diagonal y (1 − y)", "softmax", SoftmaxDiagonal),
        ("softmax-over-batch", "Σ δ y over the batch", "softmax", SoftmaxOverBatch),
        ("ce-not-divided", "without 1/N", "cross_entropy", NotDividedByN),
        ("ce-divided-twice", "1/N twice", "cross_entropy", DividedByNTwice),
        ("ce-divided-by-classes", "1/K, not 1/N", "cross_entropy", DividedByClasses),
        ("ce-delta-ignored", "δ taken for 1", "cross_entropy", DeltaIgnored),
        ("ce-without-target", "softmax without − onehot", "cross_entropy", WithoutTarget),
        ("ce-sign", "onehot − softmax: the sign is wrong", "cross_entropy", SignFlipped),
    )
)
