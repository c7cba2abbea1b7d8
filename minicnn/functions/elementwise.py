"""Arithmetic and activations, element by element."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError, broadcastable, dimension, one_of
from minicnn.device import computed, one_device
from minicnn.dtypes import as_dtype, float32, int64, is_floating
from minicnn.functions.conversions import to
from minicnn.functions.operands import (
    NUMBERS,
    common_dtype,
    fitting_number,
    floating,
    not_bool,
    operand,
    pair,
    tensor_only,
)
from minicnn.functions.shaping import squeeze, unsqueeze
from minicnn.gpu import copied
from minicnn.ops import activation, arithmetic, bounds, loss, rounding
from minicnn.tensor import Tensor, apply


def add(input, other, *, alpha=1):
    """input + alpha · other, element by element, with broadcasting."""
    return apply(arithmetic.Add(), *pair("add", input, _scaled("add", input, other, alpha)))


def sub(input, other, *, alpha=1):
    """input − alpha · other, element by element, with broadcasting."""
    for value in (input, other):
        if isinstance(value, bool) or (isinstance(value, Tensor) and value.dtype == bool):
            raise DtypeError("sub: booleans cannot be subtracted; use ^ or logical functions")
    return apply(arithmetic.Sub(), *pair("sub", input, _scaled("sub", input, other, alpha)))


def _scaled(name, input, other, alpha):
    if type(alpha) is int and alpha == 1:
        return other
    if isinstance(alpha, Tensor) and not alpha.ndim:
        alpha = alpha.item()
    if not isinstance(alpha, NUMBERS):
        raise DtypeError(f"{name}: alpha must be a number, got {type(alpha).__name__}")
    if isinstance(alpha, int) and not -(2**63) <= alpha < 2**63:
        raise ArgumentError(f"{name}: alpha does not fit into 64 bits, got {alpha}")
    dtype = common_dtype(input, other)
    if isinstance(alpha, bool) and dtype.kind != "b":
        raise DtypeError(f"{name}: alpha may be a bool only for bool tensors, not for {dtype}")
    if isinstance(alpha, float) and not is_floating(dtype):
        raise DtypeError(f"{name}: alpha must be an integer for tensors of {dtype}, got {alpha}")
    other = operand(name, other, dtype)
    return mul(other, bool(alpha) if dtype.kind == "b" else alpha)


def mul(input, other):
    """input · other, element by element, with broadcasting."""
    return apply(arithmetic.Mul(), *pair("mul", input, other))


def div(input, other, *, rounding_mode=None):
    """input / other, element by element, with broadcasting; integers are divided as float32.

    Args:
        rounding_mode: None; "floor" rounds down, "trunc" towards zero, and both keep integers
            integers. Their gradient is 0.

    Raises:
        ArgumentError: an integer is divided by 0 with a rounding mode.

    >>> import minicnn as mc
    >>> mc.div(mc.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    one_of("div", "rounding_mode", rounding_mode, (None, "trunc", "floor"))
    if rounding_mode is None:
        dtype = common_dtype(input, other)
        if not is_floating(dtype):
            # Straight to float32: a detour over uint8 would wrap −1 around.
            input, other = operand("div", input, float32), operand("div", other, float32)
        return apply(arithmetic.Div(), *pair("div", input, other))
    input, other = pair("div", input, other)
    _divisible("div", input, other)
    return apply(rounding.DivRounded(rounding_mode), input, other)


def floor_divide(input, other):
    """⌊input / other⌋, element by element, with broadcasting; without a gradient."""
    input, other = pair("floor_divide", input, other)
    _divisible("floor_divide", input, other)
    return apply(rounding.FloorDivide(), input, other)


def remainder(input, other):
    """What remains of input / other after `floor_divide`; it has the sign of `other`.

    >>> import minicnn as mc
    >>> mc.tensor([7, -7]) % 4
    tensor([3, 1])
    """
    input, other = pair("remainder", input, other)
    _divisible("remainder", input, other)
    return apply(rounding.Remainder(), input, other)


def _divisible(name, x, y):
    not_bool(name, x)
    if not is_floating(y.dtype) and x.array.size and not computed(name, np.all, y.array):
        raise ArgumentError(f"{name}: integers cannot be divided by 0 (ZeroDivisionError)")


def pow(input, exponent):
    """input to the power of `exponent`, element by element, with broadcasting."""
    x, y = pair("pow", input, exponent)
    # The number itself: as a uint8 it would not be negative any more.
    if isinstance(exponent, NUMBERS) and exponent < 0 and not is_floating(x.dtype):
        raise ArgumentError("pow: integers to negative powers are not supported; use floats")
    not_bool("pow", x)
    return apply(arithmetic.Pow(), x, y)


def neg(input):
    """−x of every element; a bool tensor is refused (equation ``neg``)."""
    not_bool("neg", tensor_only("neg", input))
    return apply(arithmetic.Neg(), input)


def pos(input):
    """+x: x itself; refused for bool tensors, as −x is."""
    not_bool("positive", input)
    return input


def abs(input):
    """|x|; the gradient at 0 is 0."""
    not_bool("abs", tensor_only("abs", input))
    return apply(arithmetic.Abs(), input)


def sign(input):
    """1 where x > 0, −1 where x < 0, else 0; the gradient is 0."""
    return apply(rounding.Sign(), tensor_only("sign", input))


def exp(input):
    """eˣ of every element; integers become float32 (equation ``exp``)."""
    return apply(arithmetic.Exp(), floating("exp", input))


def log(input):
    """ln x; −∞ at 0, NaN below."""
    return apply(arithmetic.Log(), floating("log", input))


def sqrt(input):
    """√x; NaN below 0."""
    return apply(arithmetic.Sqrt(), floating("sqrt", input))


def sin(input):
    """The sine of x in radians."""
    return apply(arithmetic.Sin(), floating("sin", input))


def cos(input):
    """The cosine of x in radians."""
    return apply(arithmetic.Cos(), floating("cos", input))


def square(input):
    """x² of every element, in the dtype of x, but int64 for truth values."""
    tensor_only("square", input)
    return mul(input, input) if input.dtype != bool else pow(operand("square", input, int64), 2)


def clamp(input, min=None, max=None):
    """x, but `min` where it is less and `max` where it is greater (and where the two cross).

    Args:
        min, max: numbers, or tensors that broadcast with x; either may be None, and a tensor that
            requires grad receives the gradient of the places where it was taken.

    >>> import minicnn as mc
    >>> mc.clamp(mc.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1. ,  0.5,  1. ])
    """
    tensor_only("clamp", input)
    limits = [b for b in (min, max) if b is not None]
    if not limits:
        raise ArgumentError("clamp: at least one of min and max must be given")
    tensors = [b for b in limits if isinstance(b, Tensor)]
    if not tensors and not all(isinstance(b, NUMBERS) for b in limits):
        raise DtypeError(f"clamp: min and max must be numbers or tensors, got {limits}")
    if tensors and len(tensors) < len(limits):
        raise DtypeError("clamp: min and max must be both numbers or both tensors")
    dtype = common_dtype(input, *limits)
    x = operand("clamp", input, dtype)
    not_bool("clamp", x)
    if tensors:
        broadcastable("clamp", input.shape, *[t.shape for t in tensors])
        tensors = [operand("clamp", t, dtype) for t in tensors]
        return apply(bounds.ClampBetween(min is not None, max is not None), x, *tensors)
    low, high = (
        b if b is None else fitting_number("clamp", np.asarray(b).item(), dtype).item()
        for b in (min, max)
    )
    return apply(arithmetic.Clamp(low, high), x)


def maximum(input, other):
    """The greater of two tensors, element by element; where they are equal each gets half of δ."""
    tensor_only("maximum", input), tensor_only("maximum", other)
    return apply(bounds.Maximum(), *pair("maximum", input, other))


def minimum(input, other):
    """The lesser of two tensors, element by element; where they are equal each gets half of δ."""
    tensor_only("minimum", input), tensor_only("minimum", other)
    return apply(bounds.Minimum(), *pair("minimum", input, other))


def where(condition, input=None, other=None):
    """`input` where `condition` (a bool tensor) holds, `other` elsewhere; the three broadcast.

    With the condition alone: the places where it is not 0, one index tensor a dimension.
    """
    tensor_only("where", condition)
    if input is None and other is None:
        found = computed("where", lambda c: np.nonzero(c.reshape(c.shape or 1)), condition.array)
        return tuple(Tensor(places) for places in found)
    if condition.dtype != bool:
        raise DtypeError(f"where: condition must be a bool tensor, got {condition.dtype}")
    x, y = pair("where", input, other)
    if condition.is_cuda:
        x, y = (t if t.ndim else to(t, condition.device) for t in (x, y))
    broadcastable("where", condition.shape, x.shape, y.shape)
    return apply(arithmetic.Where(_mask("where", condition, x, y)), x, y)


def masked_fill(input, mask, value):
    """x with `value` (a number or a 0-d tensor) where `mask`, a bool tensor, holds.

    >>> import minicnn as mc
    >>> x = mc.tensor([1.0, 2.0, 3.0])
    >>> x.masked_fill(x > 1.5, 0)
    tensor([1., 0., 0.])
    """
    tensor_only("masked_fill", input), tensor_only("masked_fill", mask)
    if mask.dtype != bool:
        raise DtypeError(f"masked_fill: mask must be a bool tensor, got {mask.dtype}")
    if isinstance(value, Tensor):
        if value.ndim:
            raise ShapeError(
                f"masked_fill: value must be a number or a 0-d tensor, got shape {value.shape}; "
                "where(mask, value, input) takes tensors of any shape"
            )
        fitting_number("masked_fill", value.item(), input.dtype)
        value = operand("masked_fill", value, input.dtype)
    elif isinstance(value, NUMBERS):
        value = Tensor(fitting_number("masked_fill", np.asarray(value).item(), input.dtype))
    else:
        raise DtypeError(f"masked_fill: value must be a number, got {type(value).__name__}")
    broadcastable("masked_fill", input.shape, mask.shape)
    return apply(arithmetic.Where(_mask("masked_fill", mask, input)), value, input)


def _mask(name, condition, *others):
    """A copy of the array of a condition, which the caller may change before backward."""
    if any(t.ndim for t in (condition, *others)):
        one_device(name, [t.array for t in (condition, *others) if t.ndim])
    return copied(condition.array)


def sigmoid(input):
    """1 / (1 + e^(−x))."""
    return apply(activation.Sigmoid(), floating("sigmoid", input))


def tanh(input):
    """The hyperbolic tangent."""
    return apply(activation.Tanh(), floating("tanh", input))


def relu(input):
    """max(x, 0); the gradient at 0 is 0."""
    not_bool("relu", tensor_only("relu", input))
    return apply(activation.ReLU(), input)


def softmax(input, dim, dtype=None):
    """e^x over its sum along `dim`: positive numbers that sum to 1."""
    return _softmax("softmax", loss.Softmax, input, dim, dtype)


def log_softmax(input, dim, dtype=None):
    """The logarithm of `softmax`, without its overflow and loss of digits."""
    return _softmax("log_softmax", loss.LogSoftmax, input, dim, dtype)


def _softmax(name, operation, input, dim, dtype):
    dim = dimension(name, dim, tensor_only(name, input).ndim)
    x = operand(name, input, None if dtype is None else as_dtype(dtype, name))
    if not is_floating(x.dtype):
        raise DtypeError(f"{name}: expected a floating-point tensor, got {x.dtype}; use .float()")
    if not x.ndim:
        return squeeze(apply(operation(0), unsqueeze(x, 0)), 0)
    return apply(operation(dim), x)
