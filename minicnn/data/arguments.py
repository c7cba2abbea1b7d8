"""Checks of arguments that many parts of `minicnn.data` take."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError
from minicnn.random import Generator, numpy_generator


def checked_count(operation, argument, value, minimum):
    """`value` as an int of at least `minimum`."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise ArgumentError(
            f"{operation}: {argument} must be an integer ≥ {minimum}, got {value!r} "
            f"({type(value).__name__})"
        )
    try:
        value = value.__index__()
    except TypeError:  # an array of several
        raise ArgumentError(
            f"{operation}: {argument} must be an integer ≥ {minimum}, got {value!r}"
        ) from None
    if value < minimum:
        raise ArgumentError(f"{operation}: {argument} must be at least {minimum}, got {value}")
    return value


def checked_flag(operation, argument, value):
    """`value`, which must be True or False (a 0 or a string is a slip more often than a wish)."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{operation}: {argument} must be True or False, got {value!r}")
    return value


def checked_generator(operation, generator):
    """`generator`, which must be None or a `minicnn.Generator`."""
    if generator is not None and not isinstance(generator, Generator):
        raise DtypeError(
            f"{operation}: generator must be a minicnn.Generator, got {type(generator).__name__}; "
            "minicnn.Generator(0) makes one that starts from the seed 0"
        )
    return generator


def random_numbers(operation, generator):
    """The NumPy generator of `generator`, or of minicnn's default one where it is None."""
    return numpy_generator(checked_generator(operation, generator))


def checked_function(operation, argument, function):
    """`function`, which must be callable; a class whose *instances* are callable is refused."""
    if isinstance(function, type) and any("__call__" in vars(c) for c in function.__mro__):
        raise DtypeError(
            f"{operation}: {argument} is the class {function.__name__}, expected one of its "
            f"objects; did you mean {function.__name__}()?"
        )
    if not callable(function):
        raise DtypeError(f"{operation}: {argument} must be callable, got {type(function).__name__}")
    return function
