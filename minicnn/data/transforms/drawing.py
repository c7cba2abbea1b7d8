"""What random transforms draw, from the generator of the sample in hand."""

from minicnn.checks import ArgumentError, DtypeError, real
from minicnn.data.sample_random import generator


def numbers():
    """NumPy's generator for the sample in hand."""
    return generator().numpy


def happens(probability):
    return numbers().random() < probability


def uniform(low, high):
    return float(numbers().uniform(low, high))


def checked_probability(operation, p):
    if not 0 <= real(operation, "p", p) <= 1:
        raise ArgumentError(f"{operation}: p must be a probability from 0 to 1, got {p}")
    return p


def checked_numbers(operation, argument, given, counts):
    """`given` as a list of floats; `counts`: how many there may be."""
    listed = " or ".join(str(n) for n in counts)
    if not isinstance(given, (list, tuple)):
        raise DtypeError(
            f"{operation}: {argument} must be {listed} numbers, got {type(given).__name__}"
        )
    if len(given) not in counts:
        raise ArgumentError(f"{operation}: {argument} must be {listed} numbers, got {given!r}")
    return [float(real(operation, argument, value)) for value in given]


def checked_range(operation, argument, given, low, high):
    """`given` as a pair of floats with low ≤ first ≤ second ≤ high."""
    found = checked_numbers(operation, argument, given, (2,))
    if not low <= found[0] <= found[1] <= high:
        raise ArgumentError(
            f"{operation}: {argument} must be two numbers (min, max) with {low} ≤ min ≤ max"
            + (f" ≤ {high}" if high < float("inf") else "")
            + f"; got {given!r}"
        )
    return tuple(found)


def checked_angles(operation, argument, given, counts=(2,)):
    """A number a ≥ 0 for (−a, a), or the list of numbers itself."""
    if isinstance(given, (list, tuple)):
        return checked_numbers(operation, argument, given, counts)
    if real(operation, argument, given) < 0:
        raise ArgumentError(
            f"{operation}: {argument} must be at least 0 if it is one number, got {given}; "
            "(min, max) may be negative"
        )
    return [-float(given), float(given)]
