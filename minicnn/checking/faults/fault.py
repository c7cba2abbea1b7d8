"""What an entry of the catalogue is: a `Fault`, and the `Subject` that it is a fault of."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from minicnn.checking.gradcheck import gradcheck
from minicnn.random import numpy_generator
from minicnn.tensor import Tensor, apply


@dataclass(frozen=True)
class Probe:
    """Inputs on which wrong backwards show.

    Attributes:
        title: its geometry, in words.
        inputs: a function of a NumPy generator that returns arrays: one for each input.
        arguments: what the operation's class is called with; or a function of the arrays.
        options: for `gradcheck`.
        around: what is computed from the operation's result(s), where that is not the result.
    """

    title: str
    inputs: Callable
    arguments: tuple | Callable = ()
    options: dict = field(default_factory=dict)
    around: Callable | None = None

    def function(self, operation):
        """A function of tensors that runs `operation`, a class."""

        def run(*tensors):
            arguments = self.arguments
            if callable(arguments):
                arguments = arguments(*[t.array for t in tensors])
            result = apply(operation(*arguments), *tensors)
            return result if self.around is None else self.around(result, *tensors)

        return run

    def check(self, operation, generator=None, **options):
        """`gradcheck` of `operation` (a class) here; `options` are gradcheck's."""
        arrays = self.inputs(numpy_generator(generator))
        tensors = [Tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
        function = self.function(operation)
        return gradcheck(function, tensors, generator=generator, **self.options | options)


@dataclass(frozen=True)
class Subject:
    """An operation, and the probes that tell its right backward from the wrong ones.

    Attributes:
        name: how faults refer to it.
        right: the class whose backward is right.
        probes: on each of them `right` passes `gradcheck`; every fault fails on at least one.
    """

    name: str
    right: type
    probes: tuple


@dataclass(frozen=True)
class Fault:
    """A backward that is wrong in a way that people's backwards are.

    Attributes:
        key: its name, for good: the grader names it.
        description: what is wrong, in one line.
        operation: the name of the `Subject`.
        broken: the operation's class with this backward.
    """

    key: str
    description: str
    operation: str
    broken: type


def normal(*shapes):
    """Normally distributed inputs."""
    return lambda rng: [rng.standard_normal(s) for s in shapes]


def spread(*shapes):
    """Inputs without ties, and away from 0: evenly spaced values in random order."""

    def draw(rng):
        arrays = []
        for s in shapes:
            n = int(np.prod(s))
            places = np.arange(n) - n // 2 + 0.5
            arrays.append(rng.permutation(places).reshape(s) / n)
        return arrays

    return draw


def few_values(*shapes):
    """Inputs full of ties: −1, 0 and 1."""
    return lambda rng: [rng.integers(-1, 2, s).astype(np.float64) for s in shapes]
