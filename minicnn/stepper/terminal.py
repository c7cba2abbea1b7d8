"""Walking through a trace in a terminal: cards, and a prompt."""

import sys

from rich.console import Console

from minicnn.checks import ArgumentError, closest
from minicnn.stepper.cards import card
from minicnn.tracing.text import heading

HELP = """\
n            the next step             p            the previous one
g 12         go to step 12             l            list all steps
b conv1      stop at conv1             r            run to the next breakpoint
t dW 0,0,1,2 one entry as its sum (out: of what the forward gave)
w conv1.weight 0,0,1,2   why is this entry of a gradient zero?  (no index: why is it None?)
f conv1.weight 0,0,1,2   finite difference of one entry
h            this help                 q            quit"""

# What stands behind the commands that need something, as in `HELP`.
EXAMPLES = {
    "g": "12", "b": "conv1", "t": "dW 0,0,1,2", "w": "conv1.weight 0,0,1,2",
    "f": "conv1.weight 0,0,1,2",
}  # fmt: skip

NARROWEST = 40


def show(tr, steps=None, console=None, plain=None):
    """Print the cards of `steps`, all of them by default, one below the other."""
    console = console or Console()
    plain = _is_plain(console, plain)
    for step in tr.steps if steps is None else steps:
        _print(console, step, plain)


def walk(tr, console=None, read=None, plain=None):
    """Show the current step, and go where the user says, until ``q`` or the end of input.

    Args:
        tr: a `minicnn.trace` with its backward.
        console: where to print; rich's `Console`.
        read: a function that prints a prompt and returns a line; `input` by default.
        plain: text only. None: where the output is no terminal or has no colours.
    """
    console, read = console or Console(), read or input
    plain = _is_plain(console, plain)
    _print(console, tr.current, plain)
    last = "n"
    while True:
        try:
            line = read(f"step {tr.position} of {len(tr.steps) - 1}, h for help > ").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        words = (line or last).split()
        last = line or last
        if words[0] in ("q", "quit"):
            return
        try:
            answer = _do(tr, *words)
        except (ValueError, TypeError, IndexError, RuntimeError) as error:
            console.print(f"{error}", markup=False, highlight=False)
            continue
        if answer is None:
            _print(console, tr.current, plain)
        else:
            console.print(answer, markup=False, highlight=False)


def _do(tr, command, *arguments):
    """Carry out one line. None where the current step is to be shown, else what to print."""
    commands = {
        "n": tr.next, "p": tr.back, "r": tr.run, "g": tr.goto, "b": tr.break_on, "l": None,
        "t": None, "w": None, "f": None, "h": None,
    }  # fmt: skip
    if command not in commands:
        raise ArgumentError(f"no command {command!r}{closest(command, commands)}; h lists them")
    needed = len(EXAMPLES.get(command, "").split())
    if command in "wf" and arguments:
        arguments = _name_and_index(arguments)
    if len(arguments) != needed:
        example = f", as in: {command} {EXAMPLES[command]}" if needed else ""
        raise ArgumentError(
            f"{command} takes {needed} words after it, not {len(arguments)}{example}; h: help"
        )
    if command == "h":
        return HELP
    if command == "l":
        return "\n".join(f"{s.number:4} {heading(s)}" for s in tr.steps)
    if command == "g":
        tr.goto(_integer(arguments[0]))
        return None
    if command == "b":
        tr.break_on(arguments[0])
        count = sum(s.at_breakpoint for s in tr.steps)
        return f"{count} steps are breakpoints now; r runs to the next"
    if command in "npr":
        commands[command]()
        return None
    index = tuple(_integer(i) for i in arguments[1].split(",") if i)
    if command == "t":
        return str(tr.current.terms(arguments[0], index))
    if command == "w":
        return str(tr.why_zero(arguments[0], index))
    return str(tr.finite_difference(arguments[0], index))


def _name_and_index(words):
    """``conv1 (output) 0,1,2,3``: names may hold spaces; the index may be missing."""
    *name, last = words
    if name and last.replace(",", "").replace("-", "").isdigit():
        return " ".join(name), last
    return " ".join(words), ""


def _integer(text):
    try:
        return int(text)
    except ValueError:
        raise ArgumentError(f"expected an integer, got {text!r}") from None


def _is_plain(console, plain):
    if plain is None:
        return not console.is_terminal or console.color_system is None
    return plain


def _print(console, step, plain):
    width = max(console.width, NARROWEST)
    if plain:
        text = card(step, width, plain=True).plain
        encoding = getattr(console.file, "encoding", None) or sys.stdout.encoding or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        console.print()
    else:
        console.print(card(step, width))
