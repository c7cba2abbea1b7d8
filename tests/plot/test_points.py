"""Points in the plane, by class."""

import numpy as np
import pytest

from minicnn import plot
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError

pytest.importorskip("matplotlib")

RANDOM = np.random.default_rng(0)


def test_points_colours_marks_and_names():
    where = RANDOM.normal(size=(60, 2))
    classes = np.repeat([0, 2, 3], 20)
    figure = plot.points(where, classes, ["a", "b", "c", "$d$"], [0.5, 0.125])
    (axes,) = figure.axes
    for c, drawn in zip((0, 2, 3), axes.collections, strict=True):
        np.testing.assert_array_equal(drawn.get_offsets(), where[classes == c])
    colours = {tuple(drawn.get_facecolor()[0]) for drawn in axes.collections}
    marks = {drawn.get_paths()[0].vertices.tobytes() for drawn in axes.collections}
    assert len(colours) == len(marks) == 3
    assert [text.get_text() for text in axes.texts] == ["a", "c", "$d$"]
    for c, text in zip((0, 2, 3), axes.texts, strict=True):
        np.testing.assert_allclose(text.get_position(), np.median(where[classes == c], axis=0))
    assert axes.get_title(loc="left") == "60 images of 3 classes"
    assert axes.get_xlabel() == "first component (50.0 % of the variance)"
    assert axes.get_ylabel() == "second component (12.5 % of the variance)"
    figure.canvas.draw()  # names are no formulas


def test_many_classes_and_no_shares():
    figure = plot.points(RANDOM.normal(size=(20, 2)), np.arange(20))
    looks = {
        (tuple(d.get_facecolor()[0]), d.get_paths()[0].vertices.tobytes())
        for d in figure.axes[0].collections
    }
    assert len(looks) == 20
    assert figure.axes[0].get_xlabel() == "first component"


def test_errors_of_points():
    where = np.zeros((4, 2))
    for wrong, error, message in (
        ((np.zeros((4, 3)), [0] * 4), ShapeError, r"must be \(N, 2\), got \(4, 3\)"),
        ((np.zeros(4), [0] * 4), ShapeError, r"must have shape \(N, 2\)"),
        ((where, [0] * 3), ShapeError, "3 classes for 4 points"),
        ((where, [0.0] * 4), DtypeError, "classes must be integers"),
        ((where, [-1] * 4), IndexRangeError, "a class is -1"),
        ((np.full((4, 2), np.inf), [0] * 4), ArgumentError, "nan or infinity"),
        ((where[:0], []), ArgumentError, "there are no points"),
        ((np.zeros((21, 2)), range(21)), ArgumentError, "at most 20 classes"),
        ((where, [1] * 4, ["a"]), ArgumentError, "class_names must list 2"),
    ):
        with pytest.raises(error, match=message):
            plot.points(*wrong)
