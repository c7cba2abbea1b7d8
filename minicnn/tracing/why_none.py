"""Why no gradient at all arrived at a tensor: the part of `why_zero` about None."""

from minicnn.checks import ArgumentError, closest
from minicnn.tracing.explanations import Explanation


def why_none(tr, name):
    """Why nothing arrived at a tensor of that name.

    Raises:
        ArgumentError: no tensor of the forward has this name; no backward has run.
    """
    recording = tr._recording
    forward = [s for s in tr.steps if s.phase == "forward"]
    values = {v.number: v for s in forward for v in (*s.inputs, *s.outputs)}
    names = {v.name for v in values.values()} | set(recording.names.wanted)
    if name not in names:
        raise ArgumentError(f"why_zero: nothing is called {name!r}{closest(name, names)}")
    losses = [s for s in tr.steps if s.phase == "loss"]
    if not losses:
        raise ArgumentError("why_zero: no backward has run; call trace.backward(loss) first")
    if any(v.name == name for s in losses for v in s.outputs):
        return _answer(name, "is where backpropagation begins: it is the δ that was sent in")
    own = {v.number for v in values.values() if v.name == name}
    if not own:
        return _answer(name, f"is None: the forward did not use {name}")
    if not recording.names.wanted.get(name, True) or own <= recording.leaves.fixed:
        return _answer(name, f"is None: {name} has requires_grad=False")
    reached = _reached(forward, own)
    goals = {v.number for s in losses for v in s.outputs}
    if not reached & goals:
        last = [s for s in forward if reached & {v.number for v in (*s.inputs, *s.outputs)}][-1]
        return _answer(
            name,
            "is None: nothing that was computed from it goes into the loss. Its last trace is step "
            f"{last.number}, {last.title}",
        )
    return _answer(name, f"is None: the path is cut. {_where_cut(tr, forward, reached, goals)}")


def _answer(name, text):
    return Explanation(name, (), None, f"∂L/∂{name} {text}")


def _reached(forward, numbers):
    """The numbers of all values that were computed from these."""
    reached = set(numbers)
    for step in forward:
        if any(v.number in reached for v in step.inputs):
            reached |= {v.number for v in step.outputs}
    return reached


def _where_cut(tr, forward, reached, goals):
    """The first step on the way to the loss that gives no gradient to what it reads."""
    leading = set(goals)
    for step in reversed(forward):
        if any(v.number in leading for v in step.outputs):
            leading |= {v.number for v in step.inputs}
    for step in forward:
        read = {i for i, v in enumerate(step.inputs) if v.number in reached & leading}
        if not read or not any(v.number in leading for v in step.outputs):
            continue
        if step.pair is None:
            return (
                f"Step {step.number}, {step.title}, built no graph: it ran under no_grad(), on "
                "detached tensors, or has no gradient"
            )
        if not any(r.input in read for r in tr.steps[step.pair].results):
            return f"What step {step.number}, {step.title}, read was detached"
    return "Where cannot be seen"
