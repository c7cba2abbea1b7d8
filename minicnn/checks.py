"""Errors, and the checks that raise them before any arithmetic is done.

A message names the operation, what it expected, what it got, and what to try. The classes inherit
from what Python means (``ValueError``, ``TypeError``, ``IndexError``) *and* from ``RuntimeError``,
which is what PyTorch raises in the same places, so ``except`` clauses written for either work.
"""

import numbers
from difflib import get_close_matches

import numpy as np


class ShapeError(ValueError, RuntimeError):
    """Sizes that do not fit together.

    A ValueError, and a RuntimeError as which PyTorch raises it.
    """


class ArgumentError(ValueError, RuntimeError):
    """An argument with a value that the operation does not have.

    A ValueError, and a RuntimeError as which PyTorch raises it.
    """


class DtypeError(TypeError, RuntimeError):
    """A tensor of the wrong dtype, or an argument of the wrong type.

    A TypeError, and a RuntimeError as which PyTorch raises it.
    """


class IndexRangeError(IndexError, RuntimeError):
    """An index, dimension or label outside its range.

    An IndexError, and a RuntimeError as which PyTorch raises it.
    """


class DeviceError(ArgumentError):
    """A device that is not there, or tensors on several devices where one is needed.

    minicnn's own; a RuntimeError, as in PyTorch.
    """


class OutOfMemoryError(MemoryError, RuntimeError):
    """A GPU has no room for what was asked for; nothing was changed.

    As ``torch.cuda.OutOfMemoryError``.
    """


class GraphError(RuntimeError):
    """The graph was misused: backward twice, a saved tensor changed, no path to a leaf.

    A RuntimeError, as in PyTorch.
    """


class MissingPartError(ImportError):
    """An optional part is not installed; the message holds the ``pip install`` line.

    minicnn's own; an ImportError.
    """


class MissingDeviceError(DeviceError, MissingPartError):
    """A device that needs an optional part which is not installed.

    minicnn's own; a RuntimeError, as in PyTorch.
    """


def closest(name, known):
    """``", did you mean 'x'?"`` for the known name nearest to `name`, or an empty string.

    >>> closest("conv2", ["conv1d", "conv2d"])
    ", did you mean 'conv2d'?"
    """
    found = get_close_matches(str(name), [str(k) for k in known], n=1)
    return f", did you mean {found[0]!r}?" if found else ""


def integer(operation, argument, value):
    """`value` as a Python integer; a `DtypeError` for everything else, truth values included."""
    try:
        if isinstance(value, bool):
            raise TypeError
        found = value.__index__()
    except (TypeError, AttributeError):
        # A tensor of one integer has an index, one of several or of fractions has none.
        raise DtypeError(
            f"{operation}: {argument} must be an integer, got {value!r} ({type(value).__name__})"
        ) from None
    if not -(2**63) <= found < 2**63:
        raise ArgumentError(f"{operation}: {argument} does not fit into 64 bits, got {value}")
    return found


def real(operation, argument, value):
    """`value`, an integer of 64 bits or a float, as it is; a `DtypeError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise DtypeError(f"{operation}: {argument} must be a number, got {value!r}")
    if isinstance(value, numbers.Integral):
        integer(operation, argument, value)
    return value


def sequence(operation, argument, value):
    """The elements of a list or another iterable as a list; a `DtypeError` for anything else."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise DtypeError(
            f"{operation}: {argument} must be a list or another iterable, got "
            f"{type(value).__name__}"
        )
    try:
        return list(value)
    except TypeError:  # a 0-d array, or a class, has __iter__ all the same
        raise DtypeError(
            f"{operation}: {argument} cannot be iterated over, got {value!r}"
        ) from None


def flag(operation, argument, value):
    """A truth value as it is; a `DtypeError` for what only counts as one, such as ``"no"``."""
    if not isinstance(value, (bool, np.bool_)):
        raise DtypeError(f"{operation}: {argument} must be True or False, got {value!r}")
    return bool(value)


def truth(operation, argument, value):
    """Whether Python counts `value` as true; a `DtypeError` for what refuses to say."""
    try:
        return bool(value)
    except Exception:
        raise DtypeError(
            f"{operation}: {argument} must be True or False, got {type(value).__name__}"
        ) from None


def dimension(operation, dim, ndim):
    """`dim` as a number in 0 … ndim − 1; negative ones count from the end, as in Python."""
    dim = integer(operation, "dim", dim)
    # A 0-d tensor may be addressed as if it had one dimension, as in PyTorch.
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexRangeError(
            f"{operation}: dim {dim} is out of range for a tensor of {ndim} dimensions "
            f"(expected {-limit} to {limit - 1})"
        )
    return dim % limit


def dimensions(operation, dims, ndim):
    """A tuple of distinct dimensions from an int, a sequence of ints, or ``None`` (all of them)."""
    if dims is None:
        return tuple(range(ndim))
    if not isinstance(dims, (tuple, list)):
        dims = (dims,)
    found = tuple(dimension(operation, d, ndim) for d in dims)
    if len(set(found)) != len(found):
        raise ArgumentError(f"{operation}: dim {tuple(dims)} names a dimension more than once")
    return found if ndim else ()


def broadcastable(operation, *shapes):
    """The shape that `shapes` broadcast to; a `ShapeError` that shows where they clash."""
    ndim = max(len(s) for s in shapes)
    result = []
    for axis in range(-ndim, 0):
        sizes = {s[axis] for s in shapes if len(s) >= -axis} - {1}
        if len(sizes) > 1:
            listed = " and ".join(str(tuple(s)) for s in shapes)
            raise ShapeError(
                f"{operation}: shapes {listed} do not broadcast: sizes "
                f"{' and '.join(str(s) for s in sorted(sizes))} differ at dimension {axis} and "
                "none is 1. Compare the shapes from the right; unsqueeze adds a size of 1"
            )
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def one_of(operation, argument, value, allowed):
    """Refuse a `value` that is not among the `allowed` ones."""
    # Of the same type first: an array that is compared gives an array, and that has no truth.
    if not any(isinstance(value, type(a)) and value == a for a in allowed):
        listed = ", ".join(repr(a) for a in allowed)
        raise ArgumentError(
            f"{operation}: {argument} must be one of {listed}; got {value!r}"
            f"{closest(value, allowed)}"
        )
    return value
