"""Softmax and losses, written with exponentials, logarithms and sums."""

from minicnn.creation import arange
from minicnn.functions.elementwise import abs, exp, log, mul, square, where
from minicnn.functions.reductions import amax, mean, sum
from minicnn.functions.shaping import permute, reshape, unsqueeze
from minicnn.nn.functional.activation import log_softmax as fused_log_softmax
from minicnn.nn.functional.activation import softplus


def _shifted(input, dim):
    # A constant that cancels; it keeps e^x finite.
    return input - amax(input.detach(), dim, keepdim=True)


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """e^x / Σ e^x (eq. ``softmax``)."""
    e = exp(_shifted(input if dtype is None else input.to(dtype), dim))
    return e / sum(e, dim, keepdim=True)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """x − ln Σ e^x (eq. ``log-softmax``)."""
    x = _shifted(input if dtype is None else input.to(dtype), dim)
    return x - log(sum(exp(x), dim, keepdim=True))


def _averaged(losses, reduction, count=None):
    if reduction == "none":
        return losses
    if reduction == "sum":
        return sum(losses)
    return mean(losses) if count is None else sum(losses) / count


def nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """−w_t · input[n, t_n], picked by index; the mean over Σ w_t (eq. ``nll``)."""
    if input.ndim == 1:
        losses, shares = _picked(unsqueeze(input, 0), reshape(target, 1), weight, ignore_index)
        losses = reshape(losses, ())
    else:
        losses, shares = _picked(input, target, weight, ignore_index)
    return _averaged(losses, reduction, sum(shares))


def _picked(input, target, weight, ignore_index):
    """The losses of the samples, and what each adds to the divisor of the mean."""
    counted = target != ignore_index
    labels = where(counted, target, 0).long()
    # (N, K, d…) → (N·d…, K): each row holds the scores of one sample.
    rows = permute(input, 0, *range(2, input.ndim), 1)
    rows = reshape(rows, (labels.numel(), input.shape[1]))
    scores = reshape(rows[arange(labels.numel()), reshape(labels, -1)], labels.shape)
    shares = counted.to(input.dtype)
    if weight is not None:
        shares = shares * weight[labels]
    return where(counted, -scores * shares, 0.0), shares


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """`nll_loss` of `log_softmax` (``softmax-ce``), or −Σ w ⊙ q ⊙ log_softmax (``soft-ce``)."""
    dim = min(1, input.ndim - 1)
    classes, smoothing = input.shape[dim], label_smoothing
    y = fused_log_softmax(input, dim)
    weighted = y
    if weight is not None:
        weighted = y * reshape(weight, (-1,) + (1,) * max(0, input.ndim - 2))
    if target.shape == input.shape:
        q = (1 - smoothing) * target.to(input.dtype) + smoothing / classes
        losses = -sum(q * weighted, dim)
        return _averaged(losses, reduction, max(1, losses.numel()))
    options = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    loss = nll_loss(y, target, **options)
    if not smoothing:
        return loss
    counted = reshape(target != ignore_index, y.shape[:dim] + y.shape[dim + 1 :])
    spread = where(counted, -sum(weighted, dim), 0.0)
    shares = counted.to(y.dtype)
    if weight is not None:
        shares = shares * weight[where(counted, reshape(target, counted.shape), 0).long()]
    spread = _averaged(spread, reduction, sum(shares))
    return (1 - smoothing) * loss + smoothing / classes * spread


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d²/2β or |d| − β/2, whichever applies (eq. ``smooth-l1``)."""
    d = input - target
    losses = abs(d)
    if beta:
        losses = where(abs(d) < beta, square(d) / (2 * beta), abs(d) - beta / 2)
    return _averaged(losses, reduction)


def binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """−p t ln σ(z) − (1 − t) ln(1 − σ(z)) (eq. ``bce-logits``)."""
    # ln σ(z) = −softplus(−z), ln(1 − σ(z)) = −softplus(z); nothing is cut off.
    positive = target * softplus(-input, threshold=float("inf"))
    negative = (1 - target) * softplus(input, threshold=float("inf"))
    losses = (positive if pos_weight is None else mul(pos_weight, positive)) + negative
    return _averaged(losses if weight is None else mul(losses, weight), reduction)


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """t (ln t − y) (eq. ``kl-div``)."""
    if log_target:
        losses = exp(target) * (target - input)
    else:
        # 0 ln 0 = 0
        losses = target * log(where(target == 0, 1.0, target)) - target * input
    if reduction == "batchmean":
        return sum(losses) / (input.shape[0] if input.ndim else 1)
    return _averaged(losses, reduction)


EXPANSIONS = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "nll_loss": nll_loss,
    "cross_entropy": cross_entropy,
    "smooth_l1_loss": smooth_l1_loss,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "kl_div": kl_div,
}
