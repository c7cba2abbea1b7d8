"""The keys of the screen: what they are called in its last lines, and in the help."""

from rich.text import Text
from textual.binding import Binding

BINDINGS = [
    Binding("n", "go(1)", "next", key_display="n"),
    Binding("p", "go(-1)", "prev", key_display="p"),
    Binding("g", "find(True)", "goto", key_display="g"),
    Binding("b", "stop_here", "break", key_display="b"),
    Binding("r", "run", "run", key_display="r"),
    Binding("B", "clear", "clear", key_display="B"),
    Binding("t", "sum", "sum", key_display="t"),
    Binding("w", "why", "why", key_display="w"),
    Binding("left", "move(0, -1)", "cell", key_display="←"),
    Binding("down", "move(1, 0)", "cell", key_display="↓"),
    Binding("up", "move(-1, 0)", "cell", key_display="↑"),
    Binding("right", "move(0, 1)", "cell", key_display="→"),
    Binding("m", "map(1)", "map", key_display="m"),
    Binding("M", "map(-1)", "map", key_display="M"),
    Binding("tab", "array(1)", "array", key_display="Tab"),
    Binding("shift+tab", "array(-1)", "array", show=False),
    Binding("pagedown", "scroll_text(1)", "scroll", key_display="PgDn"),
    Binding("pageup", "scroll_text(-1)", "scroll", key_display="PgUp"),
    Binding("slash", "find(False)", "find", key_display="/"),
    Binding("question_mark", "help", "help", key_display="?"),
    Binding("q", "app.quit", "quit", key_display="q"),
    Binding("ctrl+c", "app.quit", "quit", show=False),
    Binding("home", "ends(0)", "first", show=False),
    Binding("end", "ends(-1)", "last", show=False),
]
# What the help says of each.
MEANINGS = {
    "next": "to the next step of the run",
    "prev": "to the previous step",
    "goto": "to the step with a number (Home, End: the first, the last)",
    "break": "sets a breakpoint at every step of this layer",
    "run": "goes on to the next breakpoint, or to the end",
    "clear": "takes all breakpoints away",
    "sum": "writes the number under the cursor out as a sum, on and off; what the sum reads "
    "is lit up in the other arrays",
    "why": "says why the gradient at the cursor is zero (or tiny, NaN, None)",
    "cell": "moves the cursor",
    "map": "another map of the array",
    "array": "another array of the step (Shift+Tab: back)",
    "scroll": "the text, where there is more of it than fits",
    "find": "a step by words",
    "help": "this",
    "quit": "leave",
}


def shown():
    """{description: keys} of the bindings that are shown; those of one description together."""
    keys = {}
    for binding in BINDINGS:
        if binding.show:
            keys.setdefault(binding.description, []).append(binding.key_display)
    # Arrows stand close together.
    return {
        name: ("" if all(key in "←↓↑→" for key in some) else " ").join(some)
        for name, some in keys.items()
    }


def footer(width):
    """All shown bindings; none is torn apart between two lines."""
    text, used = Text(), 0
    for name, keys in shown().items():
        pair = Text().append(keys, "bold #ffb454").append(f" {name}")
        if used and used + 2 + pair.cell_len > width:
            text.append("\n")
            used = 0
        elif used:
            text.append("  ")
            used += 2
        text.append_text(pair)
        used += pair.cell_len
    return text
