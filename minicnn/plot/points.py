"""Many images as points, such as their feature vectors along two principal components."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.plot.figure import (
    FAINT,
    INK,
    LABEL,
    SMALL,
    as_array,
    check_finite,
    check_names,
    finish,
    new_figure,
    title,
)

_MOST = 20  # classes that colours and marks can tell apart
_MARKS = "os^Dv"


def points(coordinates, classes, class_names=None, explained=None, path=None):
    """Points in the plane, each with the colour and mark of its class; its name at the median.

    minicnn's own.

    Args:
        coordinates: (N, 2), such as ``principal_components(vectors).points``.
        classes: (N,) integers.
        class_names: names of the classes; by default their numbers.
        explained: the share of variance along each axis, for its label.
        path: also write the figure to this file.

    Returns:
        A matplotlib Figure.

    Raises:
        MissingPartError: matplotlib is not installed.
        ShapeError: other shapes. DtypeError: classes that are no integers.
        IndexRangeError: a negative class.
        ArgumentError: no points; nan or infinity; too few names; more than 20 classes.

    >>> figure = points([[0.0, 0], [1, 1], [1, 0]], [0, 1, 1], ["cat", "dog"], [0.75, 0.25])
    >>> figure.axes[0].get_xlabel()
    'first component (75.0 % of the variance)'
    """
    coordinates = as_array("points", "coordinates", coordinates, 2, "(N, 2)")
    if coordinates.shape[1] != 2:
        raise ShapeError(f"points: coordinates must be (N, 2), got {coordinates.shape}")
    if not len(coordinates):
        raise ArgumentError("points: there are no points")
    check_finite("points", "coordinates", coordinates)
    classes = as_array("points", "classes", classes, 1, "(N,)")
    if classes.dtype.kind not in "iu":
        raise DtypeError(f"points: classes must be integers, got {classes.dtype}")
    if len(classes) != len(coordinates):
        raise ShapeError(f"points: {len(classes)} classes for {len(coordinates)} points")
    if classes.min() < 0:
        raise IndexRangeError(f"points: a class is {classes.min()}; classes start at 0")
    names = check_names("points", class_names, int(classes.max()) + 1)
    shown = np.unique(classes)
    if len(shown) > _MOST:
        raise ArgumentError(f"points: at most {_MOST} classes can be told apart, got {len(shown)}")
    figure = new_figure(6.4, 5.2)
    axes = figure.add_subplot()
    _draw(axes, coordinates, classes, shown, names)
    shares = [""] * 2 if explained is None else [f" ({s:.1%} of the variance)" for s in explained]
    shares = [share.replace("%", " %", 1) for share in shares]
    axes.set_xlabel(f"first component{shares[0]}", fontsize=LABEL, color=INK)
    axes.set_ylabel(f"second component{shares[1]}", fontsize=LABEL, color=INK)
    title(axes, f"{len(coordinates):,} images of {len(shown)} classes")
    return finish("points", figure, path)


def _draw(axes, coordinates, classes, shown, names):
    from matplotlib import colormaps

    colours = colormaps["tab10" if len(shown) <= 10 else "tab20"].colors
    size = 14 if len(coordinates) <= 2000 else 5
    for k, c in enumerate(shown):
        own = coordinates[classes == c]
        mark = _MARKS[k % len(_MARKS)]
        axes.scatter(*own.T, s=size, color=colours[k], marker=mark, alpha=0.55, linewidths=0)
    for c in shown:  # in front of all points
        axes.text(
            *np.median(coordinates[classes == c], axis=0),
            names[c],
            ha="center",
            va="center",
            fontsize=LABEL,
            color=INK,
            parse_math=False,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": INK},
        )
    axes.tick_params(labelsize=SMALL, colors=INK, length=3)
    axes.grid(True, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
