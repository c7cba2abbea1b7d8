"""Checks that several layers share."""

from minicnn.checks import DtypeError, ShapeError
from minicnn.device import one_device
from minicnn.dtypes import is_floating
from minicnn.functions.operands import tensor_only
from minicnn.functions.shaping import unsqueeze


def same_dtype(name, input, **others):
    """Refuse mixed or integer dtypes among the arrays of one layer, and arrays in two places."""
    if not is_floating(input.dtype):
        raise DtypeError(
            f"{name}: expected a floating-point input, got {input.dtype}; "
            "convert it with .float(), and images of 0 … 255 also with / 255"
        )
    for argument, t in others.items():
        if t is None:
            continue
        if type(tensor_only(name, t).array) is not type(input.array):
            one_device(f"{name}: input and {argument}", (input.array, t.array))
        if t.dtype != input.dtype:
            raise DtypeError(
                f"{name}: input is {input.dtype}, but {argument} is {t.dtype}; convert one of "
                f"them, for example the input with .to({argument}.dtype)"
            )


def images(name, input):
    """(input as (N, C, H, W), whether the batch dimension was added)."""
    tensor_only(name, input)
    if input.ndim == 3:
        return unsqueeze(input, 0), True
    if input.ndim != 4:
        raise ShapeError(
            f"{name}: expected input of shape (N, C, H, W), or (C, H, W), got {input.shape}"
            + (". Add the channel with .unsqueeze(-3)" if input.ndim == 2 else "")
        )
    return input, False
