"""Dropout layers. They drop while training; after `eval()` they pass their input on."""

from minicnn.nn import functional as F
from minicnn.nn.functional.options import between_0_and_1
from minicnn.nn.module import Module


class Dropout(Module):
    """Each element becomes 0 with probability `p`; see `minicnn.nn.functional.dropout`.

    >>> import minicnn as mc
    >>> drop = Dropout(0.9).eval()
    >>> drop(mc.ones(3))
    tensor([1., 1., 1.])
    """

    function = staticmethod(F.dropout)

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        between_0_and_1(type(self).__name__, "p", p)
        self.p, self.inplace = p, inplace

    def forward(self, input):
        return self.function(input, self.p, self.training, self.inplace)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout2d(Dropout):
    """Whole maps become 0 with probability `p`; see `minicnn.nn.functional.dropout2d`."""

    function = staticmethod(F.dropout2d)


class StochasticDepth(Module):
    """A residual branch is dropped with probability `p`: for each sample, or the whole batch.

    Args:
        p: the probability of dropping.
        mode: ``"row"`` or ``"batch"``; see `minicnn.nn.functional.stochastic_depth`.

    >>> StochasticDepth(0.2, "row")
    StochasticDepth(p=0.2, mode=row)
    """

    def __init__(self, p, mode):
        super().__init__()
        self.p, self.mode = p, mode

    def forward(self, input):
        return F.stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self):
        return f"p={self.p}, mode={self.mode}"
