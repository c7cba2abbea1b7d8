"""A step as a few lines of text."""

from minicnn.tracing.symbols import equation

_HEADINGS = {
    "forward": "forward",
    "loss": "loss",
    "backward": "backward",
    "accumulate": "gradient",
    "update": "update",
}


def number(value):
    """A float with four digits; NaN and infinity as words.

    >>> number(0.123456), number(float("nan")), number(None)
    ('0.1235', 'nan', 'none')
    """
    return "none" if value is None else f"{value:.4g}"


def as_text(step):
    """The card of a step: title, equations, what is what, and what it gave.

    >>> import minicnn as mc
    >>> x = mc.tensor([[1.0, -2.0]], requires_grad=True)
    >>> with mc.trace() as tr:
    ...     loss = mc.relu(x).sum()
    >>> print(list(tr.backward(loss))[-1])
    [5] gradient · a leaf
      ∂L/∂x of ReLU: 1 × 2, 0 … 1, 50% zeros
    """
    lines = [f"[{step.number}] {heading(step)}"]
    if step.source is not None:
        lines.append(f"  {step.source}: {step.source.text}")
    if step.composition is not None:
        c = step.composition
        lines.append(f"  eq. {c.equation}, with step {c.first}: {c.text}")
    shown = [] if step.results and step.phase == "backward" else list(step.equations[:1])
    for key in shown:
        lines.append(f"  {line(key)}")
    if step.phase in ("forward", "backward"):
        for symbol, value in zip(step.symbols, (*step.inputs, *step.outputs), strict=False):
            if symbol:
                lines.append(f"  {symbol} = {value}")
    for delta in step.deltas:
        lines.append(f"  δ = {'none: nobody used this output' if delta is None else delta}")
    said = set()
    for result in step.results:
        lines += _result_lines(step, result, said)
    if step.note:
        lines.append(f"  {step.note}")
    return "\n".join(lines)


def heading(step):
    """The phase, and what it is about."""
    if step.phase in ("accumulate", "update"):
        return f"{_HEADINGS[step.phase]} · {step.results[0].destination}"
    if step.phase == "loss":
        return "loss · backpropagation begins"
    return f"{_HEADINGS[step.phase]} · {step.title}"


def line(key):
    """One line for the equation `key`; a line of the user's own stays as it is."""
    found = equation(key)
    return key if found is None else f"eq. {found.key}: {found.plain}"


def _result_lines(step, result, said):
    if step.phase == "accumulate":
        lines = [f"  {result.contribution}"]
        if result.before is not None:
            lines.append(f"  added to what .grad held: {result.after}")
        return lines
    if step.phase == "update":
        return [f"  {result.before}", f"  {result.contribution}", f"  {result.after}"]
    lines = []
    if result.equation and result.equation not in said:
        lines.append(f"  {line(result.equation)}")
        said.add(result.equation)
    lines.append(f"    {result.contribution} → {result.destination}")
    if result.before is not None:
        lines.append(f"    added to what came another way: {result.after}")
    return lines
