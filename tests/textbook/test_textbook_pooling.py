"""Pooling by hand, with ties, overlap, padding and ceil_mode; eq. 1.17."""

import numpy as np
import pytest

from minicnn import textbook as tb

# size, kernel, options
POOLS = {
    "side by side": ((4, 6), (2, 3), {}),
    "leftovers": ((5, 7), (2, 3), {}),
    "overlapping": ((5, 7), (3, 3), {"stride": (2, 2)}),
    "overlapping, padded": ((5, 6), (3, 2), {"stride": (1, 1), "padding": (1, 1)}),
    "gaps": ((5, 7), (1, 2), {"stride": (2, 3)}),
    "ceil": ((6, 8), (3, 3), {"stride": (2, 2), "ceil_mode": True}),
    "ceil, padded": ((5, 6), (2, 3), {"stride": (2, 2), "padding": (1, 1), "ceil_mode": True}),
    "ceil, window dropped": ((3, 5), (2, 2), {"stride": (3, 4), "padding": (1, 0), "ceil_mode": 1}),
}
pools = pytest.mark.parametrize(("size", "kernel", "options"), POOLS.values(), ids=POOLS.keys())
MEANS = [{}, {"count_include_pad": False}, {"divisor_override": 5}]
means = pytest.mark.parametrize("divisor", MEANS, ids=str)


def distinct(rng, shape):
    """Values far enough apart that a finite difference changes no maximum."""
    return rng.permutation(np.prod(shape)).reshape(shape) * 0.1


def test_max_pool_by_hand():
    x = [[[[1, 2, 3], [8, 9, 4], [7, 6, 5]]]]
    y, argmax = tb.max_pool2d(x, (2, 2), stride=(1, 1))
    assert y.tolist() == [[[[9, 9], [9, 9]]]]
    assert argmax.tolist() == [[[[4, 4], [4, 4]]]]


def test_overlapping_windows_add_up():
    dx = tb.max_pool2d_gradient([[[[1, 2], [4, 8]]]], np.full((1, 1, 2, 2), 4), (3, 3))
    assert dx[0, 0].tolist() == [[0, 0, 0], [0, 15, 0], [0, 0, 0]]


def test_the_first_of_equal_maxima_takes_all():
    x = np.array([[0, 5, 5, 0], [5, 5, 0, 0]], dtype=float).reshape(1, 1, 2, 4)
    y, argmax = tb.max_pool2d(x, (2, 4))
    assert y.item() == 5 and argmax.item() == 1
    dx = tb.max_pool2d_gradient([[[[3.0]]]], argmax, (2, 4))
    assert dx[0, 0].tolist() == [[0, 3, 0, 0], [0, 0, 0, 0]]
    # Row-major order: (1, 2) before (2, 1).
    assert tb.max_pool2d([[[[0, 5], [5, 0]]]], (2, 2))[1].item() == 1


def test_nan_and_minus_infinity():
    y, argmax = tb.max_pool2d([[[[1, np.nan, 9, np.nan]]]], (1, 2))
    assert np.isnan(y).all() and argmax.tolist() == [[[[1, 3]]]]
    y, argmax = tb.max_pool2d([[[[np.nan, 7, np.nan, 9]]]], (1, 4))
    assert np.isnan(y).all() and argmax.item() == 2
    y, argmax = tb.max_pool2d(np.full((1, 1, 3, 3), -np.inf), (2, 2), (1, 1), (1, 1))
    assert (y == -np.inf).all() and argmax[0, 0, 1].tolist() == [0, 0, 1, 2]


def test_max_pool_pads_with_minus_infinity():
    y, argmax = tb.max_pool2d([[[[-5, -7]]]], (2, 2), padding=(1, 1))
    assert y.tolist() == [[[[-5, -7]]]] and argmax.tolist() == [[[[0, 1]]]]


@pools
@pytest.mark.parametrize("dilation", [(1, 1), (1, 2), (2, 1)], ids=str)
def test_max_pool_gradient(size, kernel, options, dilation, rng, check_gradient):
    x = distinct(rng, (2, 3, *size))
    options = {**options, "dilation": dilation}
    y, argmax = tb.max_pool2d(x, kernel, **options)
    delta = rng.standard_normal(y.shape)
    dx = tb.max_pool2d_gradient(delta, argmax, size)
    check_gradient(lambda x: tb.max_pool2d(x, kernel, **options)[0], x, delta, dx)


def test_avg_pool_divisors_by_hand():
    x = np.arange(1.0, 7.0).reshape(1, 1, 2, 3)  # 1 2 3 / 4 5 6
    padded = {"stride": (2, 2), "padding": (1, 1)}
    assert tb.avg_pool2d(x, (2, 2), **padded).tolist() == [[[[0.25, 1.25], [1, 2.75]]]]
    without = tb.avg_pool2d(x, (2, 2), **padded, count_include_pad=False)
    assert without.tolist() == [[[[1, 2.5], [4, 5.5]]]]
    override = tb.avg_pool2d(x, (2, 2), **padded, divisor_override=2)
    assert override.tolist() == [[[[0.5, 2.5], [2, 5.5]]]]


def test_avg_pool_with_ceil_mode_counts_no_further_than_the_padding():
    x = np.ones((1, 1, 1, 4))
    y = tb.avg_pool2d(x, (1, 3), stride=(1, 2), padding=(0, 1), ceil_mode=True)
    # windows: _ 1 1 | 1 1 1 | 1 _ and one column beyond the padding, which is not counted
    np.testing.assert_allclose(y[0, 0, 0], [2 / 3, 1, 1 / 2])
    y = tb.avg_pool2d(x.reshape(1, 1, 4, 1), (3, 1), (2, 1), (1, 0), ceil_mode=True)
    np.testing.assert_allclose(y[0, 0, :, 0], [2 / 3, 1, 1 / 2])


@pools
@means
def test_avg_pool_gradient(size, kernel, options, divisor, rng, check_gradient):
    x = rng.standard_normal((2, 3, *size))
    options = {**options, **divisor}
    y = tb.avg_pool2d(x, kernel, **options)
    delta = rng.standard_normal(y.shape)
    dx = tb.avg_pool2d_gradient(delta, size, kernel, **options)
    check_gradient(lambda x: tb.avg_pool2d(x, kernel, **options), x, delta, dx)


def test_1_17_with_an_activation_below(rng, check_gradient):
    z = distinct(rng, (2, 2, 5, 7)) / 10 - 0.7
    slope = 1 - np.tanh(z) ** 2
    window = {"kernel_size": (3, 3), "stride": (2, 2)}

    delta = rng.standard_normal((2, 2, 2, 3))
    _, argmax = tb.max_pool2d(tb.tanh(z), **window)
    below = tb.error_below_max_pooling(delta, argmax, slope)
    check_gradient(lambda z: tb.max_pool2d(tb.tanh(z), **window)[0], z, delta, below)

    below = tb.error_below_mean_pooling(delta, slope, **window)
    check_gradient(lambda z: tb.avg_pool2d(tb.tanh(z), **window), z, delta, below)


def test_global_pooling_is_the_mean_of_each_map(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    np.testing.assert_allclose(tb.global_avg_pool2d(x)[:, :, 0, 0], x.mean(axis=(2, 3)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tb.max_pool2d(np.ones((1, 3, 3)), (2, 2)), "max_pool2d: x must have 4 axes"),
        (lambda: tb.max_pool2d(np.ones((1, 1, 3, 3)), 2), "kernel_size must be a pair"),
        (
            lambda: tb.max_pool2d(np.ones((1, 1, 5, 5)), (3, 3), padding=(2, 0)),
            r"max_pool2d: padding must be at most half of the kernel \(3, 3\), got \(2, 0\)",
        ),
        (
            lambda: tb.max_pool2d(np.ones((1, 1, 1, 1)), (2, 2), (1, 1), (1, 1), (2, 2)),
            r"the window at \(0, 0\) holds only padding",
        ),
        (
            lambda: tb.max_pool2d(np.ones((1, 1, 1, 4)), (2, 2)),
            "max_pool2d: a window of size 2 .* does not fit into 1",
        ),
        (
            lambda: tb.max_pool2d_gradient(
                np.ones((1, 1, 1, 2)), np.zeros((1, 1, 2, 1), int), (2, 2)
            ),
            r"argmax must have shape \(1, 1, 1, 2\), got \(1, 1, 2, 1\)",
        ),
        (
            lambda: tb.max_pool2d_gradient(np.ones((1, 1, 1, 1)), [[[[4]]]], (2, 2)),
            "argmax 4 lies outside a map of 2×2",
        ),
        (
            lambda: tb.max_pool2d_gradient(np.ones((1, 1, 1, 1)), [[[[0.0]]]], (2, 2)),
            "argmax must hold integers",
        ),
        (
            lambda: tb.avg_pool2d(np.ones((1, 1, 4, 4)), (2, 2), padding=(0, 2)),
            "avg_pool2d: padding must be at most half",
        ),
        (
            lambda: tb.avg_pool2d(np.ones((1, 1, 4, 4)), (2, 2), divisor_override=0),
            "divisor_override must not be 0",
        ),
        (
            lambda: tb.avg_pool2d_gradient(np.ones((1, 1, 3, 3)), (4, 4), (2, 2)),
            r"avg_pool2d_gradient: delta must have shape \(1, 1, 2, 2\), got \(1, 1, 3, 3\)",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
