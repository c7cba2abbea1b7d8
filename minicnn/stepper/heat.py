"""A map of signed numbers as cells of a terminal: colours, or letters where there are none.

Blue is negative, orange positive, and the nearer to the largest absolute value of the array the
stronger; the two can be told apart with any kind of colour vision. Without colours digits 1 to 9
are positive and letters a to i negative, and a full stop is 0.
"""

import numpy as np
from rich.text import Text

NEGATIVE, POSITIVE = (38, 102, 178), (217, 108, 12)
LIGHT = (245, 245, 245)
NAN = (128, 0, 128)
LETTERS = "abcdefghi"


def colour(share):
    """The colour of a number that is `share` of the largest one, −1 … 1.

    >>> colour(0.0) == LIGHT, colour(1.0) == POSITIVE
    (True, True)
    """
    end = POSITIVE if share > 0 else NEGATIVE
    part = min(abs(share), 1.0) ** 0.6  # small ones must be seen as well
    return tuple(round(a + (b - a) * part) for a, b in zip(LIGHT, end, strict=True))


def letter(share):
    """One character for a number that is `share` of the largest one.

    >>> letter(0.0), letter(1.0), letter(-1.0), letter(0.05)
    ('.', '9', 'i', '1')
    """
    if share != share:
        return "?"
    if share == 0:
        return "."
    level = min(max(int(np.ceil(abs(share) * 9)), 1), 9)
    return str(level) if share > 0 else LETTERS[level - 1]


def plane(array, first=0):
    """The two axes of `array` that a picture shows, and which sample and map they are of.

    `first` is the number of the sample that comes first; None for an array without samples.

    >>> plane(np.zeros((1, 3, 4, 5)))[1]
    'sample 0, map 0'
    """
    array = np.asarray(array)
    if array.ndim <= 1:
        return array.reshape(1, -1), ""
    if array.ndim == 2:
        return array, ""
    names = [f"axis {i}: 0" for i in range(array.ndim - 2)]
    if first is not None:
        names[0] = f"sample {first}"
        names[1:] = ["map 0"] if array.ndim == 4 else names[1:]
    elif array.ndim == 4:  # a kernel
        names = ["output map 0", "input map 0"]
    where = ", ".join(names)
    return array[(0,) * (array.ndim - 2)], where


def shrink(values, rows, columns):
    """Every k-th row and column, so that no more than so many are left."""
    down = max(1, -(-values.shape[0] // rows))
    across = max(1, -(-values.shape[1] // columns))
    return values[::down, ::across], (down, across)


def heat_map(array, width=64, rows=16, plain=False, first=0):
    """A `rich.text.Text` of one map of `array`, with a line that explains it."""
    values, where = plane(array, first)
    # A coloured cell is two characters wide, since a character is twice as high as wide.
    values, (down, across) = shrink(
        np.asarray(values, np.float64), rows, width if plain else width // 2
    )
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0))
    text = Text()
    for row in values:
        for v in row:
            share = v / largest if largest and np.isfinite(v) else (0.0 if v == v else v)
            if plain:
                text.append("?" if not np.isfinite(v) else letter(share))
            else:
                red, green, blue = NAN if not np.isfinite(v) else colour(share)
                text.append("  ", style=f"on rgb({red},{green},{blue})")
        text.append("\n")
    parts = [p for p in (where, f"largest |value| {largest:.3g}") if p]
    if plain:
        parts.append("1–9 above 0, a–i below")
    if down > 1:
        parts.append(f"1 of {down} rows")
    if across > 1:
        parts.append(f"1 of {across} columns")
    text.append("; ".join(parts), style=None if plain else "dim")
    return text
