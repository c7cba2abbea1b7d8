"""Checks of options that are numbers, or that PyTorch no longer wants."""

import numbers

from minicnn.checks import ArgumentError, DtypeError


def number(name, argument, value):
    """`value` as a float; a `DtypeError` where it is not a number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise DtypeError(f"{name}: {argument} must be a number, got {value!r}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ArgumentError(f"{name}: {argument} does not fit into 64 bits, got {value}")
    return float(value)


def between_0_and_1(name, argument, value):
    """`value` as a float between 0 and 1, both included."""
    found = number(name, argument, value)
    if not 0 <= found <= 1:
        raise ArgumentError(f"{name}: {argument} must be between 0 and 1, got {value!r}")
    return found


def epsilon(name, value):
    """ε, which keeps a division from being one by 0."""
    found = number(name, "eps", value)
    if not found >= 0:
        raise ArgumentError(f"{name}: eps must be at least 0, got {value!r}")
    return found


def no_legacy(name, size_average, reduce):
    """Refuse the two arguments that PyTorch replaced by `reduction`."""
    for argument, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None:
            raise ArgumentError(
                f"{name}: {argument} is deprecated in PyTorch and not supported here, got "
                f"{value!r}; use reduction='mean', 'sum' or 'none'"
            )
