"""A map as characters: numbers on colours where there is room, else colours, else a part of it.

A character is twice as high as wide, so half a character (▀: its colour above, the ground's below)
is a square cell. Colours are those of `minicnn.stepper.heat`; without colours its letters stand
for them.
"""

from dataclasses import dataclass

import numpy as np
from rich.style import Style
from rich.text import Text

from minicnn.stepper.heat import NAN, colour, letter

NUMBER = 9  # columns of a cell that shows its number
CURSOR = (0, 150, 70)
SHADE = (44, 48, 56)  # what cells that are not read are mixed with
LOW_LIGHT = 0.7


@dataclass(frozen=True)
class Picture:
    """Lines of text of one width, and which part of the map they show.

    `kind` is ``"numbers"``, ``"blocks"`` (a cell two columns wide), ``"halves"`` or ``"letters"``.
    """

    lines: list
    width: int
    kind: str
    part: str = ""


@dataclass(frozen=True)
class View:
    """What is drawn of a map.

    Attributes:
        cells: (rows, columns), masked where no entry is.
        largest: the absolute value that has the full colour.
        cursor: (row, column) of the chosen cell, or None.
        read: the cells (row, column) that the chosen sum reads; None if all are shown alike.
        colours: whether there are any.
    """

    cells: np.ma.MaskedArray
    largest: float
    cursor: tuple | None = None
    read: frozenset | None = None
    colours: bool = True


def number(value):
    """At most eight characters for a number.

    >>> number(-0.012345), number(-1.2345e-5), number(1.5e-130), number(float("nan"))
    ('-0.0123', '-1.2e-05', '1.5e-130', 'nan')
    """
    for digits in (3, 2, 1):
        text = f"{value:.{digits}g}"
        if len(text) < NUMBER:
            break
    return text


def draw(view, width, height):
    """The `Picture` of a map in so many columns and lines, the richest kind that fits."""
    rows, columns = view.cells.shape
    width, height = width - 1, height - 1  # the marks of the cursor's row and column
    if columns * NUMBER <= width and rows <= height:
        return _picture(view, "numbers", NUMBER, 1, width, height)
    if not view.colours:
        return _picture(view, "letters", 2 if columns * 2 <= width else 1, 1, width, height)
    if columns * 2 <= width and rows <= height:
        return _picture(view, "blocks", 2, 1, width, height)
    return _picture(view, "halves", 1, 2, width, height)


def smallest_width(columns):
    """The columns that the whole width of a map takes at least."""
    return columns + 1


def _picture(view, kind, wide, stacked, width, height):
    """Cells `wide` columns wide, `stacked` of them in one line, around the cursor if need be."""
    rows, columns = view.cells.shape
    at = view.cursor or _middle(view.read) or (0, 0)
    top, bottom = _window(at[0], rows, height * stacked)
    top -= top % stacked
    left, right = _window(at[1], columns, width // wide)
    part = ""
    if (bottom - top, right - left) != (rows, columns):
        part = f"rows {top}–{bottom - 1} of {rows}, columns {left}–{right - 1} of {columns}"
        part = part.replace(f"rows 0–{rows - 1} of {rows}, ", "")
        part = part.replace(f", columns 0–{columns - 1} of {columns}", "")
    marks = Text(" " * ((right - left) * wide + 1))
    if view.cursor is not None:
        middle = (view.cursor[1] - left) * wide + (wide - 1) // 2
        marks = Text(" " * middle + "▾" + " " * (marks.cell_len - middle - 1), "bold")
    lines = [marks]
    for row in range(top, bottom, stacked):
        line = Text(no_wrap=True)
        for column in range(left, right):
            if kind == "halves":
                below = row + 1 < min(bottom, rows)
                line.append(*_half(view, row, column, below))
            else:
                line.append(*_cell(view, row, column, kind, wide))
        here = view.cursor is not None and row <= view.cursor[0] < row + stacked
        line.append("◂" if here else " ", "bold")
        lines.append(line)
    return Picture(lines, (right - left) * wide + 1, kind, part)


def _window(at, size, room):
    """[start, stop) of at most `room` of `size` places, with `at` near its middle."""
    if size <= room:
        return 0, size
    start = min(max(at - room // 2, 0), size - room)
    return start, start + room


def _middle(read):
    if not read:
        return None
    rows, columns = zip(*read, strict=True)
    return (min(rows) + max(rows)) // 2, (min(columns) + max(columns)) // 2


def _share(view, value):
    if not np.isfinite(value):
        return value
    return value / view.largest if view.largest else 0.0


def _colour(view, row, column):
    """The colour of a cell; None where no entry is."""
    value = view.cells[row, column]
    if value is np.ma.masked:
        return None
    if (row, column) == view.cursor:
        return CURSOR
    shade = colour(_share(view, value)) if np.isfinite(value) else NAN
    if view.read is not None and (row, column) not in view.read:
        pairs = zip(shade, SHADE, strict=True)
        shade = tuple(round(a * (1 - LOW_LIGHT) + b * LOW_LIGHT) for a, b in pairs)
    return shade


def _hex(rgb):
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _half(view, row, column, below):
    upper = _colour(view, row, column)
    lower = _colour(view, row + 1, column) if below else None
    if upper is None:
        return " ", ""
    return "▀", Style(color=_hex(upper), bgcolor=None if lower is None else _hex(lower))


def _cell(view, row, column, kind, wide):
    value = view.cells[row, column]
    if value is np.ma.masked:
        return " " * wide, ""
    text = " " * wide
    if kind == "numbers":
        text = f"{number(value):>{wide - 1}} "
    elif kind == "letters":
        text = f"{letter(_share(view, value) if np.isfinite(value) else np.nan):<{wide}}"
    chosen = (row, column) == view.cursor
    read = view.read is not None and (row, column) in view.read
    if not view.colours:
        return text, Style(reverse=chosen, bold=read or None, underline=read or None)
    shade = _colour(view, row, column)
    red, green, blue = shade
    ink = "#101418" if 0.3 * red + 0.59 * green + 0.11 * blue > 130 else "#ffffff"
    return text, Style(color=ink, bgcolor=_hex(shade), bold=chosen or read or None)
