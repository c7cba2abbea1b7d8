"""More activation functions, element by element: leaky ReLU, ELU, GELU, softplus."""

import numpy as np

from .activations import _each


def leaky_relu(x, slope=0.01):
    """Eq. leaky-relu: x for x > 0, slope · x below.

    x of any shape -> like x. ValueError for what are no numbers.

    >>> leaky_relu([-2, 3], 0.5)
    array([-1.,  3.])
    """
    return _each(lambda x: x if x > 0 else slope * x, "leaky_relu", x=x)


def leaky_relu_gradient(delta, x, slope=0.01):
    """Eq. leaky-relu: f' is 1 for x > 0, the slope below and at 0.

    delta and x of one shape -> like delta. ValueError for different shapes.

    >>> leaky_relu_gradient([4, 4], [-2, 3], 0.5)
    array([2., 4.])
    """

    def gradient(delta, x):
        return delta if x > 0 else slope * delta

    return _each(gradient, "leaky_relu_gradient", delta=delta, x=x)


def elu(x, alpha=1.0):
    """Eq. elu: x for x > 0, α(exp(x) − 1) below.

    x of any shape, alpha = α a number -> like x. ValueError for what are no numbers.

    >>> elu([-1000, 3], 2)
    array([-2.,  3.])
    """
    return _each(lambda x: x if x > 0 else alpha * np.expm1(x), "elu", x=x)


def elu_gradient(delta, x, alpha=1.0):
    """Eq. elu: f' is 1 for x > 0, α exp(x) below.

    delta and x of one shape, alpha = α -> like delta. ValueError for different shapes.

    >>> elu_gradient([4, 4], [0, 3], 2)
    array([8., 4.])
    """

    def gradient(delta, x):
        return delta if x > 0 else delta * alpha * np.exp(x)

    return _each(gradient, "elu_gradient", delta=delta, x=x)


def gelu(x):
    """Eq. gelu: x Φ(x), Φ the distribution function of the normal distribution.

    x of any shape -> like x. ValueError for what are no numbers.

    >>> gelu([-1000, 0, 1000])
    array([  -0.,    0., 1000.])
    """
    return _each(lambda x: x * _phi(x), "gelu", x=x)


def gelu_gradient(delta, x):
    """Eq. gelu: f' = Φ(x) + x φ(x), φ = Φ' the density.

    delta and x of one shape -> like delta. ValueError for different shapes.

    >>> gelu_gradient([2], [0])
    array([1.])
    """

    def gradient(delta, x):
        density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
        return delta * (_phi(x) + x * density)

    return _each(gradient, "gelu_gradient", delta=delta, x=x)


def softplus(x, beta=1.0):
    """Eq. softplus: ln(1 + exp(βx))/β.

    x of any shape, beta = β a number -> like x. ValueError for what are no numbers.

    >>> softplus([1000, -1000])
    array([1000.,    0.])
    """
    # ln(1 + e^u) = max(u, 0) + ln(1 + e^−|u|): exp(1000) would overflow.
    return _each(
        lambda x: (max(beta * x, 0) + np.log1p(np.exp(-abs(beta * x)))) / beta, "softplus", x=x
    )


def softplus_gradient(delta, x, beta=1.0):
    """Eq. softplus: f' = σ(βx).

    delta and x of one shape, beta = β -> like delta. ValueError for different shapes.

    >>> softplus_gradient([4], [0])
    array([2.])
    """

    def gradient(delta, x):
        e = np.exp(-abs(beta * x))
        return delta * (1 if x >= 0 else e) / (1 + e)

    return _each(gradient, "softplus_gradient", delta=delta, x=x)


def _phi(x):
    """Φ(x) = 1/2 + φ(x) (x + x³/3 + x⁵/(3·5) + x⁷/(3·5·7) + …)  (Marsaglia 2004)."""
    if abs(x) > 8:
        return 0.0 if x < 0 else 1.0
    term = total = x
    k = 1
    while abs(term) > 1e-18 * abs(total):
        k += 2
        term *= x * x / k
        total += term
    return 0.5 + total * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
