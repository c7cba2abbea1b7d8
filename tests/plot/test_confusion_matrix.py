import numpy as np
import pytest

import minicnn as mc
from minicnn import plot
from minicnn.checks import ArgumentError, ShapeError

pytest.importorskip("matplotlib")


def contrast(a, b):
    """WCAG's contrast ratio of two colours 0 … 255, computed apart from minicnn."""

    def luminance(colour):
        linear = [
            v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
            for v in np.asarray(colour) / 255
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    low, high = sorted([luminance(a), luminance(b)])
    return high / low


def test_confusion_matrix_has_true_classes_in_rows():
    counts = np.array([[7, 3, 0], [1, 5, 0], [0, 2, 2]])
    axes, bar = plot.confusion_matrix(mc.tensor(counts), ["cat", "dog", "$emu"]).axes
    cells = {text.get_position(): int(text.get_text()) for text in axes.texts}
    assert cells == {(j, i): counts[i, j] for i in range(3) for j in range(3)}
    shares = axes.images[0].get_array()
    np.testing.assert_allclose(shares, [[70, 30, 0], [100 / 6, 500 / 6, 0], [0, 50, 50]])
    assert axes.get_ylim() == (2.5, -0.5)  # the first row is on top
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cat", "dog", "$emu"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["cat", "dog", "$emu"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert axes.get_title(loc="left") == "Accuracy 70.00 % (14 of 20)"
    assert bar.get_ylabel() == "share of the true class (%)"


def test_numbers_are_readable_on_their_background(rendered):
    from matplotlib.colors import to_rgb

    counts = np.zeros((12, 12), int)
    for i in range(12):  # rows of 55, with shares from 0 to 100 %
        counts[i, i], counts[i, i - 1] = 5 * i, 55 - 5 * i
    colour = rendered(plot.confusion_matrix(counts))
    for text in colour.axes.texts:
        x, y = text.get_position()
        background = colour(x - 0.4, y - 0.4)
        ratio = contrast(background, 255 * np.array(to_rgb(text.get_color())))
        assert ratio >= (2 if text.get_text() == "0" else 4.5), (text.get_text(), ratio)


def test_confusion_matrices_of_many_and_of_empty_classes():
    axes = plot.confusion_matrix(np.eye(31, dtype=int)).axes[0]
    assert not axes.texts
    assert len(axes.get_xticklabels()) == 31
    assert plot.confusion_matrix(np.zeros((2, 2))).axes[0].get_title(loc="left") == (
        "Accuracy unknown (0 of 0)"
    )


@pytest.mark.parametrize(
    ("counts", "names", "error", "message"),
    [
        (
            np.ones((2, 3)),
            None,
            ShapeError,
            r"counts must be a square \(K, K\), got shape \(2, 3\)",
        ),
        (np.ones(4), None, ShapeError, r"counts must have shape \(K, K\), got \(4,\)"),
        (np.ones((0, 0)), None, ShapeError, "counts must"),
        ([[1, -1], [0, 1]], None, ArgumentError, "counts must be whole numbers of at least 0"),
        ([[0.5, 1], [0, 1]], None, ArgumentError, "counts must be whole numbers"),
        ([[np.nan, 1], [0, 1]], None, ArgumentError, "counts must be whole numbers"),
        (np.eye(3), ["a", "b"], ArgumentError, r"class_names must list 3 names, got \['a', 'b'\]"),
        (np.eye(3), "abc", ArgumentError, "class_names must list 3 names, got 'abc'"),
        (np.eye(2), ["a", "b", "c"], ArgumentError, "3 class_names for 2 classes; give as many"),
    ],
)
def test_what_confusion_matrix_refuses(counts, names, error, message):
    with pytest.raises(error, match="^confusion_matrix: " + message):
        plot.confusion_matrix(counts, names)
