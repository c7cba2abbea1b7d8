"""Borders, other grids, shuffles: by hand, and gradients by differences."""

import numpy as np
import pytest

from minicnn import textbook as tb

MODES = ("constant", "reflect", "replicate", "circular")


def test_borders_by_hand():
    x = [[1, 2, 3], [4, 5, 6]]
    widths = [(1, 0), (2, 1)]
    assert tb.pad(x, widths, value=9).tolist() == [
        [9, 9, 9, 9, 9, 9],
        [9, 9, 1, 2, 3, 9],
        [9, 9, 4, 5, 6, 9],
    ]
    assert tb.pad(x, widths, "reflect").tolist() == [
        [6, 5, 4, 5, 6, 5],
        [3, 2, 1, 2, 3, 2],
        [6, 5, 4, 5, 6, 5],
    ]
    assert tb.pad(x, widths, "replicate").tolist() == [
        [1, 1, 1, 2, 3, 3],
        [1, 1, 1, 2, 3, 3],
        [4, 4, 4, 5, 6, 6],
    ]
    assert tb.pad(x, widths, "circular").tolist() == [
        [5, 6, 4, 5, 6, 4],
        [2, 3, 1, 2, 3, 1],
        [5, 6, 4, 5, 6, 4],
    ]


def test_negative_widths_cut():
    x = [1, 2, 3, 4]
    assert tb.pad(x, [(-1, 2)]).tolist() == [2, 3, 4, 0, 0]
    assert tb.pad(x, [(-2, 2)], "reflect").tolist() == [3, 4, 3, 2]
    assert tb.pad(x, [(2, -3)], "replicate").tolist() == [1, 1, 1]
    # Cut first: 4 is gone, and what is wrapped around is 2, 3.
    assert tb.pad(x, [(2, -1)], "circular").tolist() == [2, 3, 1, 2, 3]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "widths", [[(1, 0), (2, 3)], [(2, -1), (-2, 1)], [(0, 0), (0, 0)]], ids=str
)
def test_pad_gradient(mode, widths, rng, check_gradient):
    x = rng.standard_normal((3, 4))
    delta = rng.standard_normal(tb.pad(x, widths, mode).shape)
    dx = tb.pad_gradient(delta, x.shape, widths, mode)
    check_gradient(lambda x: tb.pad(x, widths, mode, 0.7), x, delta, dx)


def test_linear_shares_by_hand():
    x = np.array([0.0, 12, 6]).reshape(1, 1, 1, 3)
    # The centres of 6 lie at −¼, ¼, ¾, 1¼, 1¾, 2¼; outside of the first and last of 3, copies.
    y = tb.interpolate_bilinear(x, (1, 6))
    np.testing.assert_allclose(y[0, 0, 0], [0, 3, 9, 10.5, 7.5, 6])
    y = tb.interpolate_bilinear(x, (1, 5), align_corners=True)
    np.testing.assert_allclose(y[0, 0, 0], [0, 6, 12, 9, 6])
    assert tb.interpolate_bilinear(x, (1, 1), align_corners=True).item() == 0
    assert tb.interpolate_bilinear(x, (1, 1)).item() == 12


def test_both_axes_are_mixed():
    x = np.array([[0.0, 4], [8, 20]]).reshape(1, 1, 2, 2)
    y = tb.interpolate_bilinear(x, (3, 3), align_corners=True)
    assert y[0, 0].tolist() == [[0, 2, 4], [4, 8, 12], [8, 14, 20]]


def test_a_scale_factor_takes_the_place_of_the_sizes():
    x = np.arange(3.0).reshape(1, 1, 1, 3)
    # 3 · 1.5 is 4.5, and the output of 4 does not reach the end.
    assert tb.interpolate_nearest(x, (1, 4)).tolist() == [[[[0, 0, 1, 2]]]]
    assert tb.interpolate_nearest(x, (1, 4), (1, 1.5)).tolist() == [[[[0, 0, 1, 2]]]]
    assert tb.interpolate_nearest(x, (1, 4), (1, 2)).tolist() == [[[[0, 0, 1, 1]]]]
    y = tb.interpolate_bilinear(x, (1, 4), scale_factor=(1, 1.5))
    np.testing.assert_allclose(y[0, 0, 0], [0, 0.5, 7 / 6, 11 / 6])
    assert tb.interpolate_bilinear(x, (1, 2), scale_factor=(None, 0.7)).tolist() == [
        tb.interpolate_bilinear(x, (1, 2), scale_factor=(1, 0.7))[0].tolist()
    ]


OPTIONS = [{}, {"scale_factor": (1.3, 0.45)}, {"scale_factor": (None, 2.2)}]


@pytest.mark.parametrize("out", [(4, 3), (1, 5), (7, 2)])
@pytest.mark.parametrize("options", [*OPTIONS, {"align_corners": True}], ids=str)
def test_interpolation_gradients(out, options, rng, check_gradient):
    x, delta = rng.standard_normal((2, 2, 3, 4)), rng.standard_normal((2, 2, *out))
    dx = tb.interpolate_bilinear_gradient(delta, (3, 4), **options)
    check_gradient(lambda x: tb.interpolate_bilinear(x, out, **options), x, delta, dx)
    if "align_corners" not in options:
        dx = tb.interpolate_nearest_gradient(delta, (3, 4), **options)
        check_gradient(lambda x: tb.interpolate_nearest(x, out, **options), x, delta, dx)


def test_shuffles_and_their_gradients(rng, check_gradient):
    x, delta = rng.standard_normal((2, 8, 2, 3)), rng.standard_normal((2, 2, 4, 6))
    dx = tb.pixel_shuffle_gradient(delta, 2)
    check_gradient(lambda x: tb.pixel_shuffle(x, 2), x, delta, dx)
    assert tb.pixel_shuffle(x, 2)[1, 1, 3, 4] == x[1, 4 + 2, 1, 2]
    delta = rng.standard_normal(x.shape)
    dx = tb.channel_shuffle_gradient(delta, 4)
    check_gradient(lambda x: tb.channel_shuffle(x, 4), x, delta, dx)
    np.testing.assert_array_equal(tb.channel_shuffle(tb.channel_shuffle(x, 2), 4), x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tb.pad([1, 2], [(1, 1)], "mirror"), "pad: mode must be one of constant, reflect"),
        (lambda: tb.pad([1, 2], [(1, 1), (1, 1)]), "widths must hold a pair .* for each of 1 axes"),
        (lambda: tb.pad([1, 2], [(-2, -1)]), r"widths \(-2, -1\) do not fit an axis of 2: const"),
        (lambda: tb.pad([1, 2], [(2, 0)], "reflect"), r"widths \(2, 0\) do not fit an axis of 2"),
        (lambda: tb.pad([1, 2], [(2, -1)], "circular"), "do not fit an axis of 2: circular"),
        (lambda: tb.pad([], [(1, 0)], "replicate"), "do not fit an axis of 0: replicate"),
        (lambda: tb.pad_gradient([1], (2,), [(1, 1)]), r"delta must have shape \(4,\), got \(1,\)"),
        (lambda: tb.interpolate_bilinear(np.ones((1, 1, 2, 2)), 2), "output_size must be a pair"),
        (lambda: tb.interpolate_nearest(np.ones((1, 1, 2)), (1, 1)), "x must have 4 axes"),
        (lambda: tb.pixel_shuffle(np.ones((1, 6, 1, 1)), 2), "r² = 4 must divide the 6 channels"),
        (
            lambda: tb.pixel_shuffle_gradient(np.ones((1, 1, 2, 3)), 2),
            r"r = 2 must divide the sizes of delta, \(2, 3\)",
        ),
        (
            lambda: tb.channel_shuffle(np.ones((1, 6, 1, 1)), 4),
            r"channel_shuffle: groups \(4\) must divide the 6 channels",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
