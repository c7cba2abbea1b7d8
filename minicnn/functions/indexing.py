"""``x[index]`` and ``x[index] = value``, with NumPy's and PyTorch's kinds of index."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.device import computed, device_of, first_outside, is_array, moved, one_device
from minicnn.functions.operands import NUMBERS, fitting_number, operand
from minicnn.gpu import beside
from minicnn.modes import mode
from minicnn.ops.shape import Gather, SetItem, Slice
from minicnn.rewriting import write
from minicnn.tensor import Tensor, apply


def _entry(item, x=None):
    """One entry of an index, as NumPy takes it: int, slice, None, Ellipsis, or an array.

    Arrays come to lie where the array x does.
    """
    if isinstance(item, Tensor):
        item = item.array
    if item is None or item is Ellipsis:
        return item
    if isinstance(item, slice):
        parts = [p if p is None else p.__index__() for p in (item.start, item.stop, item.step)]
        if parts[2] is not None and parts[2] < 1:
            raise ArgumentError(
                f"index: a slice's step must be at least 1, got {parts[2]}; flip reverses"
            )
        return slice(*parts)
    if isinstance(item, type):
        raise DtypeError(f"index: expected integers, slices or tensors, got {item!r}")
    if hasattr(item, "__index__") and not isinstance(item, bool) and not is_array(item):
        return item.__index__()
    if isinstance(item, (list, tuple, range)):
        try:
            item = np.array([_entry(i) for i in item], None if len(item) else np.int64)
        except ValueError:
            raise IndexRangeError("index: lists of one depth must have one length") from None
    if isinstance(item, (bool, np.bool_)):
        item = np.asarray(item)
    if is_array(item) and item.dtype == np.uint8:
        item = item.astype(bool)  # PyTorch's older form of a mask
    if not is_array(item) or item.dtype.kind not in "iub":
        kind = item.dtype if is_array(item) else type(item).__name__
        raise IndexRangeError(
            f"index: expected integers, slices, None, ..., or integer or bool tensors; got {kind}"
        )
    if item.ndim == 0 and item.dtype.kind != "b":
        return int(item)
    # A copy: the caller may change the index before backward needs it.
    places = computed("index", lambda a: a.astype(np.int64 if a.dtype.kind != "b" else bool), item)
    if isinstance(places, np.ndarray):
        return places if x is None else moved(places, device_of(x))
    one_device("index", (places, x))
    return places


def _parse(index, x):
    """(basic, advanced): what slices and numbers select, then what arrays select of that.

    NumPy lets a number among arrays take part in their broadcasting; PyTorch applies numbers first,
    which this does too. `advanced` is None where there are no arrays.
    """
    entries = index if isinstance(index, tuple) else (index,)
    entries, shape = [_entry(e, x) for e in entries], x.shape
    arrays = [e for e in entries if is_array(e)]
    used = sum(
        (e.ndim if e.dtype == bool else 1) if is_array(e) else e is not None
        for e in entries
        if e is not Ellipsis
    )
    if used > len(shape):
        raise IndexRangeError(
            f"index: {used} indices for a tensor of {len(shape)} dimensions, shape {shape}"
        )
    if sum(e is Ellipsis for e in entries) > 1:
        raise IndexRangeError("index: at most one ... may stand in an index")
    # Which dimension each entry is for, counted from the right after an Ellipsis.
    dim = 0
    for e in entries:
        if e is Ellipsis:
            dim += len(shape) - used
        elif isinstance(e, int):
            _in_range(e, dim, shape)
            dim += 1
        elif isinstance(e, slice):
            dim += 1
        elif e is not None:
            dim = _array_in_range(e, dim, shape)
    if not arrays:
        return tuple(entries), None
    basic, advanced = [], []
    for e in entries:
        if is_array(e):
            # A bool array stands for as many dimensions as it has.
            basic += [slice(None)] * (e.ndim if e.dtype == bool else 1)
            advanced.append(e)
        else:
            basic.append(e)
            if not isinstance(e, int):
                advanced.append(Ellipsis if e is Ellipsis else slice(None))
    plain = all((isinstance(e, slice) and e == slice(None)) or e is Ellipsis for e in basic)
    return (None if plain else tuple(basic)), tuple(advanced)


def _in_range(i, dim, shape):
    if not -shape[dim] <= i < shape[dim]:
        raise IndexRangeError(
            f"index: {i} is out of range for dimension {dim} of size {shape[dim]} (shape {shape})"
        )


def _array_in_range(array, dim, shape):
    if array.dtype == bool:
        if array.shape != shape[dim : dim + array.ndim]:
            raise IndexRangeError(
                f"index: a bool mask of shape {array.shape} cannot select from dimensions of "
                f"shape {shape[dim : dim + array.ndim]}; they must be equal"
            )
        return dim + array.ndim
    wrong = first_outside(array, -shape[dim], shape[dim])
    if wrong is not None:
        _in_range(wrong, dim, shape)
    return dim + 1


def getitem(x, index):
    """``x[index]``: a view for numbers and slices, a copy for arrays of places."""
    basic, advanced = _parse(index, x.array)
    if basic is not None:
        x = apply(Slice(basic), x)
    return x if advanced is None else apply(Gather(advanced), x)


def setitem(x, index, value):
    """``x[index] = value``: `value` is broadcast to what is selected."""
    x._writable("x[index] = value")
    basic, advanced = _parse(index, x.array)
    if isinstance(value, NUMBERS) and not isinstance(value, np.generic):
        value = Tensor(fitting_number("x[index] = value", value, x.dtype))
    value = operand("x[index] = value", value)
    target = x if basic is None else getitem(x, basic)
    place = (Ellipsis,) if advanced is None else advanced
    try:
        selected = computed("index", lambda a: a[place], target.array).shape
    except IndexError as error:
        if isinstance(error, IndexRangeError):
            raise
        raise IndexRangeError(f"index: {error}") from None
    extra = value.ndim - len(selected)
    if extra > 0 and value.shape[:extra] == (1,) * extra:
        value = value.reshape(value.shape[extra:])  # leading dimensions of size 1 may be dropped
    try:
        fits = np.broadcast_shapes(selected, value.shape) == selected
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"x[index] = value: value of shape {value.shape} does not fit into the selected part "
            f"of shape {selected}"
        )
    if mode().grad and (target.requires_grad or value.requires_grad):
        name = "x[index] = value"
        write(name, target, SetItem(place), operand(name, value, x.dtype))
    else:
        if not value.ndim:
            value = value.to(x.device)
        one_device("x[index] = value", (x.array, value.array))
        with beside(x.array):
            target.array[place] = value.array
        target._version.changes += 1
