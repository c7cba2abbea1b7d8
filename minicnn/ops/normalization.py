"""Normalisation: x̂ with mean 0 and variance 1, over whatever shares a μ and a σ²."""

import math

from minicnn.arrays import array_module
from minicnn.kernels import find
from minicnn.ops.base import Operation


def _sum(array, axes):
    """Σ over `axes`, which stay with size 1. In float64: a channel may hold millions of values."""
    return array.sum(axis=axes, keepdims=True, dtype="float64").astype(array.dtype)


class Normalization(Operation):
    """x̂ = (x − μ)/√(σ² + ε), y = γ ⊙ x̂ + β, and with g = γ ⊙ δ (``norm-backward``):

    ∂L/∂β = Σ δ,  ∂L/∂γ = Σ δ ⊙ x̂
    ∂L/∂x = (g − mean(g) − x̂ ⊙ mean(g ⊙ x̂)) / √(σ² + ε)

    x is seen as an array of shape `view`; μ, σ² and the two means run over its `axes`, and γ and β
    fit to it as `parameters`. `statistics`, a pair (μ, σ²), takes the place of the batch's own,
    which are constants then: ∂L/∂x = g / √(σ² + ε).

    After `forward`: `mean` and `var`, the biased variance, along `axes` of size 1.
    """

    equations = ("norm-backward",)
    saves = ("gamma", "normalized", "inverse_std")
    fresh = True

    def __init__(self, view, axes, parameters, eps, statistics=None):
        self.view, self.axes, self.parameters, self.eps = view, axes, parameters, eps
        self.statistics = statistics
        self.count = max(1, math.prod(view[axis] for axis in axes))  # M; 1 where x is empty

    def _seen(self, array):
        """`array`, of the shape of x, as the view; float16 has too few digits to add up in."""
        array = array.reshape(self.view)
        return array.astype("float32") if array.dtype == "float16" else array

    def forward(self, x, gamma, beta):
        shape, dtype = x.shape, x.dtype
        x = self._seen(x)
        if self.statistics is None:
            self.mean = _sum(x, self.axes) / self.count
            centred = x - self.mean
            # Of what is centred: E[x²] − μ² would lose all digits where μ is large against σ.
            self.var = _sum(centred * centred, self.axes) / self.count
        else:
            self.mean, self.var = (s.astype(x.dtype) for s in self.statistics)
            centred = x - self.mean
        self.inverse_std = 1 / array_module(x).sqrt(self.var + self.eps)
        centred *= self.inverse_std
        self.normalized, self.gamma = centred, gamma
        y = self._fitting(gamma) * self.normalized
        y += self._fitting(beta)
        return y.reshape(shape).astype(dtype, copy=False)

    def _fitting(self, parameter):
        return self._as_seen(parameter).reshape(self.parameters)

    @staticmethod
    def _as_seen(array):
        return array.astype("float32") if array.dtype == "float16" else array

    def backward(self, delta):
        (shape, dtype), (_, gamma_dtype), (_, beta_dtype) = self.inputs
        delta = self._seen(delta)
        one_for_many = tuple(axis for axis, size in enumerate(self.parameters) if size == 1)
        dbeta, dgamma = _sum(delta, one_for_many), _sum(delta * self.normalized, one_for_many)
        dx = None
        if self.needs[0]:
            dx = self._input_gradient(delta, dgamma, dbeta).reshape(shape)
            dx = dx.astype(dtype, copy=False)
        parameter_shape = self.inputs[1][0]
        return (
            dx,
            dgamma.reshape(parameter_shape).astype(gamma_dtype, copy=False),
            dbeta.reshape(parameter_shape).astype(beta_dtype, copy=False),
        )

    def _input_gradient(self, delta, dgamma, dbeta):
        g = self._fitting(self.gamma) * delta
        if self.statistics is not None:
            return g * self.inverse_std
        mean_g = _sum(g, self.axes) / self.count
        mean_gx = _sum(g * self.normalized, self.axes) / self.count
        g -= mean_g
        g -= self.normalized * mean_gx
        g *= self.inverse_std
        return g


class BatchNorm(Normalization):
    """x̂ = (x − μ)/√(σ² + ε), y = γ x̂ + β, for each channel over the M values of the batch:

    ∂L/∂β = Σ δ,  ∂L/∂γ = Σ δ ⊙ x̂
    ∂L/∂x = γ/(M √(σ² + ε)) (M δ − ∂L/∂β − x̂ ∂L/∂γ)

    With `statistics` (the running ones) ∂L/∂x = γ δ / √(σ² + ε).
    """

    equations = ("bn", "bn-backward")

    def __init__(self, view, axes, parameters, eps, statistics=None):
        super().__init__(view, axes, parameters, eps, statistics)
        self.view = (*view[:2], math.prod(view[2:]))  # (N, C, L)

    def forward(self, x, gamma, beta):
        shape, dtype = x.shape, x.dtype
        x = self._seen(x)
        if self.statistics is None:
            mean, var = find("channel_moments", x)(x)
        else:
            mean, var = (s.reshape(-1).astype(x.dtype) for s in self.statistics)
        inverse = 1 / array_module(x).sqrt(var + x.dtype.type(self.eps))
        scale, shift = (p.reshape(-1).astype(x.dtype) for p in (gamma, beta))
        self.normalized, y = find("channel_normalize", x)(x, mean, inverse, scale, shift)
        self.mean, self.var, self.inverse_std = (
            numbers.reshape(self.parameters) for numbers in (mean, var, inverse)
        )
        self.gamma = gamma
        return y.reshape(shape).astype(dtype, copy=False)

    def backward(self, delta):
        (shape, dtype), (parameter_shape, gamma_dtype), (_, beta_dtype) = self.inputs
        delta = self._seen(delta)
        dbeta, dgamma = find("channel_sums", delta)(delta, self.normalized)
        dx = None
        if self.needs[0]:
            # μ and σ² depend on every x of the channel: hence the two means. Constants have none.
            share = 0 if self.statistics is not None else 1 / self.count
            means = ((s * share).astype(delta.dtype) for s in (dbeta, dgamma))
            scale = self.gamma.reshape(-1).astype(delta.dtype) * self.inverse_std.reshape(-1)
            dx = find("channel_gradient", delta)(delta, self.normalized, scale, *means)
            dx = dx.reshape(shape).astype(dtype, copy=False)
        return (
            dx,
            dgamma.reshape(parameter_shape).astype(gamma_dtype, copy=False),
            dbeta.reshape(parameter_shape).astype(beta_dtype, copy=False),
        )


class LayerNorm(Normalization):
    """x̂ = (x − μ)/√(σ² + ε), y = γ ⊙ x̂ + β, μ and σ² over the last axes of one sample."""

    equations = ("layer-norm", "norm-backward")


class GroupNorm(Normalization):
    """x̂ = (x − μ_g)/√(σ_g² + ε), y = γ_c x̂ + β_c, μ_g and σ_g² over one sample's group."""

    equations = ("group-norm", "norm-backward")


class InstanceNorm(Normalization):
    """x̂ = (x − μ_nc)/√(σ_nc² + ε), y = γ_c x̂ + β_c, over one channel of one sample."""

    equations = ("instance-norm", "norm-backward")


class LocalResponseNorm(Operation):
    """b^i = a^i (s^i)^(−β), s^i = k + (α/n) Σ_j (a^j)² over j = i − n/2 … i + (n − 1)//2;

    ∂L/∂a^i = δ^i (s^i)^(−β) − 2 (α/n) β a^i Σ_j δ^j a^j (s^j)^(−β−1), over the j whose window
    holds i: the mirrored one. PyTorch's convention: α is divided by n. a is (N, C, …).
    """

    equations = ("lrn", "lrn-backward")
    saves = ("a", "s")
    fresh = True

    def __init__(self, size, alpha, beta, k):
        self.alpha, self.beta, self.k = alpha / size, beta, k
        self.before, self.after = size // 2, (size - 1) // 2

    def _over_channels(self, x, before, after):
        """Σ of the channels i − before … i + after; those outside 0 … C − 1 are 0."""
        total, channels = x.copy(), x.shape[1]
        for d in range(1, min(before, channels - 1) + 1):
            total[:, d:] += x[:, :-d]
        for d in range(1, min(after, channels - 1) + 1):
            total[:, :-d] += x[:, d:]
        return total

    def forward(self, a):
        self.a = a
        self.s = self.k + self.alpha * self._over_channels(a * a, self.before, self.after)
        return a / self.s**self.beta

    def backward(self, delta):
        power = self.s**-self.beta
        through_s = self._over_channels(delta * self.a * power / self.s, self.after, self.before)
        return delta * power - 2 * self.alpha * self.beta * self.a * through_s


class LpNorm(Operation):
    """r = (Σ |x|^p)^(1/p) over `dims`, which stay with size 1;  ∂r/∂x = sign(x) (|x|/r)^(p−1).

    Where r = 0, or |x| = 0 with p < 2, there is no derivative: 0 is used.
    """

    equations = ("lp-norm",)
    saves = ("x", "r")
    fresh = True

    def __init__(self, p, dims):
        self.p, self.dims = p, dims

    def forward(self, x):
        self.x = x
        size = abs(x)
        options = {"axis": self.dims, "keepdims": True}
        if self.p == 0:
            self.r = (x != 0).sum(**options).astype(x.dtype)
        elif math.isinf(self.p):
            self.r = size.max(**options) if self.p > 0 else size.min(**options)
        elif self.p == 2:
            self.r = array_module(x).sqrt((x * x).sum(**options))
        else:
            self.r = (size**self.p).sum(**options) ** (1 / self.p)
        return self.r

    def backward(self, delta):
        xp = array_module(delta)
        if self.p == 0:
            return xp.zeros(self.x.shape, delta.dtype)
        sign = xp.sign(self.x)
        if math.isinf(self.p):
            reached = abs(self.x) == self.r
            shares = delta / reached.sum(axis=self.dims, keepdims=True)
            return (sign * reached * shares).astype(delta.dtype)
        slope = (abs(self.x) / self.r) ** (self.p - 1)
        flat = (self.r == 0) | ((self.x == 0) if self.p < 2 else False)
        return xp.where(flat, 0, delta * sign * slope).astype(delta.dtype)
