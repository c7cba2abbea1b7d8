"""What the screen says about a step: symbols in the colours of their arrays, lists, sums."""

import math
import re

from rich.style import Style
from rich.table import Table
from rich.text import Text

from minicnn.checks import ArgumentError
from minicnn.stepper.cards import equations_of, numbers_of
from minicnn.stepper.page.steps import update_equations
from minicnn.stepper.screen.arrays import made_by
from minicnn.tracing.text import heading, line

# The page's colours, so that one learns them once: what is read, weights, biases, what is given, δ.
ROLES = {"x": "#4fd1c1", "w": "#c9a1ff", "b": "#e5b45a", "z": "#b8c2d4", "d": "#ff8ab8"}
# Light enough to be read as greys, too, where NO_COLOR is set.
PHASES = {
    "forward": "#a6e22e", "loss": "#ff79c6", "backward": "#a99cff", "accumulate": "#5fd7ef",
    "update": "#ffa24a",
}  # fmt: skip
SHORT_PHASES = {"forward": "fwd", "backward": "back", "gradient": "grad", "update": "upd"}
_SYMBOL = re.compile(r"∂[Lf]/∂([^\W\d_]+)|[^\W\d_ᵀ]+[₀-₉]?")


def style_of(step, symbol):
    """The style of a symbol in a step's equations; a gradient's is its array's, underlined."""
    if symbol[:1] == "∂" and len(symbol) > 4:
        inner = style_of(step, symbol[4:])
        # ∂L of what the operation gives is δ itself.
        output = inner and inner.color and inner.color.name == ROLES["z"]
        return _style("d") if output else inner and inner + Style(underline=True)
    if symbol == "δ" or symbol.startswith("δ_"):
        return _style("d")
    names = [s.lower() for s in step.symbols[: len(step.inputs)]]
    outputs = [s.lower() for s in step.symbols[len(step.inputs) :]]
    low = symbol.lower()
    if low in names:
        role = "xwb"[names.index(low) : names.index(low) + 1]
        return _style(role) if role else None
    if low in outputs[:1] or (low in ("y", "z") and step.inputs and "x₂" not in names):
        return _style("z")
    return _style("x") if low == "x" and len(names) == 1 else None


def _style(role):
    return Style(color=ROLES[role], bold=True)


def coloured(text, step, style=""):
    """`text` with the symbols of the step's arrays in their colours."""
    result = Text(text, style)
    for found in _SYMBOL.finditer(text):
        one = style_of(step, found.group())
        if one is not None:
            result.stylize(one, *found.span())
    return result


def title(tr, step):
    """The line at the top: where we are."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(" step ").append(f"{step.number}", "bold")
    text.append(f" of {len(tr.steps) - 1}  ")
    text.append(heading(step), f"bold {PHASES[step.phase]}")
    if step.at_breakpoint:
        text.append("  ● breakpoint", "bold red")
    return text


def magnitude(step):
    """The number of the list's column: the largest |δ|, or of a leaf's gradient or change."""
    if step.phase in ("loss", "backward"):
        return None if step.delta is None else step.delta.abs_max
    return step.results[0].contribution.abs_max if step.results else None


def magnitudes(steps):
    """(smallest, largest) of the finite magnitudes above 0, for the list's colours."""
    sizes = [m for m in map(magnitude, steps) if m is not None and math.isfinite(m) and m > 0]
    return (min(sizes), max(sizes)) if sizes else (1.0, 1.0)


def entry(step, width, scale):
    """A line of the list of steps: number, phase, layer, operation, magnitude."""
    wide = width >= 40
    size = magnitude(step)
    phase = heading(step).partition(" · ")[0]
    phase = phase if wide else SHORT_PHASES.get(phase, phase)
    name = step.results[0].destination if step.phase in ("accumulate", "update") else step.layer
    name = name or ("begins here" if step.phase == "loss" else f"({step.operation})")
    if wide and step.layer and step.phase in ("forward", "backward"):
        name += f" · {step.operation}"
    text = Text(f"{step.number:3}", no_wrap=True)
    text.append("●" if step.at_breakpoint else " ", "bold red")
    text.append(f"{phase:<{8 if wide else 4}} ", PHASES[step.phase])
    room = width - text.cell_len - 8
    text.append(f"{name[: room - 1] + '…' if len(name) > room else name:<{room}} ")
    number = "" if size is None else f"{size:.1e}"
    text.append(f"{number:>7}", None if size is None else _glow(size, scale))
    return text


def _glow(size, scale):
    """Grey for the smallest magnitude of the run, orange for the largest; logarithmic."""
    low, high = scale
    if not math.isfinite(size):
        return Style(color="#ff5555", bold=True)
    if size <= 0:
        return Style(color="#6b7280")
    part = math.log(size / low) / math.log(high / low) if high > low else 1.0
    pairs = zip((125, 135, 150), (255, 150, 60), strict=True)
    red, green, blue = (round(a + (b - a) * min(max(part, 0.0), 1.0)) for a, b in pairs)
    return Style(color=f"#{red:02x}{green:02x}{blue:02x}", bold=part > 0.8)


def card(step, item, explanation):
    """The equations and what happens; where the `item` is a gradient, its equation comes first."""
    keys = update_equations(step) if step.phase == "update" else equations_of(step)
    own = step.results[item.place].equation if item and item.part == "result" else ""
    if own in keys:
        keys = [own, *(key for key in keys if key != own)]
    keys = keys if explanation else keys[:1]  # no room for all
    text = Text()
    for key in keys:
        name, _, formula = line(key).partition(": ")
        text.append(f"{name}: " if formula else "", "dim")
        text.append_text(coloured(formula or name, step))
        text.append("\n")
    if step.composition is not None:
        c = step.composition
        text.append(f"eq. {c.equation}, steps {c.first} and {step.number} together: ", "dim")
        text.append_text(coloured(c.text, step))
        text.append("\n")
    if explanation:
        text.append(f"{explanation}\n", "italic")
    if step.note:
        text.append(f"{step.note}\n", "italic yellow")
    text.right_crop(1)
    return text


def source(step, between):
    """The line of the forward, then the operation's options; empty where neither is known."""
    text = Text()
    if step.source is not None:
        file = re.split(r"[\\/]", step.source.file)[-1]
        text.append(f"{file}:{step.source.line}  ", "dim")
        text.append(step.source.text.strip())
    options = {k: v for k, v in step.attributes.items() if k in SHOWN_OPTIONS}
    if options:
        said = ", ".join(f"{k} {_option(v)}" for k, v in options.items())
        text.append(f"{between if text else ''}{said}", "dim")
    return text


SHOWN_OPTIONS = (
    "stride", "padding", "dilation", "groups", "kernel", "lr", "momentum", "weight_decay", "p",
    "eps",
)  # fmt: skip


def _option(value):
    return "×".join(map(str, value)) if isinstance(value, (tuple, list)) else f"{value}"


def table(step, items, chosen, width):
    """The arrays of a step, a line each, the chosen one marked."""
    result = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    columns = ("", "array", "what", "shape", "range", "zeros")
    for name in columns if width >= 70 else columns[:-1]:
        result.add_column(name, no_wrap=True, overflow="ellipsis")
    for k, item in enumerate(items):
        symbol = Text(item.symbol, style_of(step, item.symbol) or "bold")
        row = ["▸" if k == chosen else " ", symbol, item.about or item.value.name]
        row += numbers_of(item.value)
        result.add_row(*row[: len(result.columns)])
    return result


def tabs(step, items, chosen):
    """The arrays of a step on one line, and the chosen one's numbers below."""
    text = Text()
    for k, item in enumerate(items):
        text.append("▸" if k == chosen else " ")
        text.append(item.symbol, style_of(step, item.symbol) or "bold").append(" ")
    if items:
        item = items[chosen]
        shape, span, zeros = numbers_of(item.value)
        text.append(f"\n{shape}, {span}, {zeros} zeros, {item.about or item.value.name}", "dim")
    return text


def sums(tr, step, item, index):
    """(text, terms): an entry of an array written out as the sum that it is."""
    if step.phase == "update":
        return _changed(step, item, index), ()
    made = made_by(tr, step, item)
    text, terms = Text(), ()
    if not made:
        text.append(_given(step, item))
        return text, terms
    if len(made) > 1:
        text.append(f"{len(made)} paths meet here; their parts are added up.\n", "bold")
    for other, short in made:
        if other is not step:
            text.append(f"computed in step {other.number}, {heading(other)}:\n", "dim")
        try:
            found = other.terms(short, index)
        except ArgumentError as error:
            text.append(f"{str(error).removeprefix('terms: ')}\n")
            continue
        terms += found.terms
        text.append_text(coloured(f"{found}\n", other))
    text.right_crop(1)
    return text, terms


def _given(step, item):
    if item.part == "input":
        kind = "a parameter" if item.value.parameter else "given"
        return f"{item.symbol} is {kind}: no step of this run computed it."
    if step.phase == "loss" and item.part == "delta":
        return "Here backpropagation begins: this number is given, not computed."
    return f"No sum of this run is known to have made {item.symbol}."


def _changed(step, item, index):
    r = step.results[item.place]
    if r.before is None or any(v.array is None for v in (r.before, r.contribution, r.after)):
        return Text("The parameter was left out of the trace.")
    before, change, after = (
        float(v.array[tuple(index)]) for v in (r.before, r.contribution, r.after)
    )
    sign = "−" if change < 0 else "+"
    place = f"[{','.join(map(str, index))}]"
    return Text(
        f"θ'{place} = θ{place} {sign} {abs(change):.6g} = {before:.6g} {sign} {abs(change):.6g} "
        f"= {after:.6g}: {step.operation} changed it by {change:.3g}."
    )


def legend(colours, brief=False):
    """How to read the cells."""
    if not colours:
        words = "1…9: +, a…i: −" if brief else "1…9 positive, a…i negative, larger is more; . is 0"
        return Text().append(words, "dim")
    below, above = (" −, ", " +") if brief else (" < 0, ", " > 0; ")
    text = Text().append("blue", _BLUE).append(below, "dim").append("white", "bold white")
    text.append(" 0, ", "dim").append("orange", _ORANGE).append(above, "dim")
    return text if brief else text.append("green", _GREEN).append(": the cursor", "dim")


_BLUE, _ORANGE, _GREEN = (
    Style(color=name, bold=True) for name in ("#6ea8ee", "#ff963c", "#35c280")
)
