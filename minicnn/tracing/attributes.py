"""The options of an operation, and the arrays that it keeps beside its inputs and outputs."""

import copy
import numbers

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.ops.base import Operation
from minicnn.ops.loss import NegativeLogLikelihood
from minicnn.ops.normalization import Normalization

# Operations that keep their options in a tuple, and what the entries are.
_OPTIONS = {
    "Conv2d": ("stride", "padding", "dilation", "groups"),
    "ConvTranspose2d": ("stride", "padding", "dilation", "groups"),
    "MaxPool2d": ("kernel", "stride", "padding", "dilation", "out"),
    "AvgPool2d": ("kernel", "stride", "padding"),
}

# What is neither a number nor an array: a step does not hold it, only the operation does.
OTHERS = {
    "Slice": ("index",), "Gather": ("index",), "SetItem": ("index",), "Pad": ("widths",),
    "SelectPlaces": ("places",), "Cast": ("dtype",), "TakeAlong": ("index",),
    "Interpolate": ("axes",), "Unfold": ("options",), "Fold": ("options",),
}  # fmt: skip

# Of the engine, not of the operation.
_ENGINE = {"inputs", "needs", "freed", "options"}


def attributes_of(operation):
    """{name: value} of numbers, strings, and tuples of them.

    >>> from minicnn.ops.convolution import Conv2d
    >>> attributes_of(Conv2d((2, 2), (0, 0), (1, 1), 3))
    {'stride': (2, 2), 'padding': (0, 0), 'dilation': (1, 1), 'groups': 3}
    """
    found = dict(
        zip(_OPTIONS.get(operation.name, ()), getattr(operation, "options", ()), strict=False)
    )
    for name, value in vars(operation).items():
        if name not in _ENGINE and _is_plain(value):
            found[name] = value
    if hasattr(operation, "statistics"):  # a norm's: given, or of the batch
        found["running"] = operation.statistics is not None
    inner = getattr(operation, "nll", None)  # cross-entropy keeps the options of its second half
    if inner is not None:
        found |= attributes_of(inner)
    return found


def _is_plain(value):
    if isinstance(value, tuple):
        return all(_is_plain(v) for v in value)
    return value is None or (isinstance(value, (bool, str, numbers.Real)) and np.ndim(value) == 0)


def arrays_of(operation):
    """{name: array} of what the operation keeps: argmax, mask, target, normalized, …

    >>> from minicnn.ops.loss import Softmax
    >>> softmax = Softmax(0)
    >>> _ = softmax.run(np.zeros(2))
    >>> arrays_of(softmax)
    {'y': array([0.5, 0.5])}
    """
    found = {n: v for n, v in vars(operation).items() if isinstance(v, np.ndarray)}
    inner = getattr(operation, "nll", None)
    if inner is not None:
        found |= {n: v for n, v in vars(inner).items() if isinstance(v, np.ndarray)}
    return found


def restore(step, others=()):
    """An operation like the one that a step was recorded from, made of what the step holds.

    Args:
        step: the step.
        others: {name: value} of those among its attributes that are in `OTHERS`.

    Raises:
        ArgumentError: minicnn has no such operation, or something is missing.
    """
    kind = operation_called(step.operation)
    if kind is None:
        raise ArgumentError(f"trace: minicnn has no operation {step.operation!r}")
    if missing := [n for n in OTHERS.get(step.operation, ()) if n not in others]:
        raise ArgumentError(f"trace: {missing[0]} of {step.operation} is not in this trace")
    operation = kind.__new__(kind)
    names = _OPTIONS.get(step.operation)
    if names:
        operation.options = tuple(step.attributes[n] for n in names)
    vars(operation).update({n: v for n, v in step.attributes.items() if n not in (names or ())})
    if step.operation == "CrossEntropy":
        operation.nll = copy.copy(operation)
        operation.nll.__class__ = NegativeLogLikelihood
        operation.nll.weight = None  # unless it is among what is saved
    if isinstance(operation, Normalization):
        operation.statistics = None
        if operation.running:
            operation.statistics = step.saved["mean"].array, step.saved["var"].array
    put(operation, {n: v.array for n, v in step.saved.items()})
    vars(operation).update(others)
    return operation


def put(operation, arrays):
    """Give an operation the arrays that it keeps; cross-entropy keeps some in its second half."""
    vars(operation).update(arrays)
    if hasattr(operation, "nll"):
        vars(operation.nll).update(arrays)


def copy_of(operation):
    """A copy that shares nothing with the operation that will change when one of them is run."""
    copied = copy.copy(operation)
    if hasattr(operation, "nll"):
        copied.nll = copy.copy(operation.nll)
    copied.freed = False
    return copied


def operation_called(name, kind=Operation):
    """The class of minicnn's operation of that name, or None."""
    for found in kind.__subclasses__():
        if found.__name__ == name and found.__module__.startswith("minicnn.ops."):
            return found
        if (below := operation_called(name, found)) is not None:
            return below
    return None
