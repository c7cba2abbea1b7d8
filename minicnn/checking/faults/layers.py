"""Wrong backwards of fully connected layers, activations, normalisation, dropout and residuals."""

import numpy as np

from minicnn.checking.faults.fault import Fault, Probe, Subject, few_values, normal, spread
from minicnn.functions.elementwise import mul
from minicnn.ops.activation import ReLU, Sigmoid, Tanh
from minicnn.ops.arithmetic import Add, Mul
from minicnn.ops.dropout import Dropout
from minicnn.ops.linear import Linear, Matmul
from minicnn.ops.normalization import BatchNorm
from minicnn.random import numpy_generator

# ------------------------------------------------------------------------ linear and matmul


class LinearDeltaTransposed(Linear):
    def backward(self, delta):
        dx, _, db = super().backward(delta)
        return dx, self.x.T @ delta, db


class LinearWeightTransposed(Linear):
    def backward(self, delta):
        _, dw, db = super().backward(delta)
        return delta @ self.w.T, dw, db


class LinearBiasMean(Linear):
    def backward(self, delta):
        dx, dw, _ = super().backward(delta)
        return dx, dw, delta.mean(axis=0)


class LinearBiasOfOneSample(Linear):
    def backward(self, delta):
        dx, dw, _ = super().backward(delta)
        return dx, dw, delta[0].copy()


class LinearDeltaIgnored(Linear):
    def backward(self, delta):
        return super().backward(np.ones_like(delta))


class MatmulNotTransposed(Matmul):
    def backward(self, delta):
        return delta @ self.b, self.a @ delta


class MatmulSwapped(Matmul):
    def backward(self, delta):
        return self.b.swapaxes(-1, -2) @ delta, delta @ self.a.swapaxes(-1, -2)


# ---------------------------------------------------------------------------- broadcasting


class BroadcastNotSummed(Mul):
    def backward(self, delta):
        (x_shape, _), (y_shape, _) = self.inputs
        return _one_of_the_copies(delta * self.y, x_shape), _one_of_the_copies(
            delta * self.x, y_shape
        )


def _one_of_the_copies(delta, shape):
    delta = delta[(0,) * (delta.ndim - len(shape))]
    cut = tuple(slice(0, 1) if size == 1 else slice(None) for size in shape)
    return np.ascontiguousarray(delta[cut])


class BroadcastMean(Mul):
    def backward(self, delta):
        found = super().backward(delta)
        return tuple(g * (g.size / delta.size) for g in found)


class ProductSwapped(Mul):
    def backward(self, delta):
        dx, dy = super().backward(delta)
        return (dy, dx) if dx.shape == dy.shape else (dx, dy)


# ----------------------------------------------------------------------------- activations


class SigmoidWithoutComplement(Sigmoid):
    def backward(self, delta):
        return delta * self.y


class SigmoidDeltaIgnored(Sigmoid):
    def backward(self, delta):
        return self.y * (1 - self.y)


class TanhWithoutSquare(Tanh):
    def backward(self, delta):
        return delta * (1 - self.y)


class ReLULeaks(ReLU):
    def backward(self, delta):
        return delta.copy()


class ReLUAtZero(ReLU):
    def forward(self, x):
        self.x = x
        return super().forward(x)

    def backward(self, delta):
        return np.where(self.x >= 0, delta, 0)


class ReLUOfDelta(ReLU):
    def backward(self, delta):
        return np.maximum(delta, 0)


# ------------------------------------------------------------- normalisation, dropout, sums


class _BatchNorm(BatchNorm):
    """∂L/∂x = γ/√(σ² + ε) · (δ − mean(δ) − x̂ mean(δ x̂)), in terms that can be left out."""

    def backward(self, delta):
        _, dgamma, dbeta = super().backward(delta)
        shape, axes = delta.shape, self.axes
        x_hat, inverse = self.normalized.reshape(shape), self.inverse_std
        mean = delta.mean(axis=axes, keepdims=True)
        variance = x_hat * (delta * x_hat).mean(axis=axes, keepdims=True)
        scale = self.gamma.reshape(self.parameters) * inverse
        return self.combine(delta, mean, variance, scale), dgamma, dbeta


class BatchNormWithoutMean(_BatchNorm):
    def combine(self, delta, mean, variance, scale):
        return scale * (delta - variance)


class BatchNormWithoutVariance(_BatchNorm):
    def combine(self, delta, mean, variance, scale):
        return scale * (delta - mean)


class BatchNormConstants(_BatchNorm):
    def combine(self, delta, mean, variance, scale):
        return scale * delta


class BatchNormWithoutGamma(_BatchNorm):
    def combine(self, delta, mean, variance, scale):
        return self.inverse_std * (delta - mean - variance)


class BatchNormGammaOfInput(BatchNorm):
    def forward(self, x, gamma, beta):
        self.x = x
        return super().forward(x, gamma, beta)

    def backward(self, delta):
        dx, _, dbeta = super().backward(delta)
        return dx, (delta * self.x).sum(axis=self.axes), dbeta


class MaskRedrawn(Dropout):
    def backward(self, delta):
        self.mask = numpy_generator().random(self.mask.shape) >= self.p
        return super().backward(delta)


class DropoutNotScaled(Dropout):
    def backward(self, delta):
        return delta * self.mask


class DropoutNotMasked(Dropout):
    def backward(self, delta):
        return delta / (1 - self.p)


class ShortcutDropped(Add):
    def backward(self, delta):
        return delta, np.zeros_like(delta)


class BranchDropped(Add):
    def backward(self, delta):
        return np.zeros_like(delta), delta


def _batch_norm(x, *_):
    axes = (0, *range(2, x.ndim))
    parameters = (1, x.shape[1], *(1 for _ in axes[1:]))
    return x.shape, axes, parameters, 1e-5


def _dropout(x):
    # The same mask for the same shape: differences need the same function each time.
    return np.random.default_rng(7).random(x.shape) >= 0.4, 0.4


SUBJECTS = (
    Subject(
        "linear",
        Linear,
        (
            Probe("in = out", normal((3, 4), (4, 4), (4,))),
            Probe("in ≠ out", normal((3, 5), (2, 5), (2,))),
        ),
    ),
    Subject(
        "matmul",
        Matmul,
        (
            Probe("square", normal((3, 3), (3, 3))),
            Probe("batches", normal((2, 3, 3), (2, 3, 3))),
            Probe("not square", normal((2, 3), (3, 4))),
        ),
    ),
    Subject(
        "mul",
        Mul,
        (
            Probe("broadcast", normal((2, 3, 4), (3, 1))),
            Probe("one shape", normal((2, 3), (2, 3))),
        ),
    ),
    Subject("sigmoid", Sigmoid, (Probe("random", normal((3, 4))),)),
    Subject("tanh", Tanh, (Probe("random", normal((3, 4))),)),
    Subject(
        "relu",
        ReLU,
        (
            Probe("away from 0", spread((3, 4))),
            Probe("at 0", few_values((3, 4)), options={"ties": "first"}),
        ),
    ),
    Subject(
        "batch_norm",
        BatchNorm,
        (
            Probe("images", normal((3, 2, 2, 3), (2,), (2,)), _batch_norm),
            Probe("vectors", normal((4, 3), (3,), (3,)), _batch_norm),
        ),
    ),
    Subject("dropout", Dropout, (Probe("p = 0.4", normal((4, 5)), _dropout),)),
    Subject(
        "residual",
        Add,
        # The sum of a branch and a shortcut, seen through what follows it.
        (Probe("x + f(x)", normal((2, 3), (2, 3)), around=lambda z, *_: mul(z, z)),),
    ),
)

FAULTS = tuple(
    Fault(*entry)
    for entry in (
        ("linear-delta-transposed", "∂L/∂W = Xᵀ δ, not δᵀ X", "linear", LinearDeltaTransposed),
        ("linear-weight-transposed", "∂L/∂X = δ Wᵀ, not δ W", "linear", LinearWeightTransposed),
        ("linear-db-mean", "∂L/∂b averaged instead of summed", "linear", LinearBiasMean),
        ("linear-db-one-sample", "∂L/∂b of one sample", "linear", LinearBiasOfOneSample),
        ("linear-delta-ignored", "δ taken for 1", "linear", LinearDeltaIgnored),
        ("matmul-not-transposed", "δ B and A δ without transposing", "matmul", MatmulNotTransposed),
        ("matmul-swapped", "Bᵀ δ and δ Aᵀ: the factors exchanged", "matmul", MatmulSwapped),
        (
            "broadcast-not-summed",
            "one copy's gradient, not the sum over all copies",
            "mul",
            BroadcastNotSummed,
        ),
        ("broadcast-mean", "averaged over the copies, not summed", "mul", BroadcastMean),
        ("product-swapped", "∂L/∂x and ∂L/∂y exchanged", "mul", ProductSwapped),
        (
            "sigmoid-without-complement",
            "σ' = σ, not σ (1 − σ)",
            "sigmoid",
            SigmoidWithoutComplement,
        ),
        ("sigmoid-delta-ignored", "σ' without δ", "sigmoid", SigmoidDeltaIgnored),
        ("tanh-without-square", "tanh' = 1 − tanh, not 1 − tanh²", "tanh", TanhWithoutSquare),
        ("relu-leaks", "ReLU' = 1 for negative x too", "relu", ReLULeaks),
        ("relu-at-zero", "ReLU' = 1 at 0, where 0 is used", "relu", ReLUAtZero),
        ("relu-of-delta", "negative δ cut off, instead of δ at negative x", "relu", ReLUOfDelta),
        ("bn-without-mean", "∂L/∂x without the mean of δ", "batch_norm", BatchNormWithoutMean),
        (
            "bn-without-variance",
            "∂L/∂x without the term of the variance",
            "batch_norm",
            BatchNormWithoutVariance,
        ),
        ("bn-constants", "∂L/∂x with μ and σ² as constants", "batch_norm", BatchNormConstants),
        ("bn-without-gamma", "∂L/∂x without the factor γ", "batch_norm", BatchNormWithoutGamma),
        ("bn-dgamma-of-x", "∂L/∂γ = Σ δ x, not Σ δ x̂", "batch_norm", BatchNormGammaOfInput),
        ("dropout-mask-redrawn", "another mask than forward's", "dropout", MaskRedrawn),
        ("dropout-not-scaled", "without the factor 1/(1 − p)", "dropout", DropoutNotScaled),
        ("dropout-not-masked", "scaled, but not masked", "dropout", DropoutNotMasked),
        ("residual-without-shortcut", "δ to the branch only", "residual", ShortcutDropped),
        ("residual-without-branch", "δ to the shortcut only", "residual", BranchDropped),
    )
)
