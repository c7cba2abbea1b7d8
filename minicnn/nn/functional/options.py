"""Checks of options that are numbers, or that PyTorch no longer wants."""

from minicnn.checks import ArgumentError, real


def number(name, argument, value):
    """`value` as a float; a `DtypeError` where it is not a number."""
    return float(real(name, argument, value))


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
