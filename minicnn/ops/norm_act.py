"""Batch normalisation, a shortcut and an activation as one operation."""

import math

from minicnn.kernels import find
from minicnn.ops.base import Operation


class BatchNormAct(Operation):
    """y = f(z),  z = γ x̂ + β + r,  x̂ = (x − μ)/√(σ² + ε): for each channel; r is a shortcut.

    With δz = f'(z) ⊙ δ, the δ that batch normalisation receives (``bn-backward``):

    ∂L/∂r = δz,  ∂L/∂β = Σ δz,  ∂L/∂γ = Σ δz ⊙ x̂
    ∂L/∂x = γ/√(σ² + ε) (δz − mean(δz) − x̂ mean(δz ⊙ x̂))

    It equals `BatchNorm`, `Add` and the activation one after the other, and keeps x alone instead
    of x̂, z and y. With `statistics`, a pair (μ, σ²), these are constants: no means are subtracted.

    After `forward`: `mean` and `var` (C), the biased variance; `count`, the values of a channel.
    """

    equations = ("bn", "bn-backward", "activation")
    saves = ("x", "y", "gamma", "beta")
    fresh = True

    def __init__(self, eps, act, statistics=None):
        self.eps, self.act, self.statistics = eps, act, statistics

    @staticmethod
    def _seen(array):
        """(N, C, …) → (N, C, places)."""
        return array.reshape(*array.shape[:2], math.prod(array.shape[2:]))

    def forward(self, x, gamma, beta, residual=None):
        # A copy: batch normalisation has no need of β for its gradient, so it may be changed.
        self.x, self.gamma, self.beta = x, gamma, beta.copy()
        self.count = x.shape[0] * math.prod(x.shape[2:])
        shortcut = None if residual is None else self._seen(residual)
        y, self.mean, self.var = find("norm_act", x)(
            self._seen(x), gamma, beta, self.eps, self.statistics, self.act, shortcut
        )
        y = y.reshape(x.shape)
        # With a shortcut z is not x's alone: then the slope is read from y.
        self.y = None if residual is None or self.act is None else y
        return y

    def backward(self, delta):
        shape, shortcut = self.inputs[0][0], len(self.inputs) == 4
        dx, dgamma, dbeta, dz = find("norm_act_gradient", delta)(
            self._seen(delta), self._seen(self.x), None if self.y is None else self._seen(self.y),
            self.gamma, self.beta, self.eps, self.statistics is not None,
            self.mean, self.var, self.act, shortcut,
        )  # fmt: skip
        gradients = dx.reshape(shape), dgamma, dbeta
        return (*gradients, dz.reshape(shape)) if shortcut else gradients
