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
    """input + alpha · other, element by element, with broadcasting.

    As ``torch.add``.

    Args:
        input, other: tensors or numbers (one of them may be an array), whose shapes broadcast.
        alpha: a number; an integer where the dtypes are those of integers.

    Raises:
        DtypeError: neither tensor nor number; or an `alpha` that the dtype cannot take.
        ShapeError: the shapes do not broadcast.
        ArgumentError: an `alpha` that does not fit into 64 bits.

    >>> import minicnn as mc
    >>> mc.add(mc.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    return apply(arithmetic.Add(), *pair("add", input, _scaled("add", input, other, alpha)))


def sub(input, other, *, alpha=1):
    """input − alpha · other, element by element, with broadcasting.

    As ``torch.sub``.

    Args:
        input, other: tensors or numbers (one of them may be an array), whose shapes broadcast.
        alpha: a number; an integer where the dtypes are those of integers.

    Raises:
        DtypeError: neither tensor nor number; or an `alpha` that the dtype cannot take.
        ShapeError: the shapes do not broadcast.
        ArgumentError: an `alpha` that does not fit into 64 bits.
        DtypeError: truth values, whose difference is not defined.

    >>> import minicnn as mc
    >>> mc.sub(mc.tensor([1.0, 2.0]), mc.tensor([[1.0], [2.0]]))
    tensor([[ 0.,  1.],
            [-1.,  0.]])
    """
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
    dtype = common_dtype(name, input, other)
    if dtype is None:  # neither of them is a tensor or a number
        tensor_only(name, input)
    if isinstance(alpha, bool) and dtype.kind != "b":
        raise DtypeError(f"{name}: alpha may be a bool only for bool tensors, not for {dtype}")
    if isinstance(alpha, float) and not is_floating(dtype):
        raise DtypeError(f"{name}: alpha must be an integer for tensors of {dtype}, got {alpha}")
    other = operand(name, other, dtype)
    return mul(other, bool(alpha) if dtype.kind == "b" else alpha)


def mul(input, other):
    """input · other, element by element, with broadcasting.

    As ``torch.mul``.

    Args:
        input, other: tensors or numbers (one of them may be an array), whose shapes broadcast.

    Raises:
        DtypeError: neither tensor nor number.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.mul(mc.tensor([1.0, 2.0]), mc.tensor([[1.0], [3.0]]))
    tensor([[1., 2.],
            [3., 6.]])
    """
    return apply(arithmetic.Mul(), *pair("mul", input, other))


def div(input, other, *, rounding_mode=None):
    """input / other, element by element, with broadcasting; integers are divided as float32.

    As ``torch.div``.

    Args:
        input, other: tensors or numbers (one of them may be an array), whose shapes broadcast.
        rounding_mode: None; "floor" rounds down, "trunc" towards zero, and both keep integers
            integers. Their gradient is 0.

    Raises:
        ArgumentError: an integer is divided by 0 with a rounding mode.
        DtypeError: neither tensor nor number.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.div(mc.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    one_of("div", "rounding_mode", rounding_mode, (None, "trunc", "floor"))
    if rounding_mode is None:
        dtype = common_dtype("div", input, other)  # None: neither of them is a tensor or a number
        if dtype is None or not is_floating(dtype):
            # Straight to float32: a detour over uint8 would wrap −1 around.
            input, other = operand("div", input, float32), operand("div", other, float32)
        return apply(arithmetic.Div(), *pair("div", input, other))
    input, other = pair("div", input, other)
    _divisible("div", input, other)
    return apply(rounding.DivRounded(rounding_mode), input, other)


def floor_divide(input, other):
    """⌊input / other⌋, element by element, with broadcasting; without a gradient.

    As ``torch.floor_divide``.

    Args:
        input, other: tensors or numbers (one of them may be an array), whose shapes broadcast.

    Raises:
        DtypeError: neither tensor nor number, or truth values.
        ShapeError: the shapes do not broadcast.
        ArgumentError: an integer is divided by 0.

    >>> import minicnn as mc
    >>> mc.floor_divide(mc.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    input, other = pair("floor_divide", input, other)
    _divisible("floor_divide", input, other)
    return apply(rounding.FloorDivide(), input, other)


def remainder(input, other):
    """What remains of input / other after `floor_divide`; it has the sign of `other`.

    As ``torch.remainder``.

    Args:
        input, other: tensors or numbers (one of them may be an array), whose shapes broadcast.

    Raises:
        DtypeError: neither tensor nor number, or truth values.
        ShapeError: the shapes do not broadcast.
        ArgumentError: an integer is divided by 0.

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
    """input to the power of `exponent`, element by element, with broadcasting.

    As ``torch.pow``.

    Args:
        input, exponent: tensors or numbers (one of them may be an array), whose shapes broadcast.

    Raises:
        DtypeError: neither tensor nor number.
        ShapeError: the shapes do not broadcast.
        ArgumentError: an integer to the power of a negative integer, which is none.

    >>> import minicnn as mc
    >>> mc.pow(mc.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    x, y = pair("pow", input, exponent)
    # The number itself: as a uint8 it would not be negative any more.
    if isinstance(exponent, NUMBERS) and exponent < 0 and not is_floating(x.dtype):
        raise ArgumentError("pow: integers to negative powers are not supported; use floats")
    not_bool("pow", x)
    return apply(arithmetic.Pow(), x, y)


def neg(input):
    """−x of every element; a bool tensor is refused (equation ``neg``).

    As ``torch.neg``.

    Args:
        input: a tensor of any shape.

    Raises:
        DtypeError: not a tensor, or one of truth values.

    >>> import minicnn as mc
    >>> mc.neg(mc.tensor([1, -2]))
    tensor([-1,  2])
    """
    not_bool("neg", tensor_only("neg", input))
    return apply(arithmetic.Neg(), input)


def pos(input):
    """+x: x itself; refused for bool tensors, as −x is."""
    not_bool("positive", input)
    return input


def abs(input):
    """|x|; the gradient at 0 is 0.

    As ``torch.abs``.

    Args:
        input: a tensor of any shape; integers become float32 where the result is no integer.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.abs(mc.tensor([-2.0, 0.0, 3.0]))
    tensor([2., 0., 3.])
    """
    not_bool("abs", tensor_only("abs", input))
    return apply(arithmetic.Abs(), input)


def sign(input):
    """1 where x > 0, −1 where x < 0, else 0; the gradient is 0.

    As ``torch.sign``.

    Args:
        input: a tensor of any shape; integers become float32 where the result is no integer.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.sign(mc.tensor([-2.0, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """
    return apply(rounding.Sign(), tensor_only("sign", input))


def exp(input):
    """eˣ of every element; integers become float32 (equation ``exp``).

    As ``torch.exp``.

    Args:
        input: a tensor of any shape; integers become float32 where the result is no integer.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.exp(mc.tensor([0, 1]))
    tensor([1.    , 2.7183])
    """
    return apply(arithmetic.Exp(), floating("exp", input))


def log(input):
    """ln x; −∞ at 0, NaN below.

    As ``torch.log``.

    Args:
        input: a tensor of any shape; integers become float32 where the result is no integer.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.log(mc.tensor([1.0, 0.0]))
    tensor([  0., -inf])
    """
    return apply(arithmetic.Log(), floating("log", input))


def sqrt(input):
    """√x; NaN below 0.

    As ``torch.sqrt``.

    Args:
        input: a tensor of any shape; integers become float32 where the result is no integer.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.sqrt(mc.tensor([4.0, -1.0]))
    tensor([ 2., nan])
    """
    return apply(arithmetic.Sqrt(), floating("sqrt", input))


def sin(input):
    """The sine of x in radians.

    As ``torch.sin``.

    Args:
        input: a tensor of any shape; integers become float32 where the result is no integer.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.sin(mc.tensor([0.0, 0.5]))
    tensor([0.    , 0.4794])
    """
    return apply(arithmetic.Sin(), floating("sin", input))


def cos(input):
    """The cosine of x in radians.

    As ``torch.cos``.

    Args:
        input: a tensor of any shape; integers become float32 where the result is no integer.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.cos(mc.tensor([0.0, 0.5]))
    tensor([1.    , 0.8776])
    """
    return apply(arithmetic.Cos(), floating("cos", input))


def square(input):
    """x² of every element, in the dtype of x, but int64 for truth values.

    As ``torch.square``.

    Args:
        input: a tensor of any shape.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.square(mc.tensor([3, -4]))
    tensor([ 9, 16])
    """
    tensor_only("square", input)
    return mul(input, input) if input.dtype != bool else pow(operand("square", input, int64), 2)


def clamp(input, min=None, max=None):
    """x, but `min` where it is less and `max` where it is greater (and where the two cross).

    As ``torch.clamp``.

    Args:
        input: the tensor x, of any shape; it keeps its dtype unless a bound
            is of a wider one.
        min, max: numbers, or tensors that broadcast with x; either may be None, and a tensor that
            requires grad receives the gradient of the places where it was taken.

    Raises:
        DtypeError: not a tensor, or a bound that is no number.
        ArgumentError: neither bound is given.
        ShapeError: a bound does not broadcast with x.

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
    dtype = common_dtype("clamp", input, *limits)
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
    """The greater of two tensors, element by element; where they are equal each gets half of δ.

    As ``torch.maximum``.

    Args:
        input, other: tensors whose shapes broadcast.

    Raises:
        DtypeError: not two tensors.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.maximum(mc.tensor([1.0, 5.0]), mc.tensor([3.0, 3.0]))
    tensor([3., 5.])
    """
    tensor_only("maximum", input), tensor_only("maximum", other)
    return apply(bounds.Maximum(), *pair("maximum", input, other))


def minimum(input, other):
    """The lesser of two tensors, element by element; where they are equal each gets half of δ.

    As ``torch.minimum``.

    Args:
        input, other: tensors whose shapes broadcast.

    Raises:
        DtypeError: not two tensors.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.minimum(mc.tensor([1.0, 5.0]), mc.tensor([3.0, 3.0]))
    tensor([1., 3.])
    """
    tensor_only("minimum", input), tensor_only("minimum", other)
    return apply(bounds.Minimum(), *pair("minimum", input, other))


def where(condition, input=None, other=None):
    """`input` where `condition` (a bool tensor) holds, `other` elsewhere; the three broadcast.

    With the condition alone: the places where it is not 0, one index tensor a dimension.

    As ``torch.where``.

    Args:
        condition: a bool tensor.
        input, other: tensors or numbers, whose shapes broadcast with that of `condition`.

    Raises:
        DtypeError: `condition` is not of bools, or a value is neither tensor nor number; also where
            one of the two is missing.
        ShapeError: the shapes do not broadcast.

    >>> import minicnn as mc
    >>> mc.where(mc.tensor([True, False]), mc.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
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

    As ``torch.Tensor.masked_fill``.

    Args:
        input: the tensor x, of any shape and dtype; its shape and that of `mask` broadcast.

    Raises:
        DtypeError: `mask` is not of bools, or `value` neither a number nor a tensor.
        ShapeError: the shapes do not broadcast, or `value` has dimensions.

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
    """1 / (1 + e^(−x)) (equation ``sigmoid``).

    As ``torch.sigmoid``.

    Args:
        input: a tensor of any shape; integers become float32.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.sigmoid(mc.tensor([0.0, 1000.0]))
    tensor([0.5, 1. ])
    """
    return apply(activation.Sigmoid(), floating("sigmoid", input))


def tanh(input):
    """The hyperbolic tangent (equation ``tanh``).

    As ``torch.tanh``.

    Args:
        input: a tensor of any shape; integers become float32.

    Raises:
        DtypeError: not a tensor.

    >>> import minicnn as mc
    >>> mc.tanh(mc.tensor([0.0, 0.5]))
    tensor([0.    , 0.4621])
    """
    return apply(activation.Tanh(), floating("tanh", input))


def relu(input):
    """max(x, 0); the gradient at 0 is 0 (equation ``relu``).

    As ``torch.relu``.

    Args:
        input: a tensor of any shape.

    Raises:
        DtypeError: not a tensor, or one of truth values.

    >>> import minicnn as mc
    >>> mc.relu(mc.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    not_bool("relu", tensor_only("relu", input))
    return apply(activation.ReLU(), input)


def softmax(input, dim, dtype=None):
    """e^x over its sum along `dim`: positive numbers that sum to 1 (equation ``softmax``).

    As ``torch.softmax``.

    Args:
        input: a floating-point tensor of any shape; or of integers, with a floating-point `dtype`.
        dim: the dimension along which the results (their exponentials) sum to 1.
        dtype: the dtype to compute in; default: that of `input`.

    Raises:
        DtypeError: not a tensor, or integers without a `dtype`.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.softmax(mc.tensor([0.0, 0.0, 1000.0]), 0)
    tensor([0., 0., 1.])
    """
    return _softmax("softmax", loss.Softmax, input, dim, dtype)


def log_softmax(input, dim, dtype=None):
    """The logarithm of `softmax`, without its overflow and loss of digits (equation
    ``log-softmax``).

    As ``torch.log_softmax``.

    Args:
        input: a floating-point tensor of any shape; or of integers, with a floating-point `dtype`.
        dim: the dimension along which the results (their exponentials) sum to 1.
        dtype: the dtype to compute in; default: that of `input`.

    Raises:
        DtypeError: not a tensor, or integers without a `dtype`.
        IndexRangeError: there is no such dimension.

    >>> import minicnn as mc
    >>> mc.log_softmax(mc.tensor([0.0, 1000.0]), 0)
    tensor([-1000.,     0.])
    """
    return _softmax("log_softmax", loss.LogSoftmax, input, dim, dtype)


def _softmax(name, operation, input, dim, dtype):
    dim = dimension(name, dim, tensor_only(name, input).ndim)
    x = operand(name, input, None if dtype is None else as_dtype(dtype, name))
    if not is_floating(x.dtype):
        raise DtypeError(f"{name}: expected a floating-point tensor, got {x.dtype}; use .float()")
    if not x.ndim:
        return squeeze(apply(operation(0), unsqueeze(x, 0)), 0)
    return apply(operation(dim), x)
