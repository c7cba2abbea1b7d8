"""`compare`: a backward of your own against the run's, and what is wrong with it.

The catalogue of wrong backwards (`minicnn.checking.faults`) is run on the same arrays. A cause is
named only if exactly one of its entries gives what the function gave, here and on every probe of
the catalogue.
"""

import inspect
from dataclasses import dataclass

import numpy as np

from minicnn.checking.faults import SUBJECTS, of
from minicnn.checks import ArgumentError, DtypeError
from minicnn.tensor import Tensor
from minicnn.tracing.attributes import (
    arrays_of,
    attributes_of,
    copy_of,
    operation_called,
    put,
    restore,
)
from minicnn.tracing.rules import ELEMENTWISE

# A wrong array is as far from the right one as this, relative to its largest entry.
TOLERANCE = {"float64": 1e-8, "float32": 1e-4, "float16": 2e-2}


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    minicnn's own; `trace.compare` makes it, and it raises nothing.

    Attributes:
        right: whether every gradient that was given is right.
        short: the first wrong gradient, such as ``"dW"``; empty if all are right.
        index: its first wrong entry.
        got, expected: the two numbers.
        share: the share of its entries that are wrong.
        terms: the `Terms` of the entry, as text; empty where it cannot be written out.
        cause: the key of the fault that reproduces it, or empty.
        text: all of it in words.
    """

    right: bool
    short: str = ""
    index: tuple = ()
    got: float | None = None
    expected: float | None = None
    share: float = 0.0
    terms: str = ""
    cause: str = ""
    text: str = ""

    def __str__(self):
        return self.text


def compare(step, function, operation=None):
    """See `trace.compare`."""
    if step.phase != "backward" or not step.results:
        raise ArgumentError("compare: go to a backward step with gradients first (trace.goto)")
    if not step.inputs:
        raise ArgumentError(f"compare: {step.note}")
    if operation_called(step.operation) is None:
        raise ArgumentError(
            f"compare: {step.operation} is an operation of your own, and there is no other to "
            "compare with; gradcheck checks it"
        )
    for value in (*step.inputs, *step.deltas[:1]):
        if value is None:
            raise ArgumentError("compare: no δ has arrived at the first output of this step")
        if value.array is None:
            raise ArgumentError(f"compare: an array was left out of the trace: {value}")
    inputs = [v.array for v in step.inputs]
    if any(_holds_all_samples(step, v) for v in step.inputs):
        raise ArgumentError(
            f"compare: of {step.delta.name} one sample is kept, and of what it is computed from "
            "all; record with trace(…, sample=None)"
        )
    again = _fresh(step, operation)
    again.needs = (True,) * len(inputs)
    deltas = [
        d.array if d is not None else np.zeros(o.array.shape, o.array.dtype)
        for d, o in zip(step.deltas, step.outputs, strict=False)
    ]
    try:
        again.run(*inputs)
        with np.errstate(all="ignore"):  # as in the walk through the graph
            expected = again.gradients(*deltas)
    except (ValueError, TypeError, IndexError, RuntimeError):
        if step.run.sample is None:
            raise
        raise ArgumentError(
            f"compare: {step.operation} cannot be run on one sample alone; record with "
            "trace(…, sample=None)"
        ) from None
    given = _ask(function, deltas[0], inputs, again)
    for result in step.results:
        got, right = given[result.input], expected[result.input]
        if got is None:
            continue
        found = _first_difference(step, result, got, right, step.run.sample)
        if found is not None:
            cause = _cause(step, function, given, again, inputs, deltas)
            return _report(step, result, found, cause, _alone(step, expected))
    checked = [r.short for r in step.results if given[r.input] is not None]
    if not checked:
        raise ArgumentError("compare: the function returned None for every gradient")
    text = f"{', '.join(checked)} of {step.title}: right, every entry"
    return Comparison(True, text=text + _alone(step, expected))


def _holds_all_samples(step, value):
    """Whether an input holds the rows of all samples, where of δ one sample is kept."""
    delta, shape = step.delta, value.shape
    if step.run.sample is None or not delta.batched or value.batched:
        return False
    same = len(shape) == len(delta.shape) and 1 < shape[0] == delta.shape[0]
    return same and step.operation in ELEMENTWISE


def _alone(step, expected):
    """Says so where the kept sample alone gives other numbers than in its batch."""
    for result in step.results:
        value, again = result.contribution, expected[result.input]
        if value.batched and value.array is not None and _wrong(again, value.array).any():
            return (
                f" (with sample {step.run.sample} as a batch of its own; record with sample=None "
                "to compare the whole batch)"
            )
    return ""


def _fresh(step, operation):
    if operation is None:
        return restore(step)
    again = copy_of(operation)
    put(again, {n: v.array for n, v in step.saved.items()})
    return again


def _options(operation, inputs):
    """What a function may ask for by name: the options, and arrays such as mask and target."""
    arrays = {
        name: array
        for name, array in arrays_of(operation).items()
        # One letter is what a function calls its inputs.
        if len(name) > 1 and not any(array is given for given in inputs)
    }
    return arrays | attributes_of(operation)


def _ask(function, delta, inputs, operation):
    """What the function gives for each input: a list of arrays and None."""
    attributes, count = _options(operation, inputs), len(inputs)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise DtypeError(
            f"compare: expected a function of δ and the inputs, got {type(function).__name__}"
        ) from None
    everything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    options = {k: v for k, v in attributes.items() if everything or k in parameters}
    positional = [
        p for p in parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.name not in attributes
    ]  # fmt: skip
    takes_all = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())
    arguments = [delta.copy(), *[a.copy() for a in inputs]]
    needed = [p.name for p in positional if p.default is p.empty]
    if len(needed) > len(arguments):
        raise ArgumentError(
            f"compare: the function is called with δ and {count} arrays, and asks for "
            f"{', '.join(needed[len(arguments) :])} as well; by name it can have "
            f"{', '.join(attributes) or 'nothing'}"
        )
    if not takes_all:
        arguments = arguments[: len(positional)]
    options = {k: _copied(v) for k, v in options.items()}
    with np.errstate(all="ignore"):  # as operations run
        result = function(*arguments, **options)
    result = list(result) if isinstance(result, (tuple, list)) else [result]
    if len(result) > count:
        raise ArgumentError(f"compare: {count} gradients at most are asked for, got {len(result)}")
    result += [None] * (count - len(result))
    return [_array(r) for r in result]


def _copied(value):
    return value.copy() if isinstance(value, np.ndarray) else value


def _array(value):
    if value is None:
        return None
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def _wrong(got, right):
    """A mask of the wrong entries."""
    size = np.abs(right)[np.isfinite(right)].max(initial=0)
    tolerance = TOLERANCE.get(right.dtype.name, 1e-4) * max(float(size), 1e-12)
    got = got.astype(np.float64)
    with np.errstate(invalid="ignore"):
        near = np.abs(got - right) <= tolerance
    return ~(near | (got == right) | (np.isnan(got) & np.isnan(right)))


def _first_difference(step, result, got, right, sample):
    if got.shape != right.shape:
        return (), None, None, 1.0, f"shape {got.shape}, expected {right.shape}"
    wrong = _wrong(got, right)
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = result.contribution
    index = (at[0] + (sample or 0), *at[1:]) if value.batched and at else at
    return index, float(got[at]), float(right[at]), float(wrong.mean()), ""


def _report(step, result, found, cause, alone):
    index, got, expected, share, shape = found
    head = f"{result.short} of {step.title}"
    if shape:
        text = f"{head}: {shape}"
    else:
        text = (
            f"{head}: wrong in {share:.0%} of its entries. First at {index}: {got:.6g}, "
            f"expected {expected:.6g}{alone}"
        )
    terms = ""
    if not shape:
        try:
            found = step.terms(result.short, index)
            # Not where the run's number is another: a batch norm over the whole batch, say.
            if np.isclose(found.total, expected, rtol=1e-3, atol=1e-6 * abs(found.total) + 1e-30):
                terms = str(found)
                text += f"\n{terms}"
        except (ArgumentError, IndexError):
            pass
    if cause is not None:
        text += f"\ncause: {cause.description} [{cause.key}]"
    key = "" if cause is None else cause.key
    return Comparison(False, result.short, index, got, expected, share, terms, key, text)


# ------------------------------------------------------------------------ the cause


def _cause(step, function, given, right, inputs, deltas):
    """The one fault that gives the same arrays as the function, here and on its probes; or None."""
    kind = operation_called(step.operation)
    subject = next((s for s in SUBJECTS.values() if s.right is kind), None)
    if subject is None:
        return None
    same = []
    for fault in of(subject.name):
        broken = copy_of(right)
        broken.__class__ = fault.broken
        if _equal(given, _outcome(broken, inputs, deltas)):
            same.append(fault)
    return _only_one(same, subject, function, len(inputs))


def _outcome(broken, inputs, deltas):
    """What a fault gives, wrong shapes and all; None if it cannot run on these arrays."""
    try:
        broken.run(*inputs)
        with np.errstate(all="ignore"):
            result = broken.backward(*deltas)
    except Exception:
        return None
    return result if isinstance(result, tuple) else (result,)


def _equal(given, gradients):
    if given is None or gradients is None:
        return given is gradients  # neither of them can run here
    # A fault may give more: the gradient of a bias that is not there.
    pairs = [(a, b) for a, b in zip(given, gradients, strict=False) if a is not None]
    return bool(pairs) and all(
        b is not None and a.shape == b.shape and not _wrong(a, b).any() for a, b in pairs
    )


def _only_one(candidates, subject, function, count):
    """The fault among the candidates that the function agrees with on every probe, if just one."""
    rng = np.random.default_rng(0)
    for probe in subject.probes:
        if len(candidates) < 1 or probe.around is not None:
            continue
        arrays = [np.asarray(a, np.float64) for a in probe.inputs(rng)]
        arguments = probe.arguments(*arrays) if callable(probe.arguments) else probe.arguments
        right = subject.right(*arguments)
        result = right.run(*arrays)
        outputs = result if isinstance(result, tuple) else (result,)
        deltas = [rng.standard_normal(o.shape) for o in outputs]
        try:
            given = _ask(function, deltas[0], arrays, right)
        except Exception:
            given = None
        kept = []
        for fault in candidates:
            if _equal(given, _outcome(fault.broken(*arguments), arrays, deltas)):
                kept.append(fault)
        candidates = kept
    return candidates[0] if len(candidates) == 1 else None
