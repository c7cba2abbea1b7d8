"""Initial values of weights: PyTorch's ``torch.nn.init``.

Each function overwrites a tensor in place, outside the graph, and returns it. Random ones take a
`generator` (default: the one that ``minicnn.manual_seed`` seeds).

A layer keeps the size of its signal if the variance of a weight is 1 over the number of inputs it
sums (`fan_in`), and the size of its gradient with 1/`fan_out`.
"""

import math

from minicnn.checks import ArgumentError, ShapeError, one_of
from minicnn.random import numpy_generator

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity, param=None):
    """By what an activation shrinks a signal, to be multiplied onto the weights.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    one_of("calculate_gain", "nonlinearity", nonlinearity, (*_GAINS, "leaky_relu"))
    return _GAINS[nonlinearity]


def fans(tensor):
    """(fan_in, fan_out): how many inputs a unit sums, and how many units an input feeds."""
    if tensor.ndim < 2:
        raise ShapeError(
            f"init: fan in and fan out need at least 2 dimensions (out, in, …), got {tensor.shape}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _overwrite(tensor, values):
    tensor.array[...] = values
    tensor._version.changes += 1
    return tensor


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform in [a, b)."""
    return _overwrite(tensor, numpy_generator(generator).uniform(a, b, tensor.shape))


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal with that mean and standard deviation."""
    return _overwrite(tensor, numpy_generator(generator).normal(mean, std, tensor.shape))


def constant_(tensor, val):
    """One number everywhere."""
    return _overwrite(tensor, val)


def zeros_(tensor):
    """0 everywhere."""
    return _overwrite(tensor, 0)


def ones_(tensor):
    """1 everywhere."""
    return _overwrite(tensor, 1)


def trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0, generator=None):
    """Normal, drawn again wherever a value falls outside [a, b]."""
    if not a < b:
        raise ArgumentError(f"trunc_normal_: expected a < b, got a={a} and b={b}")
    if mean < a - 2 * std or mean > b + 2 * std:
        raise ArgumentError(
            f"trunc_normal_: [{a}, {b}] lies more than two standard deviations ({std}) from the "
            f"mean {mean}, where almost nothing would be drawn"
        )
    rng = numpy_generator(generator)
    values = rng.normal(mean, std, tensor.shape)
    outside = (values < a) | (values > b)
    while outside.any():
        values[outside] = rng.normal(mean, std, int(outside.sum()))
        outside = (values < a) | (values > b)
    return _overwrite(tensor, values)


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform with variance gain² · 2/(fan_in + fan_out). Glorot & Bengio 2010, eq. 16.

    >>> import minicnn as mc
    >>> w = mc.nn.init.xavier_uniform_(mc.empty(120, 400))
    >>> bool(w.abs().max() <= (6 / 520) ** 0.5)
    True
    """
    fan_in, fan_out = fans(tensor)
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Normal with variance gain² · 2/(fan_in + fan_out). Glorot & Bengio 2010."""
    fan_in, fan_out = fans(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2 / (fan_in + fan_out)), generator)


def _kaiming_std(tensor, a, mode, nonlinearity):
    one_of("kaiming", "mode", mode, ("fan_in", "fan_out"))
    fan = fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform with variance gain²/fan. He et al. 2015, section 2.2."""
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal with variance gain²/fan. He et al. 2015, section 2.2."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)
