"""Arithmetic and activations, element by element."""

from minicnn.checks import ArgumentError, DtypeError, ShapeError, broadcastable, dimension
from minicnn.dtypes import int64, is_floating
from minicnn.functions.operands import floating, operand, pair
from minicnn.ops import activation, arithmetic, loss
from minicnn.tensor import apply


def add(x, y, *, alpha=1):
    """x + alpha · y, element by element, with broadcasting."""
    x, y = pair("add", x, y if alpha == 1 else mul(y, alpha))
    return apply(arithmetic.Add(), x, y)


def sub(x, y, *, alpha=1):
    """x − alpha · y, element by element, with broadcasting."""
    x, y = pair("sub", x, y if alpha == 1 else mul(y, alpha))
    if x.dtype == bool:
        raise DtypeError("sub: booleans cannot be subtracted; use ^ or logical functions")
    return apply(arithmetic.Sub(), x, y)


def mul(x, y):
    """x · y, element by element, with broadcasting."""
    return apply(arithmetic.Mul(), *pair("mul", x, y))


def div(x, y):
    """x / y, element by element, with broadcasting; integers are divided as float32."""
    x, y = pair("div", x, y)
    return apply(arithmetic.Div(), floating("div", x), floating("div", y))


def pow(x, exponent):
    """x to the power of `exponent`, element by element, with broadcasting."""
    x, y = pair("pow", x, exponent)
    if not is_floating(x.dtype) and y.numel() and y.array.min() < 0:
        raise ArgumentError("pow: integers to negative powers are not supported; use floats")
    return apply(arithmetic.Pow(), x, y)


def neg(x):
    """−x."""
    return apply(arithmetic.Neg(), operand("neg", x))


def abs(x):
    """|x|; the gradient at 0 is 0."""
    return apply(arithmetic.Abs(), operand("abs", x))


def exp(x):
    """eˣ."""
    return apply(arithmetic.Exp(), floating("exp", x))


def log(x):
    """ln x; −∞ at 0, NaN below."""
    return apply(arithmetic.Log(), floating("log", x))


def sqrt(x):
    """√x; NaN below 0."""
    return apply(arithmetic.Sqrt(), floating("sqrt", x))


def square(x):
    """x²."""
    x = operand("square", x)
    return mul(x, x) if x.dtype != bool else pow(operand("square", x, int64), 2)


def clamp(x, min=None, max=None):
    """x, but `min` where it is less and `max` where it is greater; numbers, either may be None."""
    if min is None and max is None:
        raise ArgumentError("clamp: at least one of min and max must be given")
    return apply(arithmetic.Clamp(min, max), operand("clamp", x))


def where(condition, x, y):
    """x where `condition` holds, y elsewhere; the three broadcast."""
    condition = operand("where", condition)
    if condition.dtype != bool:
        raise DtypeError(f"where: condition must be a bool tensor, got {condition.dtype}")
    x, y = pair("where", x, y)
    broadcastable("where", condition.shape, x.shape, y.shape)
    # A copy: the caller may change the condition before backward needs it.
    return apply(arithmetic.Where(condition.array.copy()), x, y)


def sigmoid(x):
    """1 / (1 + e^(−x))."""
    return apply(activation.Sigmoid(), floating("sigmoid", x))


def tanh(x):
    """The hyperbolic tangent."""
    return apply(activation.Tanh(), floating("tanh", x))


def relu(x):
    """max(x, 0); the gradient at 0 is 0."""
    return apply(activation.ReLU(), operand("relu", x))


def softmax(x, dim, dtype=None):
    """e^x over its sum along `dim`: positive numbers that sum to 1."""
    x = operand("softmax", x, dtype)
    _softmax_dtype("softmax", x)
    return apply(loss.Softmax(dimension("softmax", dim, x.ndim)), x)


def log_softmax(x, dim, dtype=None):
    """The logarithm of `softmax`, without its overflow and loss of digits."""
    x = operand("log_softmax", x, dtype)
    _softmax_dtype("log_softmax", x)
    return apply(loss.LogSoftmax(dimension("log_softmax", dim, x.ndim)), x)


def _softmax_dtype(name, x):
    if not is_floating(x.dtype):
        raise DtypeError(f"{name}: expected a floating-point tensor, got {x.dtype}; use .float()")
    if not x.ndim:
        raise ShapeError(f"{name}: expected at least one dimension, got a 0-d tensor")
