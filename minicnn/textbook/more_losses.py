"""More losses, as means over all elements (or, where it says so, over the batch), with gradients.

Each gradient is that of the mean, times the upstream δ, one number.
"""

import numpy as np

from . import checks
from .losses import classes


def nll_loss(y, target):
    """Eq. nll: L = −(1/N) Σ_n y[n, t_n], y being logarithms of probabilities.

    y (N, K), target (N,) whole numbers in 0 … K − 1 -> a number.

    ValueError for shapes that do not fit together, and a class that is not there.

    >>> nll_loss([[-1, -2], [-3, -4]], [0, 1])
    2.5
    """
    y = checks.array("nll_loss", "y", y, "N K")
    target = classes("nll_loss", target, y)
    total = 0.0
    for n, t in enumerate(target):
        total -= y[n, t]
    return float(total / len(y))


def nll_loss_gradient(delta, y, target):
    """Eq. nll: −δ/N at the targets, 0 elsewhere.

    delta a number, y (N, K), target (N,) -> (N, K). ValueError as in `nll_loss`.

    >>> nll_loss_gradient(4, [[-1, -2], [-3, -4]], [0, 1])
    array([[-2., -0.],
           [-0., -2.]])
    """
    dtype, y = checks.dtype_of(y), checks.array("nll_loss_gradient", "y", y, "N K")
    target = classes("nll_loss_gradient", target, y)
    dy = -np.zeros(y.shape)
    for n, t in enumerate(target):
        dy[n, t] = -delta / len(y)
    return dy.astype(dtype)


def mse_loss(x, t):
    """Eq. mse: the mean of (x − t)².

    x and t of one shape -> a number. ValueError for different shapes.

    >>> mse_loss([1, 5], [0, 2])
    5.0
    """
    return _mean("mse_loss", lambda x, t: (x - t) ** 2, x, t)


def mse_loss_gradient(delta, x, t):
    """Eq. mse: 2(x − t) δ/n; ∂L/∂t is the negative of it.

    delta a number, x and t of one shape -> ∂L/∂x like x. ValueError for different shapes.

    >>> mse_loss_gradient(3, [1, 5], [0, 2])
    array([3., 9.])
    """
    return _spread("mse_loss_gradient", lambda x, t: 2 * (x - t), delta, x, t)


def l1_loss(x, t):
    """Eq. l1: the mean of |x − t|.

    x and t of one shape -> a number. ValueError for different shapes.

    >>> l1_loss([1, 5], [0, 2])
    2.0
    """
    return _mean("l1_loss", lambda x, t: abs(x - t), x, t)


def l1_loss_gradient(delta, x, t):
    """Eq. l1: sign(x − t) δ/n, 0 where they are equal.

    delta a number, x and t of one shape -> ∂L/∂x like x. ValueError for different shapes.

    >>> l1_loss_gradient(2, [1, 2], [0, 2])
    array([1., 0.])
    """
    return _spread("l1_loss_gradient", lambda x, t: float(np.sign(x - t)), delta, x, t)


def smooth_l1_loss(x, t, beta=1.0):
    """Eq. smooth-l1: d²/2β for |d| < β, |d| − β/2 beyond; d = x − t.

    x and t of one shape, beta > 0 -> a number. ValueError for different shapes.

    >>> smooth_l1_loss([1, 4], [0, 0], beta=2)
    1.625
    """

    def loss(x, t):
        d = abs(x - t)
        return d * d / (2 * beta) if d < beta else d - beta / 2

    return _mean("smooth_l1_loss", loss, x, t)


def smooth_l1_loss_gradient(delta, x, t, beta=1.0):
    """Eq. smooth-l1: d/β for |d| < β, sign(d) beyond, times δ/n.

    delta a number, x and t of one shape, beta > 0 -> ∂L/∂x like x. ValueError for different shapes.

    >>> smooth_l1_loss_gradient(2, [1, 4], [0, 0], beta=2)
    array([0.5, 1. ])
    """

    def slope(x, t):
        d = x - t
        return d / beta if abs(d) < beta else np.sign(d)

    return _spread("smooth_l1_loss_gradient", slope, delta, x, t)


def binary_cross_entropy_with_logits(z, t):
    """Eq. bce-logits: the mean of −t ln σ(z) − (1 − t) ln(1 − σ(z)).

    z and t of one shape -> a number. ValueError for different shapes.

    >>> binary_cross_entropy_with_logits([1000, -1000], [1, 0])
    0.0
    """

    def loss(z, t):
        # max(z, 0) − z t + ln(1 + e^−|z|) is the same, and does not overflow.
        return max(z, 0) - z * t + np.log1p(np.exp(-abs(z)))

    return _mean("binary_cross_entropy_with_logits", loss, z, t)


def binary_cross_entropy_with_logits_gradient(delta, z, t):
    """Eq. bce-logits: (σ(z) − t) δ/n.

    delta a number, z and t of one shape -> ∂L/∂z like z. ValueError for different shapes.

    >>> binary_cross_entropy_with_logits_gradient(4, [0, 0], [1, 0])
    array([-1.,  1.])
    """

    def slope(z, t):
        e = np.exp(-abs(z))
        return (1 if z >= 0 else e) / (1 + e) - t

    return _spread("binary_cross_entropy_with_logits_gradient", slope, delta, z, t)


def kl_div(y, t):
    """Eq. kl-div: the mean of t (ln t − y), y being logarithms of probabilities.

    y and t of one shape -> a number. ValueError for different shapes.

    >>> kl_div([0.0, -1.0], [1.0, 0.0])
    0.0
    """
    return _mean("kl_div", lambda y, t: t * (np.log(t) - y) if t > 0 else 0.0, y, t)


def kl_div_gradient(delta, y, t):
    """Eq. kl-div: ∂L/∂y = −t δ/n.

    delta a number, y and t of one shape -> ∂L/∂y like y. ValueError for different shapes.

    >>> kl_div_gradient(2, [0.0, -1.0], [1.0, 0.0])
    array([-1., -0.])
    """
    return _spread("kl_div_gradient", lambda y, t: -t, delta, y, t)


def _both(function, x, t):
    x, t = checks.real(function, "x", x), checks.real(function, "t", t)
    checks.shape(function, "t", t, x.shape)
    return x, t


def _mean(function, loss, x, t):
    x, t = _both(function, x, t)
    total = 0.0
    for index in np.ndindex(x.shape):
        total += loss(x[index], t[index])
    return float(total / x.size)


def _spread(function, slope, delta, x, t):
    dtype = checks.dtype_of(x)
    x, t = _both(function, x, t)
    dx = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        dx[index] = slope(x[index], t[index]) * delta / x.size
    return dx.astype(dtype)
