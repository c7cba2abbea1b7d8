"""`finite_difference`: the loss of the recorded run, computed again with one number changed."""

import numbers
from dataclasses import dataclass

import numpy as np

from minicnn.checks import ArgumentError, GraphError, closest
from minicnn.ops.reduction import Extremum
from minicnn.tracing.attributes import copy_of, operation_called
from minicnn.tracing.terms import checked_index

H = 1e-5  # half the width of the difference quotient
_KINKS = {
    "ReLU": (0,), "LeakyReLU": (0,), "Abs": (0,), "ReLU6": (0, 6), "Hardsigmoid": (-3, 3),
    "Hardswish": (-3, 3),
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """What happens to the loss when one entry of a leaf is changed.

    minicnn's own; `trace.finite_difference` makes it, and it raises nothing.

    Attributes:
        name, index: the entry.
        h: by how much it was changed.
        left, middle, right: L(x − h), L(x), L(x + h), in float64.
        slope: (L(x + h) − L(x − h)) / 2h.
        gradient: what the backward gave; None if it gave nothing.
        warning: a sentence where the loss has a kink or a tie between x − h and x + h, or depends
            on the entry in ways that no gradient follows.
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


def finite_difference(tr, name, index, h=H):
    """See `trace.finite_difference`."""
    recording = tr._recording
    if recording.run.unseen:
        raise GraphError(f"finite_difference: the run cannot be repeated: {recording.run.unseen}")
    leaves = {v.name: v for v in tr.values if v.number in recording.leaves.whole}
    if name not in leaves:
        raise ArgumentError(
            f"finite_difference: no parameter or input is called {name!r}{closest(name, leaves)}"
        )
    losses = [s for s in tr.steps if s.phase == "loss" and s.outputs]
    if not losses:
        raise ArgumentError("finite_difference: no backward has run; call trace.backward(loss)")
    loss = losses[-1]
    if loss.outputs[0].array is None or loss.outputs[0].array.size != 1:
        raise ArgumentError(
            "finite_difference: backward began at a tensor of shape "
            f"{loss.outputs[0].shape}; a difference quotient needs a loss of one number"
        )
    if isinstance(h, bool) or not isinstance(h, numbers.Real) or not 0 < h < np.inf:
        raise ArgumentError(f"finite_difference: h must be a number > 0, got {h!r}")
    value = leaves[name]
    index = checked_index("finite_difference", value, index, None)
    left, middle, right = (
        _Replay(recording, value.number, index, change).run(loss.outputs[0].number)
        for change in (-h, 0.0, h)
    )
    recorded = loss.outputs[0].array.item()
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
        gradient=_gradient(tr, loss, name, index),
        warning=" ".join(filter(None, (_kinks(left, right), _not_followed(tr, value)))),
    )


def _gradient(tr, loss, name, index):
    for step in tr.steps[loss.number :]:
        if step.phase == "accumulate" and step.results[0].destination == name:
            value = step.results[0].contribution
            one = value.batched and tr.sample is not None
            if value.array is None or (one and index[0] != tr.sample):
                return None
            return float(value.array[(0, *index[1:]) if one else index])
    return None


class _Replay:
    """The recorded operations run once more, in float64, from leaves of which one is changed."""

    def __init__(self, recording, leaf, index, change):
        self.recording = recording
        self.arrays = {n: _float64(a) for n, a in recording.leaves.whole.items()}
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
            operation = copy_of(self.recording.run.operations[step.number])
            if operation_called(step.operation) is None:
                raise ArgumentError(
                    f"finite_difference: {operation.name} is an operation of your own, and cannot "
                    "be run again from outside; gradcheck checks it"
                )
            inputs = [self.arrays[v.number] for v in step.inputs]
            result = operation.run(*inputs)
            outputs = result if isinstance(result, tuple) else (result,)
            if step.operation == "Cast" and outputs[0].dtype.kind == "f":
                outputs = (inputs[0],)  # float32 has too few digits for a difference
            for value, array in zip(step.outputs, outputs, strict=True):
                self.arrays[value.number] = np.asarray(array)
            side = _side(operation, inputs, outputs)
            if side is not None:
                self.sides[step.number] = step, side
            if goal in (v.number for v in step.outputs):
                break
        self.loss = self.arrays[goal].item()
        return self


def _side(operation, inputs, outputs):
    """On which side of each kink every input lies; None for an operation without kinks."""
    name = operation.name
    if "MaxPool" in name:
        return outputs[1]
    if name in ("Maximum", "Minimum"):
        return np.sign(inputs[0] - inputs[1])
    if isinstance(operation, Extremum):
        return inputs[0] == operation.stretch(outputs[0])
    kinks = _KINKS.get(name, ())
    if name == "Clamp":
        kinks = [k for k in (operation.low, operation.high) if k is not None]
    return sum(np.sign(inputs[0] - k) for k in kinks) if len(kinks) else None


def _float64(array):
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _kinks(left, right):
    found = []
    for number, (step, side) in left.sides.items():
        changed = int((side != right.sides[number][1]).sum())
        if changed:
            what = "maxima" if "Max" in step.operation else "inputs"
            found.append(f"{changed} {what} of {step.title} change sides between x − h and x + h")
    if not found:
        return ""
    return "a kink: " + "; ".join(found[:3]) + ". The slopes to the left and right may differ."


def _not_followed(tr, leaf):
    """A sentence where the loss depends on the leaf in ways that have been cut: detach, no_grad."""
    reached = {leaf.number}
    for step in tr.steps:
        if step.phase != "forward":
            continue
        read = {i for i, v in enumerate(step.inputs) if v.number in reached}
        if not read:
            continue
        reached |= {v.number for v in step.outputs}
        if step.pair is not None:
            results = tr.steps[step.pair].results
            if not read <= {r.input for r in results}:
                return (
                    f"Part of what step {step.number}, {step.title}, read was detached: the "
                    "quotient counts it, backward does not"
                )
    return ""
