"""Activation functions f, applied element by element: ∂L/∂x = f'(x) ⊙ δ.

This f'(Z) ⊙ … is the first factor of eq. 1.16 and 1.17; the second is the δ that arrives.
"""

import math

from minicnn.arrays import array_module
from minicnn.kernels import find
from minicnn.ops.base import Operation


def logistic(x):
    """σ(x) = 1 / (1 + e^(−x)) of an array, for any x."""
    return find("logistic", x)(x)


class Sigmoid(Operation):
    """σ(x) = 1 / (1 + e^(−x));  σ' = σ (1 − σ)."""

    equations = ("sigmoid",)
    saves = ("y",)
    fresh = True

    def forward(self, x):
        self.y = logistic(x)
        return self.y

    def backward(self, delta):
        return find("logistic_gradient", delta)(delta, self.y)


class Tanh(Operation):
    """y = tanh(x);  tanh' = 1 − tanh²."""

    equations = ("tanh",)
    saves = ("y",)
    fresh = True

    def forward(self, x):
        self.y = array_module(x).tanh(x)
        return self.y

    def backward(self, delta):
        return delta * (1 - self.y * self.y)


class ReLU(Operation):
    """y = max(x, 0);  ReLU' is 1 for x > 0, else 0 (at 0 it does not exist; 0 is used)."""

    equations = ("relu",)
    saves = ("y",)
    fresh = True
    overwrites = True
    never_warns = True

    def forward(self, x):
        self.y = find("relu", x)(x, self.into)
        return self.y

    def backward(self, delta):
        # y ≤ 0 exactly where x ≤ 0, so the output is all that has to be kept.
        return find("relu_gradient", delta)(delta, self.y)


class Activation(Operation):
    """The base of those that keep x: y = f(x);  ∂L/∂x = f'(x) ⊙ δ."""

    equations = ("activation",)
    saves = ("x",)
    fresh = True

    def forward(self, x):
        self.x = x
        return self.f(x, array_module(x))

    def backward(self, delta):
        return delta * self.slope(self.x, array_module(delta))


class KernelActivation(Activation):
    """One whose f and f' ⊙ δ are kernels: `kernel`, and the same with ``_gradient`` behind it."""

    kernel = None

    def forward(self, x):
        self.x = x
        return find(self.kernel, x)(x)

    def backward(self, delta):
        return find(f"{self.kernel}_gradient", delta)(delta, self.x)


class ReLU6(KernelActivation):
    """y = min(max(x, 0), 6);  y' is 1 for 0 < x < 6, else 0."""

    equations = ("relu6",)
    kernel = "relu6"


class LeakyReLU(Activation):
    """y = max(0, x) + a min(0, x);  y' is 1 for x > 0, else the slope a."""

    equations = ("leaky-relu",)

    def __init__(self, negative_slope):
        self.a = negative_slope

    def f(self, x, xp):
        return xp.where(x > 0, x, x * self.a)

    def backward(self, delta):
        return array_module(delta).where(self.x > 0, delta, delta * self.a)


class ELU(Activation):
    """y = max(0, x) + a (e^min(0, x) − 1);  y' is 1 for x > 0, else a e^x."""

    equations = ("elu",)

    def __init__(self, alpha):
        self.a = alpha

    def f(self, x, xp):
        # expm1 keeps the digits that e^x − 1 loses near 0; of positive x, e^x could overflow.
        return xp.where(x > 0, x, self.a * xp.expm1(xp.minimum(x, 0)))

    def backward(self, delta):
        xp = array_module(delta)
        return xp.where(self.x <= 0, delta * (self.a * xp.exp(xp.minimum(self.x, 0))), delta)


class GELU(Operation):
    """y = x Φ(x);  y' = Φ(x) + x e^(−x²/2) / √(2π), Φ the cumulative normal distribution."""

    equations = ("gelu",)
    saves = ("x", "cdf")
    fresh = True

    def forward(self, x):
        self.x, self.cdf = x, find("normal_cdf", x)(x)
        return x * self.cdf

    def backward(self, delta):
        density = array_module(delta).exp(-0.5 * self.x * self.x) / math.sqrt(2 * math.pi)
        return delta * (self.cdf + self.x * density)


class GELUTanh(Activation):
    """y = (x/2) (1 + tanh u), u = √(2/π) (x + 0.044715 x³): GELU without Φ.

    y' = (1 + tanh u)/2 + (x/2) (1 − tanh² u) u'.
    """

    equations = ("gelu-tanh",)

    def _inner(self, x, xp):
        """tanh u and u'."""
        # From |x| = 10 on tanh u is ±1 to the last digit; x³ of greater x could overflow.
        x = xp.clip(x, -10, 10)
        factor = math.sqrt(2 / math.pi)
        return xp.tanh(factor * (x + 0.044715 * x**3)), factor * (1 + 3 * 0.044715 * x * x)

    def f(self, x, xp):
        t, _ = self._inner(x, xp)
        return 0.5 * x * (1 + t)

    def slope(self, x, xp):
        t, du = self._inner(x, xp)
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du


class SiLU(KernelActivation):
    """y = x σ(x);  y' = σ(x) (1 + x (1 − σ(x)))."""

    equations = ("silu",)
    kernel = "silu"


class Hardsigmoid(KernelActivation):
    """y = ReLU6(x + 3) / 6;  y' is 1/6 for −3 < x < 3, else 0."""

    equations = ("hardsigmoid",)
    kernel = "hardsigmoid"


class Hardswish(KernelActivation):
    """y = x ReLU6(x + 3) / 6;  y' is 0 for x ≤ −3, x/3 + 1/2 between, 1 for x ≥ 3."""

    equations = ("hardswish",)
    kernel = "hardswish"


class Softplus(Activation):
    """y = ln(1 + e^(βx)) / β;  y' = σ(βx). Where βx > threshold, y = x and y' = 1."""

    equations = ("softplus",)

    def __init__(self, beta, threshold):
        self.beta, self.threshold = beta, threshold

    def f(self, x, xp):
        z = self.beta * x
        # ln(e^0 + e^z), without computing e^z.
        return xp.where(z > self.threshold, x, xp.logaddexp(z, z.dtype.type(0)) / self.beta)

    def backward(self, delta):
        z = self.beta * self.x
        return array_module(delta).where(z > self.threshold, delta, delta * logistic(z))
