"""Functions that change their first argument; their names end in an underscore."""

from minicnn import graph
from minicnn.checks import DtypeError, ShapeError, broadcastable
from minicnn.dtypes import float32, is_floating, result_type
from minicnn.functions.elementwise import mul
from minicnn.functions.operands import operand
from minicnn.functions.shaping import expand
from minicnn.ops import arithmetic
from minicnn.ops.shape import SetItem
from minicnn.tensor import Tensor


def copy_(x, source):
    """Overwrite x with the values of `source`, broadcast to x's shape; returns x."""
    source = operand("copy_", source)
    if source.shape != x.shape:
        if broadcastable("copy_", x.shape, source.shape) != x.shape:
            raise ShapeError(f"copy_: shape {source.shape} does not fit into {x.shape}")
        source = expand(source, *x.shape)
    x._writable("copy_")
    if not (graph.mode().grad and (x.requires_grad or source.requires_grad)):
        x.array[...] = source.array
        x._version.changes += 1
        return x
    whole = SetItem((Ellipsis,))
    return x._write("copy_", whole, operand("copy_", source, x.dtype))


def _in_place(name, operation):
    def change(x, y):
        x_dtype = x.dtype
        dtype = result_type(x.array, y.array if isinstance(y, Tensor) else y)
        if name == "div_" and not is_floating(dtype):
            dtype = float32
        # A result of a higher kind does not fit: integers cannot hold what 2.5 makes of them.
        if "bif".index(_kind(dtype)) > "bif".index(_kind(x_dtype)):
            raise DtypeError(f"{name}: the result is {dtype}, which does not fit into {x_dtype}")
        y = operand(name, y, x_dtype)
        if broadcastable(name, x.shape, y.shape) != x.shape:
            raise ShapeError(
                f"{name}: shapes {x.shape} and {y.shape} broadcast to a larger shape than the "
                "tensor that is changed in place"
            )
        return x._write(name, operation(), y)

    change.__name__ = name
    change.__doc__ = f"As `{name[:-1]}`, written into x itself; returns x."
    return change


def _kind(dtype):
    return "i" if dtype.kind == "u" else dtype.kind


_add, _sub = _in_place("add_", arithmetic.Add), _in_place("sub_", arithmetic.Sub)
mul_ = _in_place("mul_", arithmetic.Mul)
div_ = _in_place("div_", arithmetic.Div)


def fill_(x, value):
    """Overwrite x with one number; returns x."""
    return copy_(x, operand("fill_", value, x.dtype))


def zero_(x):
    """Overwrite x with 0; returns x."""
    return fill_(x, 0)


def add_(x, y, *, alpha=1):
    """x + alpha · y, written into x itself; returns x."""
    return _add(x, y if alpha == 1 else mul(y, alpha))


def sub_(x, y, *, alpha=1):
    """x − alpha · y, written into x itself; returns x."""
    return _sub(x, y if alpha == 1 else mul(y, alpha))
