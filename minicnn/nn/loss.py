"""Losses as modules; each keeps the options of its function in `minicnn.nn.functional`."""

from minicnn.checks import DtypeError
from minicnn.nn import functional as F
from minicnn.nn.functional.options import no_legacy
from minicnn.nn.module import Module
from minicnn.tensor import Tensor


class _Loss(Module):
    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        no_legacy(type(self).__name__, size_average, reduce)
        self.reduction = reduction

    def _keep(self, name, factors):
        """Factors as a buffer: a tensor, or None."""
        if factors is not None and not isinstance(factors, Tensor):
            raise DtypeError(
                f"{type(self).__name__}: {name} must be a tensor or None, got "
                f"{type(factors).__name__}"
            )
        self.register_buffer(name, factors)


class NLLLoss(_Loss):
    """The negative log-likelihood of log-probabilities (equation ``nll``).

    As ``torch.nn.NLLLoss``.

    Called with log-probabilities (N, K, …) or (K) and classes (N, …), int64.

    Args:
        weight: a factor for each class, (K); None: 1.
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.
        ignore_index: targets of this class count for nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (the losses themselves).

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: called with other dtypes, or with what is not a tensor.
        ShapeError: called with shapes that do not fit together.
        IndexRangeError: called with a class that is not there.

    >>> import minicnn as mc
    >>> mc.nn.NLLLoss()(mc.tensor([[-1.0, -2.0]]), mc.tensor([1])).item()
    2.0
    """

    def __init__(
        self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self._keep("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class CrossEntropyLoss(_Loss):
    """Softmax and cross-entropy of scores (equation ``softmax-ce``).

    As ``torch.nn.CrossEntropyLoss``.

    Called with scores (N, K, …) or (K) and classes (N, …), int64, or probabilities like the scores.

    Args:
        weight: a factor for each class, (K); None: 1.
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.
        ignore_index: targets of this class count for nothing.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (the losses themselves).
        label_smoothing: the share of probability given to all classes alike, 0 … 1.

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: called with other dtypes, or with what is not a tensor.
        ShapeError: called with shapes that do not fit together.
        IndexRangeError: called with a class that is not there.

    >>> import minicnn as mc
    >>> loss = mc.nn.CrossEntropyLoss()(mc.zeros(3, 10), mc.tensor([0, 5, 9]))
    >>> round(loss.item(), 4)  # ln 10
    2.3026
    """

    def __init__(
        self,
        weight=None,
        size_average=None,
        ignore_index=-100,
        reduce=None,
        reduction="mean",
        label_smoothing=0.0,
    ):
        super().__init__(size_average, reduce, reduction)
        self._keep("weight", weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class MSELoss(_Loss):
    """The mean squared error (equation ``mse``).

    As ``torch.nn.MSELoss``.

    Called with two floating-point tensors of one shape.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (the losses themselves).
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: called with other dtypes, or with what is not a tensor.
        ShapeError: called with shapes that do not fit together.

    >>> import minicnn as mc
    >>> mc.nn.MSELoss()(mc.tensor([1.0, 5.0]), mc.tensor([1.0, 2.0])).item()
    4.5
    """

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """The mean absolute error (equation ``l1``).

    As ``torch.nn.L1Loss``.

    Called with two floating-point tensors of one shape.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (the losses themselves).
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: called with other dtypes, or with what is not a tensor.
        ShapeError: called with shapes that do not fit together.

    >>> import minicnn as mc
    >>> mc.nn.L1Loss()(mc.tensor([1.0, 5.0]), mc.tensor([1.0, 2.0])).item()
    1.5
    """

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Squares of small, sizes of large differences (equation ``smooth-l1``).

    As ``torch.nn.SmoothL1Loss``.

    Called with two floating-point tensors of one shape.

    Args:
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (the losses themselves).
        beta: where the one becomes the other, ≥ 0.

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: called with other dtypes, or with what is not a tensor.
        ShapeError: called with shapes that do not fit together.

    >>> import minicnn as mc
    >>> mc.nn.SmoothL1Loss()(mc.tensor([0.5, 4.0]), mc.tensor([0.0, 0.0])).item()
    1.8125
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class BCEWithLogitsLoss(_Loss):
    """Binary cross-entropy of scores (equation ``bce-logits``).

    As ``torch.nn.BCEWithLogitsLoss``.

    Called with two floating-point tensors of one shape.

    Args:
        weight: factors that broadcast with the losses; None: 1.
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.
        reduction: ``"mean"``, ``"sum"`` or ``"none"`` (the losses themselves).
        pos_weight: factors for positive targets, one a class; None: 1.

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: called with other dtypes, or with what is not a tensor.
        ShapeError: called with shapes that do not fit together.

    >>> import minicnn as mc
    >>> round(mc.nn.BCEWithLogitsLoss()(mc.zeros(2), mc.tensor([1.0, 0.0])).item(), 4)      # ln 2
    0.6931
    """

    def __init__(
        self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
    ):
        super().__init__(size_average, reduce, reduction)
        self._keep("weight", weight)
        self._keep("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence (equation ``kl-div``).

    As ``torch.nn.KLDivLoss``.

    Called with log-probabilities and target probabilities of one shape.

    Args:
        size_average, reduce: None; PyTorch's older words for `reduction` are refused.
        reduction: ``"mean"``, ``"sum"``, ``"none"`` (the losses themselves) or ``"batchmean"``, the
            one that the mathematics mean.
        log_target: the targets are logarithms, too.

    Raises:
        ArgumentError: another reduction, or the older words.
        DtypeError: called with other dtypes, or with what is not a tensor.
        ShapeError: called with shapes that do not fit together.

    >>> import minicnn as mc
    >>> p = mc.tensor([[0.25, 0.75]])
    >>> mc.nn.KLDivLoss(reduction="batchmean")(p.log(), p).item()
    0.0
    """

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
