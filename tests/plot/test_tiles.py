from itertools import pairwise

import numpy as np
import pytest

import minicnn as mc
from minicnn import plot
from minicnn.checks import ArgumentError, DtypeError, ShapeError

pytest.importorskip("matplotlib")

RANDOM = np.random.default_rng(0)


def tiles_of(image):
    """The tiles on a sheet: what lies between the rows and columns that are nothing but nan."""
    sheet = image.get_array().filled(np.nan)

    def runs(axis):
        gaps = np.flatnonzero(np.isnan(sheet).all(axis=axis))
        edges = [-1, *gaps, sheet.shape[1 - axis]]
        return [(a + 1, b) for a, b in pairwise(edges) if b > a + 1]

    tiles = [sheet[a:b, c:d] for a, b in runs(1) for c, d in runs(0)]
    return [tile for tile in tiles if not np.isnan(tile).all()]


def test_kernels_of_one_channel():
    weight = RANDOM.normal(size=(6, 1, 5, 3))
    figure = plot.kernels(mc.tensor(weight, requires_grad=True))
    axes, bar = figure.axes
    (image,) = axes.images
    for tile, kernel in zip(tiles_of(image), weight[:, 0], strict=True):
        np.testing.assert_array_equal(tile, kernel)
    largest = np.abs(weight).max()
    assert image.get_clim() == (-largest, largest)
    assert bar.get_ylabel() == "weight"
    assert axes.get_title(loc="left") == "Kernels: 6 filters of 1 × 5 × 3"


def test_the_colours_of_kernels(rendered):
    colour = rendered(plot.kernels(np.array([-1.0, 1.0, 0.0, 0.25]).reshape(1, 1, 2, 2)))
    negative, positive, zero, little = colour(0, 0), colour(1, 0), colour(0, 1), colour(1, 1)
    assert negative[2] > negative[0] + 50  # blue
    assert positive[0] > positive[2] + 50  # red
    assert zero.min() > 240
    assert zero.sum() > little.sum() > positive.sum()


def test_kernels_of_three_channels_are_shown_in_colour(rendered):
    weight = np.zeros((1, 3, 1, 2))
    weight[0, :, 0, 0] = 2, -2, 0
    figure = plot.kernels(weight)
    (axes,) = figure.axes
    colour = rendered(figure)
    assert colour(0, 0) == pytest.approx([255, 0, 127], abs=1)
    assert colour(1, 0) == pytest.approx([127, 127, 127], abs=1)
    assert axes.get_xlabel() == "grey is 0; black −2, white 2 in each of red, green, blue"


def test_kernels_of_many_channels_have_a_row_for_each_filter():
    weight = RANDOM.normal(size=(3, 5, 2, 2))
    axes = plot.kernels(weight).axes[0]
    for tile, kernel in zip(tiles_of(axes.images[0]), weight.reshape(15, 2, 2), strict=True):
        np.testing.assert_array_equal(tile, kernel)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("input channel", "filter")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["0", "1", "2"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "1", "2", "3", "4"]


def test_large_layers_are_shown_in_part_and_say_so():
    axes = plot.kernels(np.ones((300, 1, 1, 1))).axes[0]
    assert axes.get_title(loc="left") == "Kernels: 300 filters of 1 × 1 × 1 (first 256)"
    axes = plot.kernels(np.ones((40, 33, 1, 1))).axes[0]
    expected = "Kernels: 40 filters of 33 × 1 × 1 (first 32, 32 channels)"
    assert axes.get_title(loc="left") == expected
    axes = plot.feature_maps(np.ones((300, 1, 1))).axes[0]
    assert axes.get_title(loc="left") == "Feature maps: 300 channels of 1 × 1 (first 256)"


def test_all_zero_is_drawn():
    assert plot.kernels(np.zeros((1, 1, 2, 2))).axes[0].images[0].get_clim() == (-1, 1)
    assert plot.feature_maps(np.zeros((1, 2, 2))).axes[0].images[0].get_clim() == (0, 1)


def test_feature_maps_have_the_scale_that_fits():
    maps = np.arange(12.0).reshape(3, 2, 2)
    image = plot.feature_maps(mc.tensor(maps)).axes[0].images[0]
    assert image.get_clim() == (0, 11)
    for tile, expected in zip(tiles_of(image), maps, strict=True):
        np.testing.assert_array_equal(tile, expected)
    assert plot.feature_maps(maps - 2).axes[0].images[0].get_clim() == (-9, 9)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: plot.kernels(np.ones((6, 5, 5))),
            ShapeError,
            "kernels: weight must have shape",
        ),
        (lambda: plot.kernels(np.ones((0, 1, 5, 5))), ShapeError, "kernels: weight is empty"),
        (
            lambda: plot.kernels(np.full((1, 1, 2, 2), np.nan)),
            ArgumentError,
            "kernels: weight",
        ),
        (lambda: plot.kernels([["a"]]), DtypeError, "kernels: weight must hold numbers"),
        (
            lambda: plot.feature_maps(np.ones((1, 6, 5, 5))),
            ShapeError,
            r"feature_maps: activations must have shape \(C, H, W\), those of one image, got",
        ),
        (
            lambda: plot.feature_maps(np.ones((2, 0, 3))),
            ShapeError,
            "feature_maps: activations must",
        ),
        (
            lambda: plot.feature_maps(np.full((1, 2, 2), np.inf)),
            ArgumentError,
            "feature_maps: activations holds nan or infinity",
        ),
    ],
)
def test_what_the_tiles_refuse(call, error, message):
    with pytest.raises(error, match="^" + message):
        call()
