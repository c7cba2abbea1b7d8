"""`why_zero`: from a gradient that is zero (or None, tiny, NaN) back to what made it so.

An entry of a gradient is a sum of products (see `minicnn.tracing.terms`). Where the sum is zero,
each product has a factor that is zero. If that is δ, the question moves on to the entry of δ, one
step nearer to the loss; if it is another, the cause is found: a ReLU that is off, a pixel that lost
to another in max pooling, an input or a weight of 0, a dropped unit.
"""

import math
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from minicnn.checks import ArgumentError, closest
from minicnn.tracing.layers import ACTIVATIONS
from minicnn.tracing.rules import backward_terms
from minicnn.tracing.terms import View, checked_index

MOST_TERMS = 200_000  # looked at before the rest is left aside
TINY = 1e-6  # of the largest entry of the same gradient

_NO_TERMS = {
    "MaxPool2d": "is not the largest of any window it lies in (lost maximum)",
    "AdaptiveMaxPool2d": "is not the largest of any window it lies in (lost maximum)",
    "AvgPool2d": "lies in no window",
    "Conv2d": "is reached by no window",
    "Slice": "was not taken",
    "Gather": "was not taken",
}


@dataclass(frozen=True)
class Cause:
    """One reason, and how often it holds.

    Attributes:
        kind: ``"off"``, ``"lost maximum"``, ``"zero input"``, ``"zero weight"``, ``"dropped"``,
            ``"saturated"``, ``"cancels"``, ``"zero upstream"``, ``"not reached"``,
            ``"zero factor"``, ``"not followed"``.
        layer: the layer where it holds.
        step: the number of the backward step.
        count: how many entries or products of that step have this reason.
        text: a clause that says it.
    """

    kind: str
    layer: str
    step: int
    count: int
    text: str


@dataclass(frozen=True)
class Explanation:
    """The answer of `why_zero`: one sentence, and the causes, the most frequent first."""

    name: str
    index: tuple
    value: float | None
    summary: str
    causes: tuple = ()

    def __str__(self):
        lines = [self.summary]
        for cause in self.causes:
            place = f"step {cause.step}, {cause.layer}" if cause.layer else f"step {cause.step}"
            lines.append(f"  {cause.count} × {place}: {cause.text}")
        return "\n".join(lines)


def why_zero(tr, name, index):
    """See `trace.why_zero`."""
    brought = _brought(tr.steps)
    arrivals = [pair for pairs in brought.values() for pair in pairs]
    arrivals = [(step, result) for step, result in arrivals if result.destination == name]
    if not arrivals:
        return _why_none(tr, name)
    value = arrivals[-1][1].after or arrivals[-1][1].contribution
    index = checked_index("why_zero", value, index, tr.sample)
    number = View(value, tr.sample).at(name, index).value
    place = f"∂L/∂{name}{str(list(index)).replace(' ', '')}"
    if not np.isfinite(number):
        return Explanation(name, index, number, f"{place} is {number}: {_first_not_finite(tr)}")
    if number != 0:
        text = f"is not zero: it is {number:.6g} (the largest entry: {value.abs_max:.4g})"
        if abs(number) <= TINY * value.abs_max:
            shrinks = _where_it_shrinks(tr, brought, arrivals[-1], index)
            text = f"is tiny, {number:.3g} against {value.abs_max:.4g}: {shrinks}"
        return Explanation(name, index, number, f"{place} {text}")
    causes, followed = _follow(tr, brought, arrivals, index)
    text = f"{place} is 0"
    if tr.sample is not None and not value.batched and (tr.batch or 1) > 1:
        text += f" (in sample {tr.sample})"
    if causes:
        text += f": {causes[0].text}"
        text += f", in {causes[0].layer}" if causes[0].layer else ""
        text += f", and {len(causes) - 1} other reasons" if len(causes) > 1 else ""
    if not followed:
        text += f" (after {MOST_TERMS:,} products the rest was left aside)"
    return Explanation(name, index, number, text, causes)


def _brought(steps):
    """{number of a step: the (backward step, result) pairs that went into it}."""
    brought = {}
    for step in steps:
        for result in step.results if step.phase == "backward" else ():
            brought.setdefault(result.to, []).append((step, result))
    return brought


def _follow(tr, brought, arrivals, index):
    """The causes of a zero, found breadth first; and whether all of it was looked at."""
    counts, texts = Counter(), {}

    def note(step, kind, text):
        counts[kind, step.number] += 1
        texts.setdefault((kind, step.number), text)

    queue = deque((step, result, index) for step, result in arrivals)
    seen, looked_at = set(), 0
    while queue and looked_at < MOST_TERMS:
        step, result, at = queue.popleft()
        try:
            terms = backward_terms(step, result.input, at, tr.sample, tr.operation_of(step))
        except ArgumentError as error:
            note(step, "not followed", str(error))
            continue
        looked_at += max(1, len(terms))
        zeros = [t for t in terms if t.product == 0]
        if not terms:
            text = _NO_TERMS.get(step.operation, "goes into no output")
            note(step, "lost maximum" if "maximum" in text else "not reached", f"the entry {text}")
        elif not zeros:
            note(step, "cancels", f"{len(terms)} products add up to 0")
        for term in zeros:
            own = [f for f in term.factors if f.value == 0 and not _is_delta(f)]
            if own:
                note(step, *_reason(step, own[0]))
                continue
            delta = next(f for f in term.factors if _is_delta(f))
            if step.number not in brought:
                note(step, "zero upstream", "the δ that came in is 0")
            for earlier, gave in brought.get(step.number, ()):
                key = (earlier.number, gave.input, delta.index)
                if key not in seen:
                    seen.add(key)
                    queue.append((earlier, gave, delta.index))
    causes = [
        Cause(kind, tr.steps[number].layer, number, count, texts[kind, number])
        for (kind, number), count in counts.most_common()
    ]
    return tuple(causes), not queue


def _is_delta(factor):
    return factor.symbol == "δ"


def _reason(step, factor):
    """(kind, text) for a factor that is 0 beside δ."""
    if step.operation in ("ReLU", "ReLU6"):
        return "off", f"{step.operation} is off: its input is ≤ 0" + (
            " or ≥ 6" if step.operation == "ReLU6" else ""
        )
    if step.operation in ACTIVATIONS:
        return "saturated", f"{step.operation} is flat here: f'(x) is 0"
    if step.operation == "Dropout":
        return "dropped", "dropout has dropped it"
    if step.operation == "CrossEntropy":
        return "saturated", "softmax gives a probability of 0 here"
    if factor.symbol in ("X", "x"):
        return "zero input", "the input it is multiplied with is 0"
    if factor.symbol == "W":
        return "zero weight", "the weight it is multiplied with is 0"
    return "zero factor", f"{factor.symbol} is 0"


def _where_it_shrinks(tr, brought, arrival, index):
    """Going back along the largest product of each sum: where its other factors are smallest."""
    (step, result), at, smallest = arrival, index, None
    while True:
        try:
            terms = backward_terms(step, result.input, at, tr.sample, tr.operation_of(step))
        except ArgumentError:
            break
        if not terms:
            break
        largest = max(terms, key=lambda t: abs(t.product))
        size = math.prod(abs(f.value) for f in largest.factors if not _is_delta(f))
        if smallest is None or size < smallest[0]:
            smallest = size, step
        delta = next((f for f in largest.factors if _is_delta(f)), None)
        if delta is None or step.number not in brought:
            break
        (step, result), at = brought[step.number][0], delta.index
    if smallest is None:
        return "its products could not be followed"
    size, step = smallest
    what = f"f' of {step.operation}" if step.operation in ACTIVATIONS else step.operation
    return (
        f"along its largest path it shrinks most in step {step.number}, {step.title}: "
        f"{what}, × {size:.2g}"
    )


def _first_not_finite(tr):
    """The sentence that names the first step whose output or gradient holds NaN or infinity."""
    for step in tr.steps:
        if step.phase == "forward":
            came, went = step.inputs, step.outputs
        elif step.phase == "backward":
            came = [d for d in (*step.deltas, *step.inputs) if d]
            went = [r.contribution for r in step.results]
        else:
            continue
        bad = [v for v in went if v.statistics.nan or v.statistics.infinite]
        fed = [v for v in came if v.statistics.nan or v.statistics.infinite]
        if fed and step.phase == "forward":
            return (
                f"{fed[0].name} already holds NaN or infinity when it comes in (step {step.number})"
            )
        if bad and not fed:
            s = bad[0].statistics
            return (
                f"the first NaN or infinity comes from step {step.number} ({step.phase}), "
                f"{step.title}: {s.nan} NaN, {s.infinite} infinite in {bad[0].name}"
            )
    return "no step could be found that made it"


def _why_none(tr, name):
    """Why nothing at all arrived at a tensor of that name."""
    recording = tr._recording
    names = {v.name for v in tr.values} | set(recording.names)
    if name not in names:
        raise ArgumentError(f"why_zero: nothing is called {name!r}{closest(name, names)}")
    if not any(s.phase == "loss" for s in tr.steps):
        raise ArgumentError("why_zero: no backward has run; call trace.backward(loss) first")
    users = [s for s in tr.steps if s.phase == "forward" and any(v.name == name for v in s.inputs)]
    if not users:
        return Explanation(name, (), None, f"∂L/∂{name} is None: the forward did not use {name}")
    if not recording.wanted.get(name, True):
        text = f"∂L/∂{name} is None: {name} has requires_grad=False"
        return Explanation(name, (), None, text)
    # Forwards from its first use, to where the path to the loss breaks off.
    reached, last = {v.number for s in users for v in s.outputs}, users[-1]
    for step in tr.steps:
        if step.phase == "forward" and any(v.number in reached for v in step.inputs):
            reached |= {v.number for v in step.outputs}
            last = step
    loss = next(s for s in tr.steps if s.phase == "loss")
    if any(v.number in reached for v in loss.outputs):
        why = "the path is cut: by no_grad() or an operation without a gradient"
    else:
        why = "nothing that was computed from it goes into the loss: it was detached, or not used"
    text = f"∂L/∂{name} is None: {why}. Its last trace is step {last.number}, {last.title}"
    return Explanation(name, (), None, text)
