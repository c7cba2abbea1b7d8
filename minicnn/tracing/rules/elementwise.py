"""Operations in which an entry of the output depends on one entry of each input.

The chain rule is δ · f'(x) at the same place; where an input was broadcast, its gradient is the sum
over all places that it went to.
"""

import numpy as np

from minicnn.tracing.layers import ACTIVATIONS
from minicnn.tracing.rules.place import broadcast_places
from minicnn.tracing.terms import Factor, Term

ELEMENTWISE = (
    *ACTIVATIONS, "Add", "Sub", "Mul", "Div", "Pow", "Neg", "Abs", "Exp", "Log", "Sqrt", "Sin",
    "Cos", "Clamp", "Cast", "Clone", "Where", "Maximum", "Minimum", "Dropout",
)  # fmt: skip


def slopes_of(place):
    """∂output/∂input at every kept place of the output, for each input."""
    delta = place.delta()
    shape, arrays = delta.shape, []
    for k, value in enumerate(place.step.inputs):
        array = place.input(k).array
        own_rows = array.ndim == len(shape) > 0 and len(array) > 1 and not value.batched
        if delta.value.batched and own_rows:  # one for each sample
            array = array[delta.offset : delta.offset + len(delta.array)]
        arrays.append(np.broadcast_to(array, shape).astype(array.dtype))
    operation = place.operation()
    operation.needs = (True,) * 8
    operation.run(*arrays)
    with np.errstate(all="ignore"):  # as in the walk through the graph
        gradients = operation.gradients(np.ones(shape, delta.array.dtype))
    return [np.broadcast_to(g, shape) for g in gradients]


def elementwise_backward(place, i, index):
    """Σ δ · f' over the places that the entry is broadcast to."""
    step, delta = place.step, place.delta()
    slopes = place.once("slopes", slopes_of)[i]
    plain = step.operation in ("Add", "Clone", "Cast")  # f' is 1 everywhere
    name = {
        "Mul": step.symbols[1 - i] if len(step.inputs) == 2 else "c",
        "Dropout": "m/(1 − p)",
    }.get(step.operation, "f'")
    output = step.outputs[0]
    samples = delta.samples() if output.batched else None
    terms = []
    for out in broadcast_places(output.shape, step.inputs[i].shape, index, samples):
        factors = [delta.at("δ", out)]
        if not plain:
            at = (out[0] - delta.offset, *out[1:]) if out else ()
            factors.append(Factor(name, out, float(slopes[at])))
        terms.append(Term(tuple(factors)))
    return terms
