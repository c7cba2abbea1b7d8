"""A sheet of images and what is most like them."""

import numpy as np
import pytest

from minicnn import plot
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError

pytest.importorskip("matplotlib")

IMAGES = np.arange(6, dtype="uint8").repeat(16).reshape(6, 4, 4) * 40
QUERIES = np.array([[[250]], [[5]]], "uint8").repeat(4, 1).repeat(4, 2)


def shown(axes):
    return round(float(axes.images[0].get_array()[0, 0]) * 255)


def test_each_row_has_its_query_and_what_was_found():
    figure = plot.neighbours(QUERIES, IMAGES, [[3, 1, 0], [5, 2, 4]], [[0, 1, 2], [3, 4, 5.125]])
    assert [shown(axes) for axes in figure.axes] == [250, 120, 40, 0, 5, 200, 80, 160]
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["query", "0.00", "1.00", "2.00", "query", "3.00", "4.00", "5.12"]
    left = [axes.get_position().x0 for axes in figure.axes]
    assert left[:4] == sorted(left[:4]) and left[:4] == left[4:]
    tops = {round(axes.get_position().y0, 4) for axes in figure.axes[:4]}
    assert len(tops) == 1 and figure.axes[4].get_position().y0 < min(tops)


def test_other_classes_are_marked():
    figure = plot.neighbours(
        QUERIES, IMAGES, [[0, 1], [1, 2]], None, [1, 0], [1, 0, 1, 1, 1, 1], ["cat", "dog"]
    )
    assert [axes.get_title() for axes in figure.axes] == ["dog", "dog", "cat", "cat", "cat", "dog"]
    assert [len(axes.patches) for axes in figure.axes] == [0, 0, 1, 0, 0, 1]
    colours = {axes.title.get_color() for axes in figure.axes if axes.patches}
    assert len(colours) == 1 and figure.axes[0].title.get_color() not in colours


def test_class_and_distance(tmp_path):
    figure = plot.neighbours(
        QUERIES[:1], IMAGES, [[2]], [[0.5]], [3], [7] * 6, path=tmp_path / "found.svg"
    )
    assert [axes.get_title() for axes in figure.axes] == ["3", "7 · 0.50"]
    assert "<svg" in (tmp_path / "found.svg").read_text()


def test_at_most_twelve_each_way():
    images = np.zeros((20, 3, 4, 4))
    assert len(plot.neighbours(np.zeros((13, 4, 4)), images, [[1]] * 13).axes) == 12 * 2
    assert len(plot.neighbours(np.zeros((1, 4, 4)), images, [list(range(15))]).axes) == 1 + 12


def test_errors_of_neighbours():
    def expect(error, message, *arguments, **options):
        with pytest.raises(error, match=message):
            plot.neighbours(*arguments, **options)

    found = [[0], [1]]
    expect(ShapeError, r"2 queries, but indices \(1, 1\)", QUERIES, IMAGES, [[0]])
    expect(ShapeError, r"indices must have shape \(M, k\)", QUERIES, IMAGES, [0, 1])
    expect(IndexRangeError, "0 to 5, got 0 to 6", QUERIES, IMAGES, [[0], [6]])
    expect(IndexRangeError, "0 to 5, got -1 to 0", QUERIES, IMAGES, [[0], [-1]])
    expect(DtypeError, "indices must hold integers", QUERIES, IMAGES, [[0.0], [1.0]])
    expect(ShapeError, "distances .* do not fit", QUERIES, IMAGES, found, [[1.0, 2], [1, 2]])
    expect(ArgumentError, "nothing to show", QUERIES[:0], IMAGES, np.zeros((0, 3), int))
    expect(ArgumentError, "both query_classes and classes", QUERIES, IMAGES, found, classes=[0] * 6)
    pair = {"query_classes": [0, 1], "classes": [0] * 5}
    expect(ShapeError, "5 classes for 6 images", QUERIES, IMAGES, found, **pair)
    pair = {"query_classes": [0, -1], "classes": [0] * 6}
    expect(IndexRangeError, "holds the class -1", QUERIES, IMAGES, found, **pair)
    pair = {"query_classes": [0, 1], "classes": [0] * 6, "class_names": ["one"]}
    expect(ArgumentError, "class_names must list 2", QUERIES, IMAGES, found, **pair)
