"""Activation functions, with the options of layers.

Each takes a tensor of any shape and returns one of the same shape and dtype, f applied to every
element; the gradient is f'(x) ⊙ δ. With `inplace` the input itself is overwritten and returned.
"""

import warnings

from minicnn.checks import DtypeError, dimension, one_of, truth
from minicnn.dtypes import as_dtype, is_floating
from minicnn.functions import elementwise
from minicnn.functions.operands import operand, tensor_only
from minicnn.functions.shaping import reshape
from minicnn.nn.functional.arguments import same_dtype
from minicnn.nn.functional.options import number
from minicnn.ops import activation as ops
from minicnn.ops import loss
from minicnn.rewriting import write
from minicnn.tensor import apply


def _run(name, operation, input, inplace=False, integers=False):
    tensor_only(name, input)
    if not integers:
        same_dtype(name, input)
    elif input.dtype.kind == "b":
        raise DtypeError(f"{name}: expected numbers, got bool; convert with .float()")
    inplace = inplace is not False and truth(name, "inplace", inplace)
    return write(name, input, operation) if inplace else apply(operation, input)


def relu(input, inplace=False):
    """max(x, 0), element by element (equation ``relu``); the gradient at 0 is 0.

    Args:
        input: the tensor x, of any shape.
        inplace: True: overwrite `input`.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.relu(mc.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return _run("relu", ops.ReLU(), input, inplace, integers=True)


def relu6(input, inplace=False):
    """min(max(x, 0), 6), element by element (equation ``relu6``).

    Args:
        input: the tensor x, of any shape.
        inplace: True: overwrite `input`.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.relu6(mc.tensor([-1.0, 2.0, 7.0]))
    tensor([0., 2., 6.])
    """
    return _run("relu6", ops.ReLU6(), input, inplace, integers=True)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """x for x > 0, else `negative_slope` · x (equation ``leaky-relu``).

    Args:
        input: the tensor x, floating point, of any shape.
        negative_slope: a number.
        inplace: True: overwrite `input`.

    Raises:
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.leaky_relu(mc.tensor([-1.0, 2.0]), 0.25)
    tensor([-0.25,  2.  ])
    """
    slope = number("leaky_relu", "negative_slope", negative_slope)
    return _run("leaky_relu", ops.LeakyReLU(slope), input, inplace)


def elu(input, alpha=1.0, inplace=False):
    """x for x > 0, else `alpha` · (eˣ − 1) (equation ``elu``).

    Args:
        input: the tensor x, floating point, of any shape.
        alpha: a number.
        inplace: True: overwrite `input`.

    Raises:
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.elu(mc.tensor([-1e4, 2.0]))
    tensor([-1.,  2.])
    """
    return _run("elu", ops.ELU(number("elu", "alpha", alpha)), input, inplace)


def gelu(input, approximate="none"):
    """x · Φ(x), Φ the cumulative normal distribution (equation ``gelu``).

    Args:
        input: floating point.
        approximate: ``"none"``, or ``"tanh"`` for the formula of equation ``gelu-tanh``.

    Raises:
        ArgumentError: another `approximate`. DtypeError: integers.

    >>> import minicnn as mc
    >>> mc.nn.functional.gelu(mc.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.    ,  0.8413])
    """
    one_of("gelu", "approximate", approximate, ("none", "tanh"))
    return _run("gelu", ops.GELU() if approximate == "none" else ops.GELUTanh(), input)


def silu(input, inplace=False):
    """x · σ(x), also called swish (equation ``silu``).

    Args:
        input: the tensor x, floating point, of any shape.
        inplace: True: overwrite `input`.

    Raises:
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.silu(mc.tensor([-1e4, 0.0, 1e4]))
    tensor([   -0.,     0., 10000.])
    """
    return _run("silu", ops.SiLU(), input, inplace)


def sigmoid(input):
    """1 / (1 + e^(−x)) (equation ``sigmoid``); integers become float32.

    Args:
        input: the tensor x, of any shape.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.sigmoid(mc.tensor([-1e4, 0.0, 1e4]))
    tensor([0. , 0.5, 1. ])
    """
    return elementwise.sigmoid(tensor_only("sigmoid", input))


def tanh(input):
    """The hyperbolic tangent (equation ``tanh``); integers become float32.

    Args:
        input: the tensor x, of any shape.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.tanh(mc.tensor([-1e4, 0.0, 1e4]))
    tensor([-1.,  0.,  1.])
    """
    return elementwise.tanh(tensor_only("tanh", input))


def hardsigmoid(input, inplace=False):
    """ReLU6(x + 3)/6, a sigmoid of straight lines (equation ``hardsigmoid``).

    Args:
        input: the tensor x, floating point, of any shape.
        inplace: True: overwrite `input`.

    Raises:
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.hardsigmoid(mc.tensor([-4.0, 0.0, 1.5]))
    tensor([0.  , 0.5 , 0.75])
    """
    return _run("hardsigmoid", ops.Hardsigmoid(), input, inplace)


def hardswish(input, inplace=False):
    """x · ReLU6(x + 3)/6 (equation ``hardswish``).

    Args:
        input: the tensor x, floating point, of any shape.
        inplace: True: overwrite `input`.

    Raises:
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.hardswish(mc.tensor([-4.0, 1.5, 4.0]))
    tensor([-0.   ,  1.125,  4.   ])
    """
    return _run("hardswish", ops.Hardswish(), input, inplace)


def softplus(input, beta=1.0, threshold=20.0):
    """ln(1 + e^(βx))/β, a smooth ReLU (equation ``softplus``); x itself where βx > `threshold`.

    Args:
        input: the tensor x, floating point, of any shape.
        beta, threshold: numbers; β > 0.

    Raises:
        DtypeError: not a floating-point tensor.

    >>> import minicnn as mc
    >>> mc.nn.functional.softplus(mc.tensor([-1e4, 0.0, 1e4]))
    tensor([0.0000e+00, 6.9315e-01, 1.0000e+04])
    """
    beta = number("softplus", "beta", beta)
    return _run("softplus", ops.Softplus(beta, number("softplus", "threshold", threshold)), input)


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    """e^x over its sum along `dim`: positive numbers that sum to 1 (equation ``softmax``).

    Args:
        input: any shape; floating point, unless `dtype` says what to make of it.
        dim: the dimension of the classes. Without it, as in PyTorch, 0 for 0, 1 or 3 dimensions
            and else 1, with a warning.
        _stacklevel: not used; it is in PyTorch's signature.
        dtype: convert the input to it first.

    Raises:
        IndexRangeError: no such dimension. DtypeError: integers.

    >>> import minicnn as mc
    >>> mc.nn.functional.softmax(mc.tensor([[1.0, 1.0], [1e4, 0.0]]), dim=1)
    tensor([[0.5, 0.5],
            [1. , 0. ]])
    """
    return _over_classes("softmax", loss.Softmax, input, dim, dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """The logarithm of `softmax`, without its overflow and loss of digits (``log-softmax``).

    Arguments and errors as `softmax`.

    Args:
        input: the tensor x, floating point, of any shape.
        dim: the dimension of the classes; without it that of `softmax`.
        _stacklevel: not used; it is in PyTorch's signature.
        dtype: convert the input to it first.

    Raises:
        DtypeError: not a floating-point tensor.
        IndexRangeError: no such dimension.

    >>> import minicnn as mc
    >>> mc.nn.functional.log_softmax(mc.tensor([1e4, 0.0]), dim=0)
    tensor([     0., -10000.])
    """
    return _over_classes("log_softmax", loss.LogSoftmax, input, dim, dtype)


def _over_classes(name, operation, input, dim, dtype):
    tensor_only(name, input)
    if dim is None:
        dim = 0 if input.ndim in (0, 1, 3) else 1
        warnings.warn(
            f"{name}: dim was not given; dimension {dim} was taken for an input of {input.ndim} "
            f"dimensions, as PyTorch does. Say which one the classes are: dim={dim}",
            UserWarning,
            stacklevel=4,
        )
    if dtype is not None:
        input = operand(name, input, as_dtype(dtype, name))
    if not is_floating(input.dtype):
        raise DtypeError(
            f"{name}: expected a floating-point tensor, got {input.dtype}; use .float() or dtype="
        )
    dim = dimension(name, dim, input.ndim)
    if not input.ndim:  # a single number is the only one of its kind
        return reshape(apply(operation(0), reshape(input, 1)), ())
    return apply(operation(dim), input)
