"""Signals, powers, unpooling, windows as columns: by hand, in two ways, by differences."""

import numpy as np
import pytest

from minicnn import textbook as tb

# stride, padding, dilation, groups
LAYERS = [(1, 0, 1, 1), (2, 1, 1, 2), (3, 2, 2, 1), (1, 4, 3, 2)]


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), LAYERS)
def test_a_signal_is_an_image_of_height_1(stride, padding, dilation, groups, rng):
    x, w = rng.standard_normal((2, 4, 9)), rng.standard_normal((6, 4 // groups, 3))
    b = rng.standard_normal(6)
    line = stride, padding, dilation, groups
    image = (1, stride), (0, padding), (1, dilation), groups
    z = tb.conv1d(x, w, b, *line)
    delta = rng.standard_normal(z.shape)
    x2, w2, delta2 = x[:, :, None], w[:, :, None], delta[:, :, None]
    pairs = [
        (z, tb.conv2d(x2, w2, b, *image)),
        (
            tb.conv1d_input_gradient(delta, w, 9, *line),
            tb.conv2d_input_gradient(delta2, w2, (1, 9), *image),
        ),
        (
            tb.conv1d_weight_gradient(delta, x, 3, *line),
            tb.conv2d_weight_gradient(delta2, x2, (1, 3), *image),
        ),
    ]
    for mine, theirs in pairs:
        np.testing.assert_allclose(mine, theirs[:, :, 0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(tb.conv1d_bias_gradient(delta), tb.conv2d_bias_gradient(delta2))


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), LAYERS)
def test_transposed_gradients(stride, padding, dilation, groups, rng, check_gradient):
    w, b = rng.standard_normal((4, 3, 3)), rng.standard_normal(3 * groups)
    x = rng.standard_normal((2, 4, 6))
    extra = max(stride, dilation) - 1
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}

    def forward(x=x, w=w, b=b):
        return tb.conv_transpose1d(x, w, b, output_padding=extra, **options)

    delta = rng.standard_normal(forward().shape)
    dx = tb.conv_transpose1d_input_gradient(delta, w, 6, **options)
    dw = tb.conv_transpose1d_weight_gradient(delta, x, 3, **options)
    check_gradient(lambda x: forward(x=x), x, delta, dx)
    check_gradient(lambda w: forward(w=w), w, delta, dw)
    check_gradient(lambda b: forward(b=b), b, delta, tb.conv1d_bias_gradient(delta))

    # The same as an image of width 1.
    tall = {k: (v, 0 if k == "padding" else 1) for k, v in options.items()} | {"groups": groups}
    x2, w2, delta2 = x[..., None], w[..., None], delta[..., None]
    pairs = [
        (forward(), tb.conv_transpose2d(x2, w2, b, output_padding=(extra, 0), **tall)),
        (dx, tb.conv_transpose2d_input_gradient(delta2, w2, (6, 1), **tall)),
        (dw, tb.conv_transpose2d_weight_gradient(delta2, x2, (3, 1), **tall)),
    ]
    for line, image in pairs:
        np.testing.assert_allclose(line, image[..., 0], rtol=1e-12, atol=1e-12)


def test_transposed_gradients_of_images(rng, check_gradient):
    x, w = rng.standard_normal((2, 4, 2, 3)), rng.standard_normal((4, 1, 3, 2))
    options = {"stride": (2, 3), "padding": (1, 0), "dilation": (1, 2), "groups": 2}

    def forward(x, w):
        return tb.conv_transpose2d(x, w, None, output_padding=(1, 2), **options)

    delta = rng.standard_normal(forward(x, w).shape)
    dx = tb.conv_transpose2d_input_gradient(delta, w, (2, 3), **options)
    dw = tb.conv_transpose2d_weight_gradient(delta, x, (3, 2), **options)
    check_gradient(lambda x: forward(x, w), x, delta, dx)
    check_gradient(lambda w: forward(x, w), w, delta, dw)


# kernel, stride, padding, dilation, ceil_mode
POOLS = [(2, None, 0, 1, False), (3, 2, 1, 1, True), (2, 1, 1, 3, False), (3, 4, 0, 1, True)]


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "ceil"), POOLS)
def test_pooling_a_signal(kernel, stride, padding, dilation, ceil, rng, check_gradient):
    x = rng.permutation(2 * 3 * 9).reshape(2, 3, 9) * 0.1
    image = [None if o is None else (1, o) for o in (kernel, stride)] + [(0, padding)]
    y, argmax = tb.max_pool1d(x, kernel, stride, padding, dilation, ceil)
    expected, places = tb.max_pool2d(x[:, :, None], *image, (1, dilation), ceil)
    np.testing.assert_array_equal(y, expected[:, :, 0])
    np.testing.assert_array_equal(argmax, places[:, :, 0])
    delta = rng.standard_normal(y.shape)
    dx = tb.max_pool1d_gradient(delta, argmax, 9)
    check_gradient(
        lambda x: tb.max_pool1d(x, kernel, stride, padding, dilation, ceil)[0], x, delta, dx
    )
    for counted in (True, False):
        options = kernel, stride, padding, ceil, counted
        y = tb.avg_pool1d(x, *options)
        expected = tb.avg_pool2d(x[:, :, None], *image, ceil, counted)
        np.testing.assert_allclose(y, expected[:, :, 0], rtol=1e-12)
        delta = rng.standard_normal(y.shape)
        dx = tb.avg_pool1d_gradient(delta, 9, *options)
        check_gradient(lambda x, o=options: tb.avg_pool1d(x, *o), x, delta, dx)


def test_ties_and_nan_of_signals():
    assert tb.max_pool1d([[[3, 3, 1, 3]]], 4)[1].item() == 0
    y, argmax = tb.max_pool1d([[[1, np.nan, 9, np.nan, 2]]], 5)
    assert np.isnan(y).all() and argmax.item() == 3


@pytest.mark.parametrize("p", [1, 2, 3, 0.5, -1, np.inf, -np.inf])
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_lp_pool_gradient(p, ceil_mode, rng, check_gradient):
    x = rng.uniform(0.5, 1.5, (2, 2, 5, 6))
    if p in (2, np.inf, -np.inf):
        x *= rng.choice([-1, 1], x.shape)
    options = p, (2, 3), (2, 2), ceil_mode
    delta = rng.standard_normal(tb.lp_pool2d(x, *options).shape)
    dx = tb.lp_pool2d_gradient(delta, x, *options)
    check_gradient(lambda x: tb.lp_pool2d(x, *options), x, delta, dx)


def test_a_window_that_ceil_mode_cuts_counts_as_a_whole_one():
    y = tb.lp_pool2d([[[[1, 2, 3]]]], 1, (1, 2), ceil_mode=True)
    assert y.tolist() == [[[[3, 6]]]]


def test_lrn_of_an_even_number_of_channels(rng, check_gradient):
    """PyTorch's window of 4 channels: two before, one after."""
    x = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1, 1)
    y = tb.local_response_norm(x, (2, 1), k=1.0, alpha=0.5, beta=1.0)
    sums = np.array([1 + 4, 1 + 4 + 9, 1 + 4 + 9 + 16, 4 + 9 + 16])
    np.testing.assert_allclose(y.reshape(4), x.reshape(4) / (1 + 0.5 * sums))
    x, delta = rng.standard_normal((2, 2, 6, 2, 1))
    options = (2, 1), 1.5, 0.3, 0.75
    dx = tb.local_response_norm_gradient(delta, x, *options)
    check_gradient(lambda x: tb.local_response_norm(x, *options), x, delta, dx)


def test_unfold_and_fold_are_each_others_transpose(rng):
    """⟨unfold(x), c⟩ = ⟨x, fold(c)⟩."""
    x, window = rng.standard_normal((2, 3, 7, 8)), ((2, 3), (3, 2), (1, 0), (2, 1))
    columns = tb.unfold(x, *window)
    other = rng.standard_normal(columns.shape)
    image = tb.fold(other, (7, 8), *window)
    assert np.sum(columns * other) == pytest.approx(np.sum(x * image))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: tb.unfold(x, (4, 1)), "unfold: a window of size 4"),
        (lambda x: tb.fold(x[0], (3, 4), (2, 2)), r"fold: 2·2 kernel places must divide"),
        (lambda x: tb.fold(x[0], (3, 4), (1, 3)), r"fold: columns must have shape"),
        (lambda x: tb.adaptive_avg_pool2d(x, (0, 1)), "output_size must be a pair"),
        (lambda x: tb.lp_pool2d(x, 0, (2, 2)), "norm_type must be a number other than 0, got 0"),
        (lambda x: tb.lp_pool2d(x, np.nan, (2, 2)), "norm_type must be a number other than 0"),
        (lambda x: tb.max_unpool2d(x, x, (9, 9)), "argmax must hold integers"),
        (
            lambda x: tb.max_unpool2d(x, np.full(x.shape, 4), (2, 2)),
            "argmax 4 lies outside a map of 2×2",
        ),
        (lambda x: tb.conv1d(x[0], np.ones((2, 1, 2))), r"conv1d: w \(2, 1, 2\) does not fit 3"),
        (lambda x: tb.conv1d(x[0], np.ones((2, 3, 5))), "a window of size 5"),
        (lambda x: tb.conv1d(x[0], np.ones((2, 3, 1)), [1]), r"b must have shape \(2,\)"),
        (
            lambda x: tb.conv1d_input_gradient(x[0], np.ones((3, 1, 2)), 4),
            r"delta must have shape \(3, 3, 3\), got \(3, 3, 4\)",
        ),
        (
            lambda x: tb.conv_transpose1d(x[0], np.ones((3, 1, 2)), output_padding=1),
            "output_padding must be smaller",
        ),
        (
            lambda x: tb.conv_transpose2d_input_gradient(x, np.ones((1, 2, 1, 1)), (3, 4)),
            r"delta must have shape \(1, 2, 3, 4\), got \(1, 3, 3, 4\)",
        ),
        (
            lambda x: tb.conv_transpose2d_weight_gradient(x, x, (1, 1), groups=2),
            r"groups \(2\) must divide the 3 channels of x",
        ),
        (lambda x: tb.max_pool1d(x[0], 2, padding=2), "padding must be at most half of the kernel"),
        (lambda x: tb.max_pool1d(x[0][..., :1], 2, 1, 1, 2), "window 0 holds only padding"),
        (
            lambda x: tb.max_pool1d_gradient(x[0], np.full((3, 3, 4), 4), 4),
            "argmax 4 lies outside a signal of 4",
        ),
        (lambda x: tb.avg_pool1d_gradient(x[0], 11, 2), r"delta must have shape \(3, 3, 5\), got"),
        (lambda x: tb.local_response_norm(x, (1, -1)), "n must be a pair"),
    ],
)
def test_what_does_not_fit_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call(np.ones((1, 3, 3, 4)))
