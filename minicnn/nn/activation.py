"""Activation functions as modules; each is applied element by element, shapes stay as they are."""

from minicnn.nn import functional as F
from minicnn.nn.module import Module


class _InPlace(Module):
    """One that can overwrite its input: saves memory where nobody else needs the input."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class ReLU(_InPlace):
    """max(x, 0), element by element; equation ``relu``. With `inplace` the input is overwritten."""

    def forward(self, input):
        return F.relu(input, self.inplace)


class ReLU6(_InPlace):
    """min(max(x, 0), 6); equation ``relu6``. With `inplace` the input is overwritten."""

    def forward(self, input):
        return F.relu6(input, self.inplace)


class LeakyReLU(_InPlace):
    """x for x > 0, else `negative_slope` · x; equation ``leaky-relu``.

    >>> LeakyReLU(0.2)
    LeakyReLU(negative_slope=0.2)
    """

    def __init__(self, negative_slope=0.01, inplace=False):
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input):
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}{', inplace=True' if self.inplace else ''}"


class ELU(_InPlace):
    """x for x > 0, else `alpha` · (eˣ − 1); equation ``elu``."""

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input):
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self):
        return f"alpha={self.alpha}{', inplace=True' if self.inplace else ''}"


class GELU(Module):
    """x · Φ(x), or with `approximate` = ``"tanh"`` its approximation; equations ``gelu``…"""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return F.gelu(input, self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(_InPlace):
    """x · σ(x), also called swish; equation ``silu``. With `inplace` the input is overwritten."""

    def forward(self, input):
        return F.silu(input, self.inplace)


class Sigmoid(Module):
    """1 / (1 + e^(−x)), element by element; equation ``sigmoid``."""

    def forward(self, input):
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent, element by element; equation ``tanh``."""

    def forward(self, input):
        return F.tanh(input)


class Hardsigmoid(_InPlace):
    """ReLU6(x + 3)/6; equation ``hardsigmoid``. With `inplace` the input is overwritten."""

    def forward(self, input):
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self):
        return ""  # PyTorch's says nothing


class Hardswish(_InPlace):
    """x · ReLU6(x + 3)/6; equation ``hardswish``. With `inplace` the input is overwritten."""

    def forward(self, input):
        return F.hardswish(input, self.inplace)

    def extra_repr(self):
        return ""


class Softplus(Module):
    """ln(1 + e^(βx))/β, but x where βx > `threshold`; equation ``softplus``."""

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input):
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Softmax(Module):
    """Positive numbers that sum to 1 along `dim`; equation ``softmax``.

    Without `dim` PyTorch's guess is taken, with a warning: see `minicnn.nn.functional.softmax`.
    """

    function = staticmethod(F.softmax)

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return self.function(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`; equation ``log-softmax``."""

    function = staticmethod(F.log_softmax)
