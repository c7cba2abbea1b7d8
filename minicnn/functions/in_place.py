"""Functions that change their first argument; their names end in an underscore.

Each is the function without the underscore, and its result written where its argument was. The
graph then holds the function on the old values; the tensor's place in it moves to the result.
"""

import numpy as np

from minicnn.checks import DtypeError, ShapeError, broadcastable
from minicnn.device import moved
from minicnn.dtypes import is_floating
from minicnn.functions import elementwise, logic, reductions
from minicnn.functions.conversions import to
from minicnn.functions.operands import NUMBERS, fitting_number, operand, tensor_only
from minicnn.functions.shaping import expand
from minicnn.gpu import beside, copied
from minicnn.modes import mode
from minicnn.ops.shape import SetItem
from minicnn.rewriting import move, refuse_protected, write
from minicnn.tensor import Tensor


def copy_(input, src, non_blocking=False):
    """Overwrite x with the values of `src`, broadcast to x's shape; returns x.

    Args:
        src: a tensor, whose shape broadcasts to that of x.
        non_blocking: do not wait for a copy between devices.

    Raises:
        DtypeError: not a tensor.
        ShapeError: it does not broadcast.
        GraphError: x is a leaf that wants gradients.
    """
    # A number has all its digits: it does not become a float32 on the way.
    source = operand("copy_", src, input.dtype if isinstance(src, NUMBERS) else None)
    if source.shape != input.shape:
        if broadcastable("copy_", input.shape, source.shape) != input.shape:
            raise ShapeError(f"copy_: shape {source.shape} does not fit into {input.shape}")
        source = expand(source, *input.shape)
    input._writable("copy_")
    if not (mode().grad and (input.requires_grad or source.requires_grad)):
        values = moved(source.array, input.device)
        with np.errstate(all="ignore"), beside(values):
            input.array[...] = values
        input._version.changes += 1
        return input
    whole = SetItem((Ellipsis,))
    return write("copy_", input, whole, to(source, input.device, input.dtype))


def fill_(input, value):
    """Overwrite x with one number, or the number in a 0-d tensor; returns x.

    Args:
        value: a number, or a tensor without dimensions.

    Raises:
        DtypeError: neither of these.
        GraphError: x is a leaf that wants gradients.
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise ShapeError(f"fill_: value must be a number, got a tensor of shape {value.shape}")
    elif isinstance(value, NUMBERS):
        value = Tensor(fitting_number("fill_", np.asarray(value).item(), input.dtype))
    else:
        raise DtypeError(f"fill_: value must be a number, got {type(value).__name__}")
    return copy_(input, value)


def zero_(input):
    """Overwrite x with 0; returns x."""
    return fill_(input, 0)


def _kind(dtype):
    """0 for bool, 1 for integers, 2 for floating point."""
    return 2 if is_floating(dtype) else int(dtype.kind != "b")


def _in_place(function):
    name = f"{function.__name__}_"

    def change(input, *args, **options):
        tensor_only(name, input)._writable(name)
        others = [a for a in (*args, *options.values()) if isinstance(a, Tensor)]
        tracked = mode().grad and any(t.requires_grad for t in (input, *others))
        before = input
        if tracked:
            refuse_protected(name, input)
            # The function may save its argument for backward: it is given a copy, which stays.
            before = Tensor(copied(input.array))
            before._source = input._edge()
        for t in others:
            # Where it can be seen from the shapes alone, nothing is computed.
            if broadcastable(name, input.shape, t.shape) != input.shape:
                raise ShapeError(
                    f"{name}: shapes {input.shape} and {t.shape} broadcast to a larger shape than "
                    "the tensor that is changed in place"
                )
        result = function(before, *args, **options)
        if _kind(result.dtype) > _kind(input.dtype):
            raise DtypeError(
                f"{name}: the result is {result.dtype}, which does not fit into {input.dtype}"
            )
        if options.get("dtype") is not None and result.dtype != input.dtype:
            raise DtypeError(
                f"{name}: dtype {result.dtype} is not the tensor's own, {input.dtype}, which it "
                "keeps when it is changed in place"
            )
        result = operand(name, result, input.dtype)
        if result.shape != input.shape:  # an array, or a list, has made it larger
            raise ShapeError(
                f"{name}: the result has shape {result.shape}, the tensor that is changed in place "
                f"{input.shape}"
            )
        with beside(input.array):
            input.array[...] = result.array
        input._version.changes += 1
        if tracked:
            move(input, result._edge())
        return input

    change.__name__ = change.__qualname__ = name
    change.__doc__ = f"""As `{function.__name__}`, written into x itself; returns x.

    As ``torch.Tensor.{name}``. Its arguments, `args` and `options`, are those of
    `{function.__name__}` after the first.

    Raises:
        GraphError: x is a leaf that wants gradients.
        ShapeError: the result has another shape than x.
        DtypeError: the result is of a dtype that that of x cannot hold.
    """
    return change


add_ = _in_place(elementwise.add)
sub_ = _in_place(elementwise.sub)
mul_ = _in_place(elementwise.mul)
div_ = _in_place(elementwise.div)
pow_ = _in_place(elementwise.pow)
floor_divide_ = _in_place(elementwise.floor_divide)
remainder_ = _in_place(elementwise.remainder)
neg_ = _in_place(elementwise.neg)
abs_ = _in_place(elementwise.abs)
sign_ = _in_place(elementwise.sign)
exp_ = _in_place(elementwise.exp)
log_ = _in_place(elementwise.log)
sqrt_ = _in_place(elementwise.sqrt)
square_ = _in_place(elementwise.square)
sin_ = _in_place(elementwise.sin)
cos_ = _in_place(elementwise.cos)
tanh_ = _in_place(elementwise.tanh)
sigmoid_ = _in_place(elementwise.sigmoid)
relu_ = _in_place(elementwise.relu)
clamp_ = _in_place(elementwise.clamp)
masked_fill_ = _in_place(elementwise.masked_fill)
cumsum_ = _in_place(reductions.cumsum)
bitwise_and_ = _in_place(logic.bitwise_and)
bitwise_or_ = _in_place(logic.bitwise_or)
bitwise_xor_ = _in_place(logic.bitwise_xor)
bitwise_not_ = _in_place(logic.bitwise_not)
