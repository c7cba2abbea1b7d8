"""What an exercise is, as its author writes it down: data and a few functions."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from minicnn.checking.faults import get
from minicnn.tensor import Tensor, apply


@dataclass(frozen=True)
class Probe:
    """Arguments on which wrong answers show.

    Attributes:
        title: the geometry in words; a message names it.
        arguments: a function of a NumPy generator that returns the student's arguments by name:
            arrays (float64), numbers, strings, None, lists and dictionaries of these, or `Call`s.
    """

    title: str
    arguments: Callable


@dataclass(frozen=True)
class Call:
    """An argument that is a function: the student's process calls it, the grader computes it.

    So earlier parts are there without their source, and a function can be a wrong one. `expected`
    and its like get it as it stands: it can be called.
    """

    function: Callable

    def __call__(self, *arguments):
        return self.function(*arguments)


@dataclass(frozen=True)
class Derivative:
    """That a result is a derivative, so that finite differences can say what it should be.

    Attributes:
        forward: forward(v, **arguments) → y. The result is ∂(Σ δ ⊙ y)/∂v.
        at: at(**arguments) → the v at which it is taken.
        delta: the argument that is δ; None where y is a number and δ = 1.
        linear: whether y is linear in v (up to a constant): then ⟨δ, f(u)⟩ = ⟨result, u⟩.
    """

    forward: Callable
    at: Callable
    delta: str | None = "delta"
    linear: bool = False


@dataclass(frozen=True)
class Wrong:
    """A wrong answer that people give.

    Attributes:
        key: its name; that of the fault in minicnn.checking.faults where it is one of those.
        description: completes the sentence "your result is what you get with …".
        answer: answer(**arguments) → the wrong results, in the form of the right ones. Where it
            does not differ from the right answer on a probe, that is fine: one probe is enough.
    """

    key: str
    description: str
    answer: Callable


@dataclass(frozen=True)
class Task:
    """One function that the student writes.

    Attributes:
        function: its name.
        arguments: the names of its arguments, in order.
        results: the names of what it returns; a function with one result returns it bare, one
            with several a tuple.
        expected: expected(**arguments) → the right results, computed by minicnn.
        probes: the public ones: a student may look at them. With their own fixed seed they are
            what pytest runs; the grader runs them again with the hidden seed.
        hidden: further geometries that only the grader runs.
        wrong: the catalogue, `Wrong` answers.
        derivatives: for results that are derivatives, by the name of the result.
        linear_in: the argument (δ, or x of a linear operation) that all results are linear in.
        terms: terms(result, index, **arguments) → lines of text, the sum behind one element.
        judge: judge(results, arguments) → None, or what is wrong in words: for results (a tuple)
            that may be right in several ways. Replaces the comparison with `expected`.
        tolerance: how far a value may be off, as a share of the largest one of its array.
    """

    function: str
    arguments: tuple
    results: tuple
    expected: Callable
    probes: tuple
    hidden: tuple = ()
    wrong: tuple = ()
    derivatives: dict = field(default_factory=dict)
    linear_in: str | None = None
    terms: Callable | None = None
    judge: Callable | None = None
    tolerance: float = 1e-6


@dataclass(frozen=True)
class Exercise:
    """One exercise: one file of the student's, one or more functions in it.

    Attributes:
        number: 1 to 14.
        name: the name of its files: ``ex05_weight_gradient``.
        title: a line for lists and reports.
        equations: keys of minicnn.equations.
        tasks: the functions, in the order in which they should be written.
        see: a minicnn command that shows the right thing happening, or an empty string.
        points: what it is worth; all functions have to be right.
        seconds: of wall time that a submission may take.
    """

    number: int
    name: str
    title: str
    equations: tuple
    tasks: tuple
    see: str = ""
    points: float = 1.0
    seconds: float = 20.0


def normal(*shape):
    """A function of a generator: normally distributed numbers of this shape."""
    return lambda rng: rng.standard_normal(shape)


def apart(*shape):
    """A function of a generator: numbers without ties and not near 0 (no kink is near)."""

    def draw(rng):
        n = int(np.prod(shape))
        return (rng.permutation(np.arange(n) - n // 2 + 0.5) * (4 / n)).reshape(shape)

    return draw


def gradients(operation, inputs, delta):
    """What the backward of `operation` (one of minicnn's, or a fault) gives for all `inputs`."""
    tensors = [Tensor(np.array(a, np.float64), requires_grad=True) for a in inputs]
    result = apply(operation, *tensors)
    result = result[0] if isinstance(result, tuple) else result
    result.backward(Tensor(np.array(delta, np.float64)))
    return tuple(t.grad.array for t in tensors)


def faults(keys, answer):
    """`Wrong` answers from minicnn.checking.faults; answer(operation_class, **arguments)."""
    return tuple(Wrong(k, get(k).description, partial(answer, get(k).broken)) for k in keys)
