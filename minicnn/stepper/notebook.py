"""Steps and traces as a notebook shows them: HTML without scripts."""

from html import escape

import numpy as np

from minicnn.stepper.cards import STYLES, equations_of, first_of, numbers_of, picture_of
from minicnn.stepper.heat import colour, plane, shrink
from minicnn.tracing.readers import reader
from minicnn.tracing.text import heading, line

ROWS, COLUMNS = 28, 56  # cells of a picture


@reader("card")
def step_as_html(step):
    """The card of a step."""
    parts = [f"<b>[{step.number}] {escape(heading(step))}</b>"]
    if step.source is not None:
        parts.append(f"<code>{escape(str(step.source))}: {escape(step.source.text)}</code>")
    if step.composition is not None:
        c = step.composition
        parts.append(f"<b>eq. {c.equation}</b> (with step {c.first}): {escape(c.text)}")
    parts += [f"<i>{escape(line(key))}</i>" for key in equations_of(step)]
    parts.append(_table(step))
    shown = picture_of(step)
    if shown is not None:
        parts.append(f"{escape(shown[0])}:{_picture(shown[1].array, first_of(step, shown[1]))}")
    if step.note:
        parts.append(escape(step.note))
    border = STYLES[step.phase]
    style = f"border-left:4px solid {border};padding:0 0 0 .8em;margin:.5em 0"
    return f'<div style="{style}">' + "".join(f"<div>{p}</div>" for p in parts) + "</div>"


def _table(step):
    rows = [
        f"<tr><td>{escape(symbol)}</td><td>{escape(value.name)}</td>"
        + "".join(f"<td>{escape(text)}</td>" for text in numbers_of(value))
        + "</tr>"
        for symbol, value in step.bindings()
        if symbol
    ]
    if not rows:
        return ""
    names = ("", "what", "shape", "range", "zeros")
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _picture(array, first):
    """A table of coloured cells, each with its exact number as a tooltip."""
    values, where = plane(array, first)
    values, (down, across) = shrink(np.asarray(values, np.float64), ROWS, COLUMNS)
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0)) or 1.0
    rows = []
    for row in values:
        cells = []
        for v in row:
            known = np.isfinite(v)
            red, green, blue = colour(v / largest) if known else (128, 0, 128)
            style = f"background:rgb({red},{green},{blue});width:9px;height:9px;padding:0;border:0"
            cells.append(f'<td style="{style}" title="{v:.6g}"></td>')
        rows.append("<tr>" + "".join(cells) + "</tr>")
    legend = f"blue negative, orange positive, largest |value| {largest:.3g}"
    notes = [where, legend] if where else [legend]
    if (down, across) != (1, 1):
        notes.append(f"1 of {down} rows, 1 of {across} columns")
    table = f'<table style="border-collapse:collapse">{"".join(rows)}</table>'
    return table + f"<small>{escape('; '.join(notes))}</small>"


@reader("list of steps")
def trace_as_html(tr):
    """A table of all steps."""
    rows = ""
    for step in tr.steps:
        delta = "" if step.delta is None else f"{step.delta.abs_max:.3g}"
        cells = (str(step.number), step.phase, step.layer, step.operation, delta)
        rows += "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>"
    head = "".join(f"<th>{n}</th>" for n in ("step", "phase", "layer", "operation", "largest |δ|"))
    return f"<table><tr>{head}</tr>{rows}</table>"
