"""Activation functions as modules."""

from minicnn.nn import functional as F
from minicnn.nn.module import Module


class ReLU(Module):
    """max(x, 0), element by element; equation ``relu``. With `inplace` the input is overwritten."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input):
        return F.relu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    """1 / (1 + e^(−x)), element by element; equation ``sigmoid``."""

    def forward(self, input):
        return F.sigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent, element by element; equation ``tanh``."""

    def forward(self, input):
        return F.tanh(input)


class Softmax(Module):
    """Positive numbers that sum to 1 along `dim`; equation ``softmax``."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return F.softmax(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`; equation ``log-softmax``."""

    def forward(self, input):
        return F.log_softmax(input, self.dim)
