"""`Terms`: one number of a run, written out as the sum that it is.

What an entry of a gradient is the sum of follows from the operation: for a convolution the windows
that saw the pixel, for a pooling the windows that it belongs to, for everything that works element
by element the outputs it went into. The rules stand in `minicnn.tracing.rules`; each gives the
terms with the places of their factors, so that a reader can go on to where a factor came from.
`minicnn.tracing.sums` puts the question to the right one.
"""

import math
from dataclasses import dataclass

from minicnn.checks import ArgumentError, IndexRangeError
from minicnn.tracing.values import Value

SHOWN = 8  # terms that are printed before the rest is only counted


@dataclass(frozen=True)
class Factor:
    """One factor of a term: ``symbol[index]``, whose number is `value`.

    `index` is that of the whole array, the batch's axis included; None for a number that belongs to
    no place, such as 1/N. `source` is the recorded `Value`, or None for what is derived (f'(x)).

    minicnn's own; it raises nothing.
    """

    symbol: str
    index: tuple | None
    value: float
    source: Value | None = None

    def __str__(self):
        place = "" if self.index is None else str(list(self.index)).replace(" ", "")
        return f"{self.symbol}{place}"


@dataclass(frozen=True)
class Term:
    """A product of factors.

    minicnn's own; it raises nothing. `factors` is a tuple of `Factor`.
    """

    factors: tuple

    @property
    def product(self):
        """Of the factors' values."""
        return math.prod(f.value for f in self.factors)

    def __str__(self):
        numbers = " · ".join(
            f"({f.value:.4g})" if f.value < 0 else f"{f.value:.4g}" for f in self.factors
        )
        return f"{' · '.join(map(str, self.factors))} = {numbers} = {self.product:.4g}"


@dataclass(frozen=True)
class Terms:
    """One entry of an array, as a sum.

    It raises nothing.

    Attributes:
        name: what it is an entry of, such as ``"∂L/∂X"``.
        index: which entry.
        equation: the key of the equation.
        terms: the `Term` objects; none where nothing flows in.
        total: their sum.
        recorded: the number in the run. It may differ from `total` by rounding, as the run adds in
            another order, and by `rest`.
        rest: what the samples that are not shown contribute; 0 where the entry belongs to one.
        samples: N, where `rest` is not 0 by definition.
    """

    name: str
    index: tuple
    equation: str
    terms: tuple
    total: float
    recorded: float | None
    rest: float = 0.0
    samples: int = 1

    def __str__(self):
        place = str(list(self.index)).replace(" ", "")
        lines = [f"{self.name}{place} = {self.total:.6g}, the sum of {len(self.terms)} terms"]
        large = sorted(self.terms, key=lambda t: -abs(t.product))[:SHOWN]
        lines += [f"    {term}" for term in self.terms if any(term is t for t in large)]
        if len(self.terms) > SHOWN:
            others = self.total - sum(t.product for t in large)
            lines.append(f"    {len(self.terms) - SHOWN} smaller ones: {others:.4g}")
        if self.samples > 1:
            lines.append(f"  the other {self.samples - 1} samples: {self.rest:.6g}")
            lines.append(f"  in all: {self.recorded:.6g}")
        return "\n".join(lines)


class View:
    """The kept part of a `Value`, addressed by the indices of the whole array.

    Args:
        value: the `Value`.
        sample: the sample of the batch that is kept; None if all are.

    Attributes:
        array: what is kept.
        offset: the number of its first sample; 0 if it is not batched.

    Raises:
        ArgumentError: the array was left out of the trace.
    """

    def __init__(self, value, sample):
        self.value, self.array = value, value.array
        self.offset = sample if value.batched and sample is not None else 0
        if value.array is None:
            raise ArgumentError(f"terms: {value.name} was left out of the trace: {value.left_out}")

    @property
    def shape(self):
        """Of what is kept."""
        return self.array.shape

    def samples(self):
        """The numbers of the samples that are kept: the places along the first axis."""
        return range(self.offset, self.offset + len(self.array))

    def at(self, symbol, index):
        """The `Factor` at that place.

        Raises:
            IndexRangeError: the place belongs to a sample that is not kept.
        """
        place = index
        if self.value.batched:
            if index[0] not in self.samples():
                raise IndexRangeError(f"terms: sample {index[0]} of {self.value.name} is not kept")
            place = (index[0] - self.offset, *index[1:])
        return Factor(symbol, tuple(int(i) for i in index), float(self.array[place]), self.value)


def checked_index(operation, value, index, sample):
    """`index` as a tuple of integers that the kept part of `value` has."""
    try:
        index = tuple(i.__index__() for i in index)
    except (TypeError, AttributeError):
        raise ArgumentError(
            f"{operation}: index must be a tuple of integers, got {index!r}"
        ) from None
    shape = value.shape
    if len(index) != len(shape):
        raise ArgumentError(
            f"{operation}: {value.name} has {len(shape)} dimensions {shape}, the index {index} has "
            f"{len(index)}"
        )
    if any(not -n <= i < n for i, n in zip(index, shape, strict=True)):
        raise IndexRangeError(f"{operation}: {index} is outside of {value.name}, shape {shape}")
    index = tuple(i % n for i, n in zip(index, shape, strict=True))
    if value.batched and sample is not None and index[0] != sample:
        raise IndexRangeError(
            f"{operation}: only sample {sample} is kept; {index} belongs to sample {index[0]}. "
            f"Record with trace(…, sample={index[0]}), or sample=None for all"
        )
    return index
