"""Variance, standard deviation, and the logarithm of a sum of exponentials."""

from minicnn.arrays import array_module, largest
from minicnn.ops.reduction import Reduction


class Var(Reduction):
    """z = Σ (x − μ)² / (n − c), with μ the mean;  ∂L/∂x = δ · 2 (x − μ) / (n − c).

    c is the correction: 1 for the unbiased estimate. That μ depends on x too adds nothing, since
    the deviations from it sum to 0. Where n ≤ c, 0 takes the place of n − c.
    """

    equations = ("var",)
    saves = ("x", "z")
    fresh = True

    def __init__(self, dims, keepdim=False, correction=1, whole=False):
        super().__init__(dims, keepdim)
        self.correction, self.whole = correction, whole

    def forward(self, x):
        self.x = x
        self.n = 1
        for d in self.dims:
            self.n *= x.shape[d]
        deviation = self._deviation(x)
        total = (deviation * deviation).sum(axis=self.dims, keepdims=self.keepdim)
        self.z = self._root(total / total.dtype.type(max(self.n - self.correction, 0)))
        self.z = array_module(x).asarray(self.z.astype(x.dtype))
        return self.z

    def _deviation(self, x):
        # float16 has too few digits for the difference of two sums.
        x = x.astype("float32") if x.dtype == "float16" else x
        # The sum over an empty dimension divided by 0: NaN, without NumPy's warning.
        return x - x.sum(axis=self.dims, keepdims=True) / x.dtype.type(self.n)

    def _root(self, variance):
        return variance

    def backward(self, delta):
        xp = array_module(delta)
        deviation = self._deviation(self.x)
        free = deviation.dtype.type(self.n - self.correction)
        if self.whole and free <= 0:
            # PyTorch's answer where no dimension was named.
            slope = xp.where(deviation == 0, float("nan"), float("inf"))
        else:
            slope = deviation * (2 / free)
        return (self.stretch(self._to_variance(delta)) * slope).astype(self.x.dtype)

    def _to_variance(self, delta):
        return delta


class Std(Var):
    """z = √(Σ (x − μ)² / (n − c));  δ reaches the variance as δ / 2z, 0 where z is 0."""

    equations = ("std",)

    def _root(self, variance):
        return array_module(variance).sqrt(variance)

    def _to_variance(self, delta):
        return array_module(delta).where(self.z == 0, 0, delta / (2 * self.z))


class LogSumExp(Reduction):
    """z = ln Σ e^x;  ∂L/∂x = δ · e^(x − z), the softmax of x."""

    equations = ("softmax",)
    saves = ("x", "z")
    fresh = True

    def forward(self, x):
        self.x = x
        xp = array_module(x)
        # ln Σ e^x = m + ln Σ e^(x − m): with the maximum as m nothing overflows. An infinite
        # maximum would give ∞ − ∞; the plain formula is right there.
        m = largest(x, self.dims)
        m = xp.where(xp.isinf(m), 0, m).astype(x.dtype)
        total = xp.log(xp.exp(x - m).sum(axis=self.dims, keepdims=True)) + m
        kept = tuple(s for i, s in enumerate(x.shape) if i not in self.dims)
        self.z = total if self.keepdim else total.reshape(kept)
        return self.z

    def backward(self, delta):
        return self.stretch(delta) * array_module(delta).exp(self.x - self.stretch(self.z))
