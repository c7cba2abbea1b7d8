"""Softmax and losses. Classes lie along axis 1 of (N, K) or (N, K, d₁, d₂, …)."""

from minicnn.arrays import array_module, unbroadcast
from minicnn.gpu import beside, capturing
from minicnn.kernels import find
from minicnn.ops.activation import logistic
from minicnn.ops.base import Operation


class Softmax(Operation):
    """y_i = e^(z_i) / Σ_j e^(z_j);  ∂L/∂z = y ⊙ (δ − Σ_j δ_j y_j)."""

    equations = ("softmax",)
    saves = ("y",)
    fresh = True

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        self.y = find("softmax", z)(z, self.dim)
        return self.y

    def backward(self, delta):
        return find("softmax_gradient", delta)(delta, self.y, self.dim)


class LogSoftmax(Operation):
    """y_i = z_i − ln Σ_j e^(z_j);  ∂L/∂z = δ − softmax(z) Σ_j δ_j."""

    equations = ("log-softmax",)
    saves = ("y",)
    fresh = True

    def __init__(self, dim):
        self.dim = dim

    def forward(self, z):
        self.y = find("log_softmax", z)(z, self.dim)
        return self.y

    def backward(self, delta):
        return find("log_softmax_gradient", delta)(delta, self.y, self.dim)


class NegativeLogLikelihood(Operation):
    """L = −(1/N) Σ_n w_t y[n, t_n], t_n the target;  ∂L/∂y is −w_t δ/N at the targets, else 0.

    With weights w of the classes, N is the sum of those of the targets: Σ_n w_t. With `reduction`
    "sum" there is no 1/N; with "none" each sample keeps its own loss and δ. Samples whose target
    is `ignore_index` take no part, and N does not count them.
    """

    equations = ("nll",)
    fresh = True

    def __init__(self, target, reduction, ignore_index, weight=None):
        self.reduction, self.weight = reduction, weight
        with beside(target):
            self.counted = target != ignore_index
            # An ignored target may be any number; 0 stands in for it as an index.
            self.target = array_module(target).where(self.counted, target, 0)

    def forward(self, y):
        xp = array_module(y)
        self.shares = self.counted.astype(y.dtype)  # what a sample adds to N
        if self.weight is not None:
            self.shares *= self.weight[self.target]
        if capturing():
            # In a CUDA graph nobody can be told of a label out of range: the loss shows it.
            outside = (self.target < 0) | (self.target >= y.shape[1])
            self.shares = xp.where(outside, xp.nan, self.shares).astype(y.dtype)
        losses = -find("pick_classes", y)(y, self.target)
        # Not a product with 0: the score of an ignored sample may be infinite.
        losses = xp.where(self.counted, losses * self.shares, 0)
        return self.reduce(losses)

    def reduce(self, losses):
        """One loss for each sample → what `reduction` asks for."""
        if self.reduction == "none":
            return losses
        total = losses.sum(dtype=losses.dtype)
        # No counted sample at all: 0/0, NaN, as in PyTorch.
        return total if self.reduction == "sum" else total / self._n()

    def _n(self):
        return self.shares.sum(dtype=self.shares.dtype)

    def to_samples(self, delta):
        """∂L/∂(loss of a sample): δ/N for the mean, in the shape of the samples."""
        delta = delta / self._n() if self.reduction == "mean" else delta
        return array_module(delta).broadcast_to(delta, self.counted.shape)

    def share(self, delta, dtype):
        """What each sample's score receives, but for its sign: δ w_t/N; 0 for an ignored one."""
        share = self.to_samples(delta) * self.shares
        return array_module(delta).where(self.counted, share, 0).astype(dtype, copy=False)

    def backward(self, delta):
        shape, dtype = self.inputs[0]
        xp = array_module(delta)
        dy = xp.zeros(shape, dtype)
        share = xp.expand_dims(-self.share(delta, dtype), 1)
        xp.put_along_axis(dy, xp.expand_dims(self.target, 1), share, axis=1)
        return dy


class CrossEntropy(Operation):
    """L = −(1/N) Σ_n ln softmax(z_n)[target_n];  ∂L/∂z = δ (softmax(z) − onehot(target)) / N.

    The fused form of `LogSoftmax` followed by `NegativeLogLikelihood` (its expansion), to which its
    options belong. Softmax and logarithm cancel: the gradient is the error in the probabilities.

    With label smoothing ε, (1 − ε) onehot(target)_k + ε/K takes the place of onehot(target)_k.
    """

    equations = ("softmax-ce", "soft-ce", "label-smoothing")
    saves = ("probabilities",)
    fresh = True

    def __init__(self, target, reduction, ignore_index, weight=None, label_smoothing=0.0):
        self.nll = NegativeLogLikelihood(target, reduction, ignore_index, weight)
        self.smoothing = label_smoothing

    def forward(self, z):
        xp = array_module(z)
        y = LogSoftmax(1).forward(z)
        self.probabilities = xp.exp(y)
        loss = self.nll.run(y)
        if not self.smoothing:
            return loss
        classes = y.shape[1]
        spread = -(y * self._weights(z)).sum(axis=1)  # −Σ_k w_k ln softmax(z)_k
        spread = self.nll.reduce(xp.where(self.nll.counted, spread, 0))
        return (1 - self.smoothing) * loss + self.smoothing / classes * spread

    def _weights(self, z):
        """The weights of the classes, along axis 1."""
        weight = self.nll.weight
        if weight is None:
            return z.dtype.type(1)
        return weight.reshape(-1, *[1] * (z.ndim - 2))

    def backward(self, delta):
        if not self.smoothing:
            share = self.nll.share(delta, self.probabilities.dtype)
            gradient = find("cross_entropy_gradient", share)
            return gradient(self.probabilities, self.nll.target, share)
        # First ∂L/∂y, y the log-softmax: −δ/N at each target; 0 for a sample that is ignored.
        dy, xp = self.nll.backward(delta), array_module(delta)
        spread = xp.where(self.nll.counted, self.nll.to_samples(delta), 0)
        spread = xp.expand_dims(spread, 1) * self._weights(dy) / dy.shape[1]
        dy = (1 - self.smoothing) * dy - self.smoothing * spread
        return dy - self.probabilities * dy.sum(axis=1, keepdims=True)


class SoftCrossEntropy(Operation):
    """L = −(1/N) Σ_n Σ_k w_k q_nk ln softmax(z_n)_k, for class probabilities q as the target.

    ∂L/∂z = δ (softmax(z) Σ_k w_k q_k − w ⊙ q) / N,  ∂L/∂q = −δ w ⊙ ln softmax(z) / N.

    `weight` (or None) is w, with axes of size 1 to broadcast; with label smoothing ε,
    (1 − ε) q + ε/K takes the place of q. N counts samples, whatever their weights.
    """

    equations = ("soft-ce", "label-smoothing")
    saves = ("y", "q")
    fresh = True

    def __init__(self, reduction, weight=None, label_smoothing=0.0):
        self.reduction, self.weight, self.smoothing = reduction, weight, label_smoothing

    def _weighted(self, array):
        return array if self.weight is None else array * self.weight

    def forward(self, z, q):
        self.y, self.q = LogSoftmax(1).forward(z), q
        losses = -(self._smooth(q) * self._weighted(self.y)).sum(axis=1)
        if self.reduction == "none":
            return losses
        total = losses.sum(dtype=z.dtype)
        return total if self.reduction == "sum" else total / losses.size

    def _smooth(self, q):
        return (1 - self.smoothing) * q + self.smoothing / q.shape[1] if self.smoothing else q

    def backward(self, delta):
        xp = array_module(delta)
        if self.reduction == "none":
            delta = xp.expand_dims(delta, 1)
        elif self.reduction == "mean":
            delta = delta * (self.y.shape[1] / self.y.size)
        dz = dq = None
        if self.needs[0]:
            wq = self._weighted(self._smooth(self.q))
            dz = delta * (xp.exp(self.y) * wq.sum(axis=1, keepdims=True) - wq)
        if self.needs[1]:
            dq = -delta * (1 - self.smoothing) * self._weighted(self.y)
        return dz, dq


class SmoothL1(Operation):
    """f(d) = d²/2β where |d| < β, else |d| − β/2;  f'(d) = min(max(d/β, −1), 1)."""

    equations = ("smooth-l1",)
    saves = ("d",)
    fresh = True

    def __init__(self, beta):
        self.beta = beta

    def forward(self, d):
        self.d = d
        size = abs(d)
        square = 0.5 * d * d / self.beta
        return array_module(d).where(size < self.beta, square, size - 0.5 * self.beta)

    def backward(self, delta):
        return delta * array_module(delta).clip(self.d / self.beta, -1, 1)


class BCEWithLogits(Operation):
    """L = −p t ln σ(z) − (1 − t) ln(1 − σ(z)), element by element, z a logit and t its target.

    ∂L/∂z = δ ((p t + 1 − t) σ(z) − p t),  ∂L/∂t = −δ (p ln σ(z) − ln(1 − σ(z))).

    `positive` is p, the weight of positive examples, an array that broadcasts to z.
    """

    equations = ("bce-logits",)
    saves = ("z", "t")
    fresh = True

    def __init__(self, positive):
        self.p = positive

    def _negative_logarithms(self):
        """−ln σ(z) and −ln(1 − σ(z)): softplus of −z and of z, without computing e^|z|."""
        xp = array_module(self.z)
        common = xp.log1p(xp.exp(-abs(self.z)))
        return xp.maximum(-self.z, 0) + common, xp.maximum(self.z, 0) + common

    def forward(self, z, t):
        self.z, self.t = z, t
        if_positive, if_negative = self._negative_logarithms()
        return self.p * t * if_positive + (1 - t) * if_negative

    def backward(self, delta):
        pt = self.p * self.t
        dz = dt = None
        if self.needs[0]:
            dz = delta * ((pt + 1 - self.t) * logistic(self.z) - pt)
        if self.needs[1]:
            if_positive, if_negative = self._negative_logarithms()
            dt = delta * (self.p * if_positive - if_negative)
        return dz, dt


class KLDivergence(Operation):
    """L = t (ln t − y), element by element;  ∂L/∂y = −δ t, ∂L/∂t = δ (ln t + 1 − y).

    With `log_target` t is given as its logarithm u: L = e^u (u − y),  ∂L/∂u = δ e^u (u − y + 1).
    """

    equations = ("kl-div", "broadcast")
    saves = ("y", "t")
    fresh = True

    def __init__(self, log_target):
        self.log_target = log_target

    def forward(self, y, t):
        self.y, self.t = y, t
        xp = array_module(y)
        if self.log_target:
            return xp.exp(t) * (t - y)
        return xp.where(t == 0, 0, t * xp.log(t)) - t * y  # 0 ln 0 = 0

    def backward(self, delta):
        xp = array_module(delta)
        probability = xp.exp(self.t) if self.log_target else self.t
        dy = dt = None
        if self.needs[0]:
            dy = unbroadcast(-delta * probability, self.y.shape)
        if self.needs[1] and self.log_target:
            dt = unbroadcast(delta * probability * (self.t - self.y + 1), self.t.shape)
        elif self.needs[1]:
            dt = unbroadcast(delta * (xp.log(self.t) + 1 - self.y), self.t.shape)
        return dy, dt
