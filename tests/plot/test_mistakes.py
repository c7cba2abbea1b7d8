import numpy as np
import pytest

import minicnn as mc
from minicnn import plot
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError

pytest.importorskip("matplotlib")

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (60, 8, 6), dtype=np.uint8)
TRUTH = np.arange(60) % 10
FASHION = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def shown(figure):
    """The captions, and the pictures as numbers in 0 … 1."""
    used = [axes for axes in figure.axes if axes.images]
    return [a.get_title() for a in used], [np.asarray(a.images[0].get_array()) for a in used]


def test_mistakes_shows_the_wrong_ones_only():
    truth = mc.tensor([5, 1, 2, 9], dtype="uint8")
    predicted = mc.tensor([3, 1, 0, 4])
    figure = plot.mistakes(mc.tensor(IMAGES[:4, None]), truth, predicted)
    captions, pictures = shown(figure)
    assert captions == ["5 read as 3", "2 read as 0", "9 read as 4"]
    for picture, i in zip(pictures, (0, 2, 3), strict=True):
        np.testing.assert_allclose(picture, IMAGES[i] / 255)
    assert figure.get_suptitle() == "3 of 4 images read wrongly"


def test_the_surest_mistakes_come_first():
    sure = [0.25, 0.99, 0.875, 0.5]
    figure = plot.mistakes(IMAGES[:4], [5, 1, 2, 9], [3, 1, 0, 4], confidence=sure)
    captions, pictures = shown(figure)
    assert captions == ["2 read as 0 (0.88)", "9 read as 4 (0.50)", "5 read as 3 (0.25)"]
    np.testing.assert_allclose(pictures[0], IMAGES[2] / 255)
    assert figure.get_suptitle() == "3 of 4 images read wrongly, the surest first"


def test_names_and_a_full_sheet():
    figure = plot.mistakes(IMAGES, TRUTH, (TRUTH + 1) % 10, FASHION)
    captions, _ = shown(figure)
    assert len(captions) == 40
    assert captions[0] == "T-shirt/top\nread as Trouser"
    assert captions[9] == "Ankle boot\nread as T-shirt/top"
    assert figure.get_suptitle() == "60 of 60 images read wrongly, 40 of them shown"


def test_the_range_of_images():
    def picture(images):
        return shown(plot.mistakes(images, [0, 1], [1, 1]))[1][0]

    np.testing.assert_allclose(picture(np.array([[[0.0, 0.5]], [[0.25, 0.5]]])), [[0, 0.5]])
    # Normalised images: from the smallest to the largest value of them all.
    np.testing.assert_allclose(picture(np.array([[[-1.0, 1.0]], [[0.0, 3.0]]])), [[0, 0.5]])
    np.testing.assert_allclose(picture(np.array([[[0, 51]], [[0, 0]]])), [[0, 0.2]])
    colour = np.zeros((2, 3, 1, 2))
    colour[0, :, 0, 1] = 1, 0.5, 0
    np.testing.assert_allclose(picture(colour), [[[0, 0, 0], [1, 0.5, 0]]])


def test_nothing_wrong():
    for images, classes in ((IMAGES[:3], [1, 2, 3]), (np.zeros((0, 8, 8)), [])):
        (axes,) = plot.mistakes(images, classes, classes).axes
        (text,) = axes.texts
        assert text.get_text() == "No image was read wrongly: there is nothing to show."
        assert axes.get_title(loc="left") == f"0 of {len(classes)} images read wrongly"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((IMAGES[0], [1], [2]), ShapeError, r"images must have shape \(N, H, W\), .* got \(8, 6\)"),
        ((np.ones((2, 2, 4, 4)), [1, 2], [2, 1]), ShapeError, "images have 1 or 3 channels"),
        ((np.full((1, 4, 4), np.nan), [1], [2]), ArgumentError, "images holds nan or infinity"),
        ((IMAGES[:2], [1], [2, 1]), ShapeError, "1 entries in truth for 2 images"),
        ((IMAGES[:2], [1, 2], [2, 1, 1]), ShapeError, "3 entries in predicted for 2 images"),
        (
            (IMAGES[:2], [1, 2], [[2, 1]]),
            ShapeError,
            r"predicted must have shape \(N,\), got \(1",
        ),
        ((IMAGES[:2], [1.0, 2.0], [2, 1]), DtypeError, "truth must hold integers, got float64"),
        ((IMAGES[:2], [1, -2], [2, 1]), IndexRangeError, "truth holds the class -2"),
        ((IMAGES[:2], [1, 2], [2, 1], ["a", "b"]), ArgumentError, "class_names must list 3 names"),
        ((IMAGES[:2], [1, 2], [2, 1], None, [0.5]), ShapeError, "1 entries in confidence for 2"),
        ((IMAGES[:2], [1, 2], [2, 1], None, [0.5, 2]), ArgumentError, "confidence must be probab"),
        ((IMAGES[:2], [1, 2], [2, 1], None, [0.5, np.nan]), ArgumentError, "confidence must be"),
    ],
)
def test_what_mistakes_refuses(arguments, error, message):
    with pytest.raises(error, match="^mistakes: " + message):
        plot.mistakes(*arguments)
