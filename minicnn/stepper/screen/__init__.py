"""A run in the whole terminal: `explore`, built on textual (the extra ``tui``)."""

import importlib.util
import os
import sys

from minicnn.checks import ArgumentError

SIGNS = "∂δ⊗−▀▾"  # what the screen is drawn with


def obstacle():
    """Why the screen cannot be opened here, a sentence; empty if it can."""
    if importlib.util.find_spec("textual") is None:
        return 'the full-screen stepper needs textual: pip install "minicnn[tui]"'
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return (
            "the full-screen stepper needs a terminal for input and output; where there is none, "
            "--plain prints the steps as text and --html writes a page"
        )
    if os.environ.get("TERM") in ("dumb", "unknown"):
        return (
            f"a terminal of the kind TERM={os.environ['TERM']} cannot move its cursor, as the "
            "full-screen stepper has to; leave --tui out, or use --plain"
        )
    return ""


def unreadable():
    """The encoding of the terminal where it cannot show the signs of the equations; else empty."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        SIGNS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return encoding
    return ""


def explore(tr):
    """Walk through a trace in the whole terminal, until ``q``.

    It starts at the trace's current step and leaves the trace at the last one looked at. In a
    terminal whose encoding cannot show δ and ⊗, `minicnn.stepper.walk` takes its place.

    Args:
        tr: a `minicnn.trace` with at least one step.

    Raises:
        ArgumentError: textual is not installed, or there is no terminal.
        IndexRangeError: nothing is recorded.

    >>> import minicnn as mc
    >>> with mc.trace() as tr:
    ...     loss = mc.tensor([1.0, 2.0], requires_grad=True).sum()
    >>> explore(tr)                                                     # doctest: +SKIP
    """
    from minicnn.stepper.terminal import walk

    reason = obstacle()
    if reason:
        raise ArgumentError(f"explore: {reason}")
    tr.current  # noqa: B018, raises where nothing is recorded
    encoding = unreadable()
    if encoding:
        print(
            f"This terminal's encoding, {encoding}, cannot show the signs of the equations, so the "
            "steps come one below the other; the full screen needs UTF-8 (LANG=C.UTF-8).",
            file=sys.stderr,
        )
        walk(tr)
        return
    from minicnn.stepper.screen.app import Stepper

    Stepper(tr).run()
