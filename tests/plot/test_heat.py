"""Images with a map in colour over them."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import plot
from minicnn.checks import ArgumentError, DtypeError, ShapeError

pytest.importorskip("matplotlib")


def pixel(figure, axes, x, y):
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3].astype(int)
    column, row = axes.transData.transform((x, y))
    return image[int(row), int(column)]


def test_hot_places_are_coloured_and_others_are_not():
    images = np.zeros((1, 4, 4), "uint8")
    images[0, :, 3] = 255
    maps = np.zeros((1, 4, 4))
    maps[0, 1, 1], maps[0, 2, 1], maps[0, 1, 3] = 2.0, 1.0, 2.0
    figure = plot.heat_maps(images, mc.tensor(maps), ["a 3"])
    above, below = figure.axes
    assert above.get_title() == "a 3" and below.get_title() == ""
    assert pixel(figure, above, 1, 1).tolist() == [0, 0, 0]
    assert pixel(figure, above, 3, 1).tolist() == [255, 255, 255]
    hot, warm, cold = (pixel(figure, below, 1, y) for y in (1, 2, 3))
    assert hot[0] > 200 and hot[1] > 180 and hot[2] < 60  # yellow
    assert cold.max() - cold.min() <= 1 and cold[0] < 60  # grey as it was
    assert warm[0] > warm[1] + 20 and hot[1] > warm[1] + 60
    on_ink = pixel(figure, below, 3, 1)
    assert on_ink[0] > on_ink[2] + 100


def test_small_maps_are_stretched_over_the_image():
    maps = np.zeros((1, 2, 2))
    maps[0, 0, 1] = 5.0
    figure = plot.heat_maps(np.zeros((1, 3, 8, 8)), maps)
    below = figure.axes[1]
    corner = {(x, y): pixel(figure, below, x, y) for x in (0.2, 6.8) for y in (0.2, 6.8)}
    assert corner[6.8, 0.2][0] > 200
    assert all(c.max() < 60 for place, c in corner.items() if place != (6.8, 0.2))
    assert below.get_xlim() == (-0.5, 7.5) and below.get_ylim() == (7.5, -0.5)


def test_each_map_has_its_own_scale_and_an_empty_one_shows_nothing():
    maps = np.zeros((3, 4, 4))
    maps[0, 0, 0], maps[1, 0, 0] = 1e-6, 1e6
    figure = plot.heat_maps(np.zeros((3, 4, 4)), maps)
    first, second, third = (pixel(figure, axes, 0, 0) for axes in figure.axes[1::2])
    np.testing.assert_array_equal(first, second)
    assert first[0] > 200 and third.max() < 60


def test_rows_of_many_images(tmp_path):
    figure = plot.heat_maps(
        np.zeros((45, 4, 4)), np.zeros((45, 4, 4)), [str(i) for i in range(45)], tmp_path / "a.png"
    )
    assert [axes.get_title() for axes in figure.axes[::2]] == [str(i) for i in range(40)]
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_errors_of_heat_maps():
    images, maps = np.zeros((2, 4, 4)), np.zeros((2, 4, 4))
    for wrong in (maps[:1], np.zeros((3, 4, 4))):
        with pytest.raises(ShapeError, match=f"2 images, but {len(wrong)} maps"):
            plot.heat_maps(images, wrong)
    with pytest.raises(ShapeError, match="2 maps and 1 captions"):
        plot.heat_maps(images, maps, ["one"])
    with pytest.raises(ShapeError, match=r"maps must have shape \(N, h, w\)"):
        plot.heat_maps(images, maps[:, None])
    with pytest.raises(ShapeError, match="1 or 3 channels"):
        plot.heat_maps(np.zeros((2, 2, 4, 4)), maps)
    with pytest.raises(ArgumentError, match="at least 0, got -1"):
        plot.heat_maps(images, maps - 1)
    with pytest.raises(ArgumentError, match="maps holds nan"):
        plot.heat_maps(images, maps * np.nan)
    with pytest.raises(ArgumentError, match="there are no images"):
        plot.heat_maps(images[:0], maps[:0])
    with pytest.raises(DtypeError, match="maps must hold numbers"):
        plot.heat_maps(images, maps.astype(str))
