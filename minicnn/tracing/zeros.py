"""`why_zero`: from a gradient that is zero (or None, tiny, NaN) back to what made it so.

An entry of a gradient is a sum of products (see `minicnn.tracing.terms`). Where the sum is zero,
each product has a factor that is zero. If that is δ, the question moves on to the entry of δ, one
step nearer to the loss; if it is another, the cause is found: a ReLU that is off, a pixel that lost
to another in max pooling, an input or a weight of 0, a dropped unit.
"""

import math
from collections import Counter, deque

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.tracing.explanations import Cause, Explanation
from minicnn.tracing.layers import ACTIVATIONS
from minicnn.tracing.rules import Place, backward_terms, windows
from minicnn.tracing.terms import View, checked_index
from minicnn.tracing.why_none import why_none

MOST_TERMS = 200_000  # looked at before the rest is left aside
TINY = 1e-6  # of the largest entry of the same gradient
CANCELLED = 1e-6  # of the sum without signs


def why_zero(tr, name, index):
    """See `trace.why_zero`."""
    brought = _brought(tr.steps)
    arrivals = [pair for pairs in brought.values() for pair in pairs]
    arrivals = [(step, result) for step, result in arrivals if result.destination == name]
    if not arrivals:
        return why_none(tr, name)
    # Of several backward passes the last one is asked about.
    arrivals = [pair for pair in arrivals if pair[1].to == arrivals[-1][1].to]
    arrived = arrivals[-1][1].after or arrivals[-1][1].contribution
    value = _received(tr, arrivals[-1][1], name) or arrived
    index = checked_index("why_zero", value, index, tr.sample)
    number = View(value, tr.sample).at(name, index).value
    place = f"∂L/∂{name}{str(list(index)).replace(' ', '')}"
    if not np.isfinite(number):
        return Explanation(name, index, number, f"{place} is {number}: {_first_not_finite(tr)}")
    if number != 0:
        text = f"is not zero: it is {number:.6g} (the largest entry: {value.abs_max:.4g})"
        size = _size(tr, arrivals, index)
        if abs(number) <= CANCELLED * size:
            text = (
                f"is tiny, {number:.3g}: its products cancel, which without their signs would "
                f"add up to {size:.3g}"
            )
        elif abs(number) <= TINY * value.abs_max:
            shrinks = _where_it_shrinks(tr, brought, arrivals[-1], index)
            text = f"is tiny, {number:.3g} against {value.abs_max:.4g}: {shrinks}"
        return Explanation(name, index, number, f"{place} {text}")
    before = number if value is arrived else View(arrived, tr.sample).at(name, index).value
    if before != 0:
        text = f"{place} is 0: a hook made it so; {before:.4g} had arrived"
        return Explanation(name, index, number, text)
    found, followed = _follow(tr, brought, arrivals, index)
    causes = found.causes()
    text = f"{place} is 0"
    if tr.sample is not None and not value.batched and (tr.batch or 1) > 1:
        text += f" (in sample {tr.sample})"
    if causes:
        text += f": {causes[0].text}"
        text += f", in {causes[0].layer}" if causes[0].layer else ""
        more = len(causes) - 1
        text += f", and {more} other reason{'s' if more > 1 else ''}" if more else ""
    if causes and not any(found.alone.values()):
        text += "; the δ that meets it is 0 as well"
    if not followed:
        text += f" (after {MOST_TERMS:,} products the rest was left aside)"
    return Explanation(name, index, number, text, causes)


def _received(tr, result, name):
    """The gradient that the step which `result` went to has worked with: after its hooks."""
    if result.to is None:
        return None
    step = tr.steps[result.to]
    if step.phase == "accumulate":
        return step.results[0].contribution
    pairs = zip(step.outputs, step.deltas, strict=False)
    return next((delta for output, delta in pairs if output.name == name), None)


def _size(tr, arrivals, index):
    """Σ |products| of an entry; 0 where they cannot be written out."""
    try:
        return sum(
            abs(term.product)
            for step, result in arrivals
            for term in backward_terms(step, result.input, index, tr.sample, tr.operation_of(step))
        )
    except ArgumentError:
        return 0.0


def _brought(steps):
    """{number of a step: the (backward step, result) pairs that went into it}."""
    brought = {}
    for step in steps:
        for result in step.results if step.phase == "backward" else ():
            brought.setdefault(result.to, []).append((step, result))
    return brought


class _Findings:
    """The causes that have been met, and how often."""

    def __init__(self, tr):
        self.tr, self.texts = tr, {}
        self.counts, self.alone = Counter(), Counter()

    def note(self, step, kind, text, alone=True):
        """`alone`: the product would not be zero without this."""
        key = kind, step.number, text
        self.counts[key] += 1
        self.alone[key] += alone

    def causes(self):
        # First those that alone are to blame.
        keys = sorted(self.counts, key=lambda k: (-self.alone[k], -self.counts[k], k[1]))
        return tuple(
            Cause(kind, self.tr.steps[number].layer, number, self.counts[kind, number, text], text)
            for kind, number, text in keys
        )


def _follow(tr, brought, arrivals, index):
    """The `_Findings` about a zero, found breadth first; and whether all of it was looked at."""
    found, places = _Findings(tr), {}
    queue = deque((step, result, index) for step, result in arrivals)
    seen, looked_at = set(), 0
    while queue and looked_at < MOST_TERMS:
        step, result, at = queue.popleft()
        operation = tr.operation_of(step)
        place = places.setdefault(step.number, Place(step, tr.sample, operation))
        try:
            if number := View(result.contribution, tr.sample).at("", at).value:
                text = f"the {number:.3g} from here is taken away again by another path"
                found.note(step, "cancels", text)
                continue
            terms = backward_terms(step, result.input, at, tr.sample, operation, place)
        except ArgumentError as error:
            found.note(step, "not followed", str(error))
            continue
        looked_at += max(1, len(terms))
        if not terms:
            found.note(step, *_no_terms(step, result, at, tr.sample))
        others = [t.product for t in terms if t.product != 0]
        if others:
            found.note(step, "cancels", _how_they_vanish(others, result, tr.sample))
        for term in terms:
            delta = next((f for f in term.factors if _is_delta(f)), None)
            if term.product != 0 or delta is None:
                continue  # without δ: a part of a norm's sum that holds Σδ, which says nothing new
            own = [f for f in term.factors if f.value == 0 and not _is_delta(f)]
            if own:
                found.note(step, *_reason(step, own[0]), alone=delta.value != 0)
                continue
            if delta.value != 0:
                found.note(step, "underflow", "its factors are too small for their product")
                continue
            if step.number not in brought:
                found.note(step, "zero upstream", "the δ that came in is 0")
            gave = [pair for pair in brought.get(step.number, ()) if _is_of(pair, step)]
            for earlier, part in gave:
                key = (earlier.number, part.input, delta.index)
                if key not in seen:
                    seen.add(key)
                    queue.append((earlier, part, delta.index))
    return found, not queue


def _is_of(pair, step):
    """Whether what an earlier step gave belongs to the first output, whose δ terms are made of."""
    return len(step.outputs) < 2 or pair[1].destination == step.outputs[0].name


def _is_delta(factor):
    return factor.symbol == "δ"


def _how_they_vanish(products, result, sample):
    total, size = sum(products), sum(map(abs, products))
    if size < np.finfo(result.contribution.statistics.dtype).tiny:
        return "its products are too small for the dtype"
    if abs(total) > CANCELLED * size:
        return f"what sample {sample} brings, {total:.3g}, is taken away by the other samples"
    return f"{len(products)} products add up to 0"


def _windows_of(step, index):
    """The places of the outputs whose windows an entry of a max pooling's input lies in."""
    options = step.attributes
    if step.operation == "AdaptiveMaxPool2d":
        axes = [
            [o for o in range(out) if o * n // out <= at < -(-(o + 1) * n // out)]
            for out, n, at in zip(options["out"], step.inputs[0].shape[2:], index[2:], strict=True)
        ]
    else:
        sizes = zip(
            options["out"], options["kernel"], index[2:], options["stride"], options["padding"],
            options["dilation"], strict=True,
        )  # fmt: skip
        axes = [[o for o, _ in windows(*size)] for size in sizes]
    return [(*index[:2], i, j) for i in axes[0] for j in axes[1]]


def _no_terms(step, result, index, sample):
    """(kind, text, alone) for an entry that no product goes into."""
    if step.operation in ("MaxPool2d", "AdaptiveMaxPool2d"):
        delta, places = View(step.delta, sample), _windows_of(step, index)
        if places:
            text = "the entry is not the largest of any window it lies in"
            return "lost maximum", text, any(delta.at("δ", p).value for p in places)
    if step.operation in ("MaxPool2d", "AvgPool2d"):
        return "not reached", "the entry lies in no window", True
    if step.operation in ("Conv2d", "ConvTranspose2d"):
        text = "lies over the padding only" if result.input == 1 else "is reached by no window"
        return "not reached", f"the entry {text}", True
    if step.operation in ("Slice", "Gather", "Diagonal"):
        return "not reached", "the entry was not taken", True
    return "not reached", "the entry goes into no output", True


_CHOICES = {
    "Where": "the other one was chosen here",
    "Maximum": "the other one is larger here",
    "Minimum": "the other one is smaller here",
    "Clamp": "clamp is flat here",
}


_OF_SOFTMAX = ("Softmax", "LogSoftmax", "CrossEntropy", "SoftCrossEntropy")


def _reason(step, factor):
    """(kind, text) for a factor that is 0 beside δ."""
    if step.operation in ("ReLU", "ReLU6"):
        return "off", f"{step.operation} is off: its input is ≤ 0" + (
            " or ≥ 6" if step.operation == "ReLU6" else ""
        )
    if step.operation in ACTIVATIONS:
        return "saturated", f"{step.operation} is flat here: f'(x) is 0"
    if step.operation in _CHOICES:
        return "zero factor", _CHOICES[step.operation]
    if step.operation == "Dropout":
        return "dropped", "dropout has dropped it"
    if step.operation in _OF_SOFTMAX:
        if factor.symbol == "1/N":
            return "ignored", "this target is ignored, or its class has weight 0"
        if factor.symbol in ("softmax(z)", "y", "exp(y)"):
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
