"""A step as a card for the terminal: what ran, its equations, the numbers, a picture of δ."""

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from minicnn.stepper.heat import heat_map
from minicnn.tracing.text import as_text, heading, line

STYLES = {
    "forward": "green",
    "loss": "magenta",
    "backward": "blue",
    "accumulate": "cyan",
    "update": "yellow",
}


def numbers_of(value):
    """The columns shape, range, mean, zeros of a `Value`."""
    s = value.statistics
    shape = " × ".join(map(str, s.shape)) or "1"
    span = "no finite number" if s.minimum is None else f"{s.minimum:.3g} … {s.maximum:.3g}"
    if s.nan or s.infinite:
        span += f" ({s.nan} NaN, {s.infinite} inf)"
    return shape, span, f"{s.zeros:.0%}"


def card(step, width=100, plain=False):
    """A renderable of rich's for a `Step`.

    Args:
        step: the step.
        width: of the terminal, in characters.
        plain: without colours, boxes and pictures in colour.
    """
    if plain:
        return Text(plain_card(step, width))
    parts = []
    if step.source is not None:
        parts.append(Text(f"{step.source}\n  {step.source.text}", style="dim"))
    if step.composition is not None:
        c = step.composition
        parts.append(Text(f"eq. {c.equation} (steps {c.first} and {step.number}):", style="bold"))
        parts.append(Text(f"  {c.text}"))
    for key in equations_of(step):
        parts.append(Text(line(key), style="bold"))
    parts.append(_table(step, width))
    shown = picture_of(step)
    if shown is not None:
        label, value = shown
        parts.append(Text(f"\n{label}:"))
        parts.append(heat_map(value.array, min(width - 6, 96), first=first_of(step, value)))
    if step.note:
        parts.append(Text(step.note, style="italic"))
    stop = " ● breakpoint" if step.at_breakpoint else ""
    title = f"[{step.number}] {heading(step)}{stop}"
    return Panel(Group(*parts), title=Text(title), border_style=STYLES[step.phase], width=width)


def plain_card(step, width=80):
    """The card as text without colours."""
    text = as_text(step)
    shown = picture_of(step)
    if shown is not None:
        label, value = shown
        picture = heat_map(
            value.array, min(width - 4, 64), plain=True, first=first_of(step, value)
        ).plain
        text += f"\n  {label}:\n" + "\n".join(f"    {row}" for row in picture.splitlines())
    return text


def equations_of(step):
    """The keys of the equations a card shows: those of its results, or its forward's."""
    if step.phase == "backward":
        return list(dict.fromkeys(r.equation for r in step.results if r.equation))
    return list(step.equations[:1])


def picture_of(step):
    """(label, value) of the array to draw: a gradient, or what the forward gave; or None."""
    if step.phase == "forward":
        pairs = [("output", v) for v in step.outputs]
    elif step.phase in ("backward", "accumulate"):
        pairs = [(f"{r.symbol}", r.contribution) for r in step.results]
    else:
        pairs = []
    for label, value in pairs:
        if value.array is not None and value.array.size > 1 and value.array.dtype.kind == "f":
            return label, value
    return None


def first_of(step, value):
    """The number of the sample that comes first in a value's array; None if it has no samples."""
    if not value.batched:
        return None
    return (step.run.sample if step.run is not None else None) or 0


def _table(step, width):
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    wide = width >= 70
    for name in ("", "what", "shape", "range", *(["zeros"] if wide else [])):
        table.add_column(name, overflow="fold")

    def row(symbol, value, what=""):
        shape, span, zeros = numbers_of(value)
        table.add_row(symbol, what or value.name, shape, span, *([zeros] if wide else []))

    if step.phase in ("forward", "backward"):
        for symbol, value in zip(step.symbols, (*step.inputs, *step.outputs), strict=False):
            if symbol:
                row(symbol, value)
    for delta in step.deltas:
        if delta is not None:  # None: nobody used this output
            row("δ", delta)
    for result in step.results:
        if step.phase == "update":
            row("θ", result.before, "before")
            row(result.symbol, result.contribution)
            row("θ'", result.after, "after")
            continue
        target = f"→ {result.destination}" if result.destination else ""
        row(result.symbol, result.contribution, target)
        if result.before is not None:
            row("", result.before, "  what was there")
            row("", result.after, "  together")
    return table
