"""The options of an operation, and the arrays that it keeps beside its inputs and outputs."""

import numbers

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.ops.base import Operation

# Operations that keep their options in a tuple, and what the entries are.
_OPTIONS = {
    "Conv2d": ("stride", "padding", "dilation", "groups"),
    "ConvTranspose2d": ("stride", "padding", "dilation", "groups"),
    "MaxPool2d": ("kernel", "stride", "padding", "dilation", "out"),
    "AvgPool2d": ("kernel", "stride", "padding"),
}

# Of the engine, not of the operation.
_ENGINE = {"inputs", "needs", "freed", "options"}


def attributes_of(operation):
    """{name: value} of numbers, strings, and tuples of them."""
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
    """{name: array} of what the operation keeps: argmax, mask, target, normalized, …"""
    found = {n: v for n, v in vars(operation).items() if isinstance(v, np.ndarray)}
    inner = getattr(operation, "nll", None)
    if inner is not None:
        found |= {n: v for n, v in vars(inner).items() if isinstance(v, np.ndarray)}
    return found


def restore(step):
    """An operation like the one that a step was recorded from, made of what the step holds.

    Raises:
        ArgumentError: it has options that a trace does not hold, such as an index.
    """
    kind = operation_called(step.operation)
    if kind is None:
        raise ArgumentError(f"trace: minicnn has no operation {step.operation!r}")
    operation = kind.__new__(kind)
    names = _OPTIONS.get(step.operation)
    if names:
        operation.options = tuple(step.attributes[n] for n in names)
    vars(operation).update({n: v for n, v in step.attributes.items() if n not in (names or ())})
    vars(operation).update({n: v.array for n, v in step.saved.items()})
    if step.operation in ("Slice", "Gather"):
        raise ArgumentError(f"trace: the index of {step.operation} is known only while it runs")
    return operation


def operation_called(name, kind=Operation):
    """The class of minicnn's operation of that name, or None."""
    for found in kind.__subclasses__():
        if found.__name__ == name and found.__module__.startswith("minicnn.ops."):
            return found
        if (below := operation_called(name, found)) is not None:
            return below
    return None
