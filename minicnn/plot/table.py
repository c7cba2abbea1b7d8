"""The confusion matrix."""

import numpy as np

from minicnn.checks import ArgumentError, ShapeError
from minicnn.plot.figure import (
    INK,
    LABEL,
    SMALL,
    as_array,
    check_names,
    finish,
    new_figure,
    title,
)

_MOST_WITH_NUMBERS = 30  # classes; beyond, numbers would be too small to read
DIGIT_WIDTH = 0.64  # of the font size


def confusion_matrix(counts, class_names=None, path=None):
    """How often each class was taken for each other one.

    Each cell shows a count. Its colour is the share of its row, that is of all images of the true
    class, on a scale that makes small shares visible.

    minicnn's own.

    Args:
        counts: (K, K) whole numbers: counts[i, j] images of class i were predicted to be j.
        class_names: K names; by default the numbers 0 … K − 1.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure. For more than 30 classes the cells have no numbers.

    Raises:
        MissingPartError: matplotlib is not installed.
        ShapeError: not a square.
        ArgumentError: negative or broken numbers, or too few names.
        DtypeError: not numbers.

    >>> confusion_matrix([[9, 1], [0, 10]]).axes[0].get_title(loc="left")
    'Accuracy 95.00 % (19 of 20)'
    """
    counts = as_array("confusion_matrix", "counts", counts, 2, "(K, K)")
    if counts.shape[0] != counts.shape[1] or not counts.size:
        raise ShapeError(
            f"confusion_matrix: counts must be a square (K, K), got shape {counts.shape}"
        )
    if not (np.isfinite(counts).all() and (counts >= 0).all() and (counts == counts // 1).all()):
        raise ArgumentError("confusion_matrix: counts must be whole numbers of at least 0")
    counts = counts.astype(np.int64)
    names = check_names("confusion_matrix", class_names, len(counts))
    if len(names) != len(counts):
        raise ArgumentError(
            f"confusion_matrix: {len(names)} class_names for {len(counts)} classes; "
            "give as many names as counts has rows"
        )
    return finish("confusion_matrix", _draw(counts, names), path)


def _draw(counts, names):
    classes = len(counts)
    # A class without images has a row of zeros.
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    longest = max(len(name) for name in names)
    margin = 0.085 * longest
    side = min(max(0.5 * classes, 2.5), 15)  # of the square, in inches
    cell = side / classes
    figure = new_figure(side + margin + 1.7, side + min(margin, 1.5) + 1.0)
    axes = figure.add_subplot()

    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import FixedLocator

    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.4, vmin=0, vmax=100))
    if classes <= _MOST_WITH_NUMBERS:
        _write_numbers(axes, counts, image.to_rgba(shares), 72 * cell)

    total, right = counts.sum(), np.trace(counts)
    share = f"{100 * right / total:.2f} %" if total else "unknown"
    title(axes, f"Accuracy {share} ({right} of {total})")
    axes.set_xlabel("predicted class", fontsize=LABEL, color=INK)
    axes.set_ylabel("true class", fontsize=LABEL, color=INK)
    size = min(SMALL, 60 * cell)
    turned = {}
    if DIGIT_WIDTH * size * longest > 0.9 * 72 * cell:  # side by side, names would overlap
        angle = 45 if classes <= _MOST_WITH_NUMBERS else 90
        turned = {"rotation": angle, "ha": "right", "va": "center", "rotation_mode": "anchor"}
    axes.set_xticks(range(classes), names, parse_math=False, **turned)
    axes.set_yticks(range(classes), names, parse_math=False)
    axes.tick_params(labelsize=size, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(classes - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(classes - 1) + 0.5, minor=True)
    axes.grid(True, which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)

    bar = figure.colorbar(image, ax=axes, fraction=0.05, aspect=25, pad=0.03)
    bar.ax.yaxis.set_major_locator(FixedLocator([0, 1, 5, 10, 25, 50, 100]))
    bar.ax.minorticks_off()
    bar.set_label("share of the true class (%)", fontsize=LABEL, color=INK)
    bar.ax.tick_params(labelsize=SMALL, colors=INK, length=3)
    bar.outline.set_visible(False)
    return figure


def _write_numbers(axes, counts, colours, points):
    """The counts, each black or white, whichever stands out more; the many zeros are faint."""
    digits = len(str(counts.max()))
    size = min(9.5, 0.85 * points / (DIGIT_WIDTH * digits))
    for (i, j), count in np.ndenumerate(counts):
        colour = "#9AA5B1" if count == 0 else text_colour(colours[i, j])
        axes.text(j, i, str(count), ha="center", va="center", fontsize=size, color=colour)


def text_colour(background):
    """Black or white: which has more contrast on `background` (red, green, blue in 0 … 1).

    On any background one of the two has a contrast ratio of at least 4.5, which is what the source
    asks of text. Source: WCAG 2.2, relative luminance and contrast ratio.

    >>> text_colour((1, 1, 0.8)), text_colour((0, 0.1, 0.4))
    ('black', 'white')
    """
    luminance = _luminance(background)  # 0 for black, 1 for white
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def _luminance(colour):
    rgb = np.asarray(colour[:3], dtype=np.float64)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
