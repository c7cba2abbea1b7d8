"""Activation functions, element by element, and their gradients f'(x) · δ.

x and δ have any shape, δ that of x; results have the shape, and the dtype, of the first argument.
Where f' is easiest said with y = f(x), the gradient takes y.
"""

import numpy as np

from . import checks


def sigmoid(x):
    """Eq. sigmoid: σ(x) = 1/(1 + exp(−x)).

    x of any shape -> like x. ValueError for what are no numbers.

    >>> sigmoid([0, 1000, -1000])
    array([0.5, 1. , 0. ])
    """
    return _each(_sigmoid, "sigmoid", x=x)


def sigmoid_gradient(delta, y):
    """Eq. sigmoid: σ' = σ(1 − σ); y is the output.

    delta and y of one shape -> like delta. ValueError for different shapes.

    >>> sigmoid_gradient([4, 4], [0.5, 1])
    array([1., 0.])
    """
    return _each(lambda delta, y: delta * y * (1 - y), "sigmoid_gradient", delta=delta, y=y)


def tanh(x):
    """Eq. tanh: tanh(x) = (exp(x) − exp(−x))/(exp(x) + exp(−x)).

    x of any shape -> like x. ValueError for what are no numbers.

    >>> tanh([0, 1000])
    array([0., 1.])
    """
    # NumPy's, since exp(1000) in the formula would overflow.
    return _each(np.tanh, "tanh", x=x)


def tanh_gradient(delta, y):
    """Eq. tanh: tanh' = 1 − tanh²; y is the output.

    delta and y of one shape -> like delta. ValueError for different shapes.

    >>> tanh_gradient([4, 4], [0.5, 1])
    array([3., 0.])
    """
    return _each(lambda delta, y: delta * (1 - y**2), "tanh_gradient", delta=delta, y=y)


def relu(x):
    """Eq. relu: ReLU(x) = max(0, x).

    x of any shape -> like x. ValueError for what are no numbers.

    >>> relu([-2, 0, 3])
    array([0., 0., 3.])
    """
    return _each(lambda x: 0.0 if x < 0 else x, "relu", x=x)


def relu_gradient(delta, x):
    """Eq. relu: 1 for x > 0, 0 for x < 0; undefined at 0, where 0 is used.

    delta and x of one shape -> like delta. ValueError for different shapes.

    >>> relu_gradient([5, 5, 5], [-2, 0, 3])
    array([0., 0., 5.])
    """
    return _each(lambda delta, x: 0.0 if x <= 0 else delta, "relu_gradient", delta=delta, x=x)


def relu6(x):
    """Eq. relu6: ReLU6(x) = min(max(0, x), 6).

    x of any shape -> like x. ValueError for what are no numbers.

    >>> relu6([-2, 3, 8])
    array([0., 3., 6.])
    """
    return _each(_relu6, "relu6", x=x)


def relu6_gradient(delta, x):
    """Eq. relu6: 1 for 0 < x < 6, else 0.

    delta and x of one shape -> like delta. ValueError for different shapes.

    >>> relu6_gradient([5, 5, 5, 5], [0, 3, 6, 8])
    array([0., 5., 0., 0.])
    """

    def gradient(delta, x):
        return 0.0 if x <= 0 or x >= 6 else delta

    return _each(gradient, "relu6_gradient", delta=delta, x=x)


def hardsigmoid(x):
    """Eq. hardsigmoid: ReLU6(x + 3)/6.

    x of any shape -> like x. ValueError for what are no numbers.

    >>> hardsigmoid([-3, 0, 1.5, 4])
    array([0.  , 0.5 , 0.75, 1.  ])
    """
    return _each(lambda x: _relu6(x + 3) / 6, "hardsigmoid", x=x)


def hardsigmoid_gradient(delta, x):
    """Eq. hardsigmoid: 1/6 for −3 < x < 3, else 0.

    delta and x of one shape -> like delta. ValueError for different shapes.

    >>> hardsigmoid_gradient([12, 12, 12], [-3, 0, 4])
    array([0., 2., 0.])
    """

    def gradient(delta, x):
        return delta / 6 if -3 < x < 3 else 0.0

    return _each(gradient, "hardsigmoid_gradient", delta=delta, x=x)


def hardswish(x):
    """Eq. hardswish: x · ReLU6(x + 3)/6.

    x of any shape -> like x. ValueError for what are no numbers.

    >>> hardswish([0, 1.5, 4])
    array([0.   , 1.125, 4.   ])
    """
    return _each(lambda x: x * _relu6(x + 3) / 6, "hardswish", x=x)


def hardswish_gradient(delta, x):
    """Eq. hardswish: 0 for x ≤ −3, x/3 + 1/2 between, 1 for x ≥ 3.

    delta and x of one shape -> like delta. ValueError for different shapes.

    >>> hardswish_gradient([2, 2, 2], [-3, 0, 4])
    array([0., 1., 2.])
    """

    def gradient(delta, x):
        if x <= -3:
            return 0.0
        return delta if x >= 3 else delta * (x / 3 + 1 / 2)

    return _each(gradient, "hardswish_gradient", delta=delta, x=x)


def silu(x):
    """Eq. silu: SiLU(x) = x · σ(x).

    x of any shape -> like x. ValueError for what are no numbers.

    >>> silu([0, 1000])
    array([   0., 1000.])
    """
    return _each(lambda x: x * _sigmoid(x), "silu", x=x)


def silu_gradient(delta, x):
    """Eq. silu: σ(x) · (1 + x · (1 − σ(x))).

    delta and x of one shape -> like delta. ValueError for different shapes.

    >>> silu_gradient([2, 2], [0, 1000])
    array([1., 2.])
    """

    def gradient(delta, x):
        return delta * _sigmoid(x) * (1 + x * (1 - _sigmoid(x)))

    return _each(gradient, "silu_gradient", delta=delta, x=x)


def _sigmoid(x):
    # exp only of what is not positive: exp(1000) would overflow.
    if x >= 0:
        return 1 / (1 + np.exp(-x))
    return np.exp(x) / (1 + np.exp(x))


def _relu6(x):
    if x < 0:
        return 0.0
    return 6.0 if x > 6 else x


def _each(f, function, **arguments):
    """f, applied to one element of every argument after the other (eq. activation)."""
    dtype = checks.dtype_of(next(iter(arguments.values())))
    arrays = {name: checks.real(function, name, value) for name, value in arguments.items()}
    first, *others = arrays.values()
    for (name, _), other in zip(list(arrays.items())[1:], others, strict=True):
        checks.shape(function, name, other, first.shape)
    result = np.zeros(first.shape)
    for index in np.ndindex(first.shape):
        result[index] = f(*(array[index] for array in arrays.values()))
    return result.astype(dtype)
