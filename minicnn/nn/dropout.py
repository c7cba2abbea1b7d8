"""Dropout layers. They drop while training; after `eval()` they pass their input on."""

from minicnn.nn import functional as F
from minicnn.nn.functional.options import between_0_and_1
from minicnn.nn.module import Module


class Dropout(Module):
    """In training each element becomes 0 with probability `p`, the rest grows by 1/(1 − p).

    As ``torch.nn.Dropout``.

    Equation ``dropout``; nothing happens in evaluation.

    Args:
        p: the probability of dropping, 0 … 1.
        inplace: overwrite the input, of any shape.

    Raises:
        ArgumentError: p outside of 0 … 1.
        DtypeError: p that is no number; called on what is not a tensor.

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
    """In training whole maps become 0 with probability `p`, the rest grow by 1/(1 − p).

    As ``torch.nn.Dropout2d``.

    Equation ``dropout``; for inputs (N, C, H, W). Nothing happens in evaluation.

    Args:
        p: the probability of dropping, 0 … 1.
        inplace: overwrite the input, of any shape.

    Raises:
        ArgumentError: p outside of 0 … 1.
        DtypeError: p that is no number; called on what is not a tensor.

    >>> import minicnn as mc
    >>> y = mc.nn.Dropout2d(0.5)(mc.ones(2, 8, 3, 3))
    >>> bool((y.amax((2, 3)) == y.amin((2, 3))).all())
    True
    """

    function = staticmethod(F.dropout2d)


class StochasticDepth(Module):
    """A residual branch is dropped with probability `p`: for each sample, or the whole batch.

    Huang et al. 2016; equation ``stochastic-depth``. As ``torchvision.ops.StochasticDepth``; for
    inputs (N, …).

    Args:
        p: the probability of dropping.
        mode: ``"row"`` or ``"batch"``; see `minicnn.nn.functional.stochastic_depth`.

    Raises:
        ArgumentError: called, where p is outside of 0 … 1, or another mode.
        DtypeError: called on what is not a floating-point tensor.

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
