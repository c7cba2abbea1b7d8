"""`finite_difference`: the loss of the recorded run, computed again with one number changed."""

import copy
from dataclasses import dataclass

import numpy as np

from minicnn.checks import ArgumentError, GraphError, closest
from minicnn.tracing.attributes import operation_called
from minicnn.tracing.terms import checked_index

STEP = 1e-5
_KINKED = ("ReLU", "ReLU6", "LeakyReLU", "Hardsigmoid", "Hardswish", "Abs", "Clamp")


@dataclass(frozen=True)
class Difference:
    """What happens to the loss when one entry of a leaf is changed.

    Attributes:
        name, index: the entry.
        h: by how much it was changed.
        left, middle, right: L(x − h), L(x), L(x + h), in float64.
        slope: (L(x + h) − L(x − h)) / 2h.
        gradient: what the backward gave; None if it gave nothing.
        warning: a sentence where the loss has a kink or a tie between x − h and x + h.
    """

    name: str
    index: tuple
    h: float
    left: float
    middle: float
    right: float
    slope: float
    gradient: float | None
    warning: str = ""

    def __str__(self):
        place = f"{self.name}{str(list(self.index)).replace(' ', '')}"
        lines = [
            f"L({place} + h) = {self.right:.12g}",
            f"L({place} − h) = {self.left:.12g}     h = {self.h:g}",
            f"difference quotient {self.slope:.7g}",
        ]
        if self.gradient is not None:
            lines.append(f"backward            {self.gradient:.7g}")
        return "\n".join([*lines, *([self.warning] if self.warning else [])])


def finite_difference(tr, name, index, h=STEP):
    """See `trace.finite_difference`."""
    recording = tr._recording
    if recording.unseen:
        raise GraphError(f"finite_difference: the run cannot be repeated: {recording.unseen}")
    leaves = {v.name: v for v in tr.values if v.number in recording.whole}
    if name not in leaves:
        raise ArgumentError(
            f"finite_difference: no parameter or input is called {name!r}{closest(name, leaves)}"
        )
    loss = next((s for s in tr.steps if s.phase == "loss"), None)
    if loss is None or not loss.outputs:
        raise ArgumentError("finite_difference: no backward has run; call trace.backward(loss)")
    value = leaves[name]
    index = checked_index("finite_difference", value, index, None)
    left, middle, right = (
        _Replay(recording, value.number, index, change).run(loss.outputs[0].number)
        for change in (-h, 0.0, h)
    )
    recorded = float(loss.outputs[0].array)
    if not np.isclose(middle.loss, recorded, rtol=1e-4, atol=1e-6):
        raise GraphError(
            f"finite_difference: the run cannot be repeated: its loss was {recorded:.6g}, and now "
            f"is {middle.loss:.6g}. Tensors were changed in place, or it is random"
        )
    return Difference(
        name=name,
        index=index,
        h=h,
        left=left.loss,
        middle=middle.loss,
        right=right.loss,
        slope=(right.loss - left.loss) / (2 * h),
        gradient=_gradient(tr, name, index),
        warning=_kinks(left, right),
    )


def _gradient(tr, name, index):
    for step in tr.steps:
        if step.phase == "accumulate" and step.results[0].destination == name:
            value = step.results[0].contribution
            if value.array is None or (value.batched and index[0] != (tr.sample or 0)):
                return None
            at = (0, *index[1:]) if value.batched and tr.sample is not None else index
            return float(value.array[at])
    return None


class _Replay:
    """The recorded operations run once more, in float64, from leaves of which one is changed."""

    def __init__(self, recording, leaf, index, change):
        self.recording = recording
        self.arrays = {n: _float64(a) for n, a in recording.whole.items()}
        array = self.arrays[leaf].copy()
        if array.dtype != np.float64:
            raise ArgumentError(f"finite_difference: {array.dtype} has no derivative")
        array[index] += change
        self.arrays[leaf] = array
        self.sides = {}  # number of a step → on which side of its kinks the inputs lie

    def run(self, goal):
        for step in self.recording.steps:
            if step.phase != "forward":
                continue
            operation = copy.copy(self.recording.operations[step.number])
            if operation_called(step.operation) is None:
                raise ArgumentError(
                    f"finite_difference: {operation.name} is an operation of your own, and cannot "
                    "be run again from outside; gradcheck checks it"
                )
            inputs = [self.arrays[v.number] for v in step.inputs]
            operation.freed = False
            result = operation.run(*inputs)
            outputs = result if isinstance(result, tuple) else (result,)
            for value, array in zip(step.outputs, outputs, strict=True):
                self.arrays[value.number] = np.asarray(array)
            if step.operation in _KINKED:
                self.sides[step.number] = step, np.sign(inputs[0])
            elif "MaxPool" in step.operation:
                self.sides[step.number] = step, outputs[1]
            if goal in (v.number for v in step.outputs):
                break
        self.loss = float(self.arrays[goal])
        return self


def _float64(array):
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _kinks(left, right):
    found = []
    for number, (step, side) in left.sides.items():
        changed = int((side != right.sides[number][1]).sum())
        if changed:
            what = "maxima" if "MaxPool" in step.operation else "inputs"
            found.append(f"{changed} {what} of {step.title} change sides between x − h and x + h")
    if not found:
        return ""
    return "a kink: " + "; ".join(found[:3]) + ". The slopes to the left and right may differ"
