"""Losses as modules."""

from minicnn.nn import functional as F
from minicnn.nn.module import Module


class NLLLoss(Module):
    """The negative log-likelihood of log-probabilities; see `minicnn.nn.functional.nll_loss`."""

    function = staticmethod(F.nll_loss)

    def __init__(self, *, ignore_index=-100, reduction="mean"):
        super().__init__()
        self.ignore_index, self.reduction = ignore_index, reduction

    def forward(self, input, target):
        return self.function(
            input, target, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(NLLLoss):
    """Softmax and cross-entropy of scores; see `minicnn.nn.functional.cross_entropy`.

    >>> import minicnn as mc
    >>> loss = mc.nn.CrossEntropyLoss()(mc.zeros(3, 10), mc.tensor([0, 5, 9]))
    >>> round(loss.item(), 4)  # ln 10
    2.3026
    """

    function = staticmethod(F.cross_entropy)
