"""`terms_of`: one entry of an array of a step as the sum that its operation makes of it."""

import numpy as np

from minicnn.checks import ArgumentError, closest
from minicnn.tracing.rules import backward_terms, forward_terms
from minicnn.tracing.terms import Terms, View, checked_index


def terms_of(step, short, index, sample, operation=None, batch=None):
    """The `Terms` of entry `index` of the step's output (``"out"``) or gradient (``"dX"``).

    Raises:
        ArgumentError: the step has no such array, it was left out of the trace, or the operation is
            one whose sum cannot be written out.
        IndexRangeError: the array has no such entry, or it belongs to a sample that is not kept.
    """
    if short == "out":
        if not step.outputs:
            raise ArgumentError("terms: this step has no output")
        value, name = step.outputs[0], step.symbols[len(step.inputs)]
        key = step.equations[0] if step.equations else ""
    else:
        names = ["out", *(r.short for r in step.results)]
        result = step.result(short)
        if result is None or step.phase != "backward":
            raise ArgumentError(
                f"terms: step {step.number} has no {short!r}{closest(short, names)}; it has "
                f"{', '.join(names)}"
            )
        value, name, key = result.contribution, result.symbol, result.equation
    index = checked_index("terms", value, index, sample)
    if short == "out":
        found = forward_terms(step, index, sample, operation)
    else:
        found = backward_terms(step, result.input, index, sample, operation)
    total = float(np.sum([t.product for t in found], dtype=np.float64)) if found else 0.0
    recorded = None if value.array is None else View(value, sample).at(name, index).value
    parts = any(v is not None and v.batched for v in (*step.deltas, *step.outputs))
    if recorded is None or value.batched or not parts or sample is None or (batch or 1) == 1:
        return Terms(name, index, key, tuple(found), total, recorded)
    return Terms(name, index, key, tuple(found), total, recorded, recorded - total, batch)
