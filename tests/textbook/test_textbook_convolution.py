"""A convolution layer and its gradients, 1.11 to 1.16, with all that can be set."""

import numpy as np
import pytest

from minicnn import textbook as tb


def layer(size, kernel, channels, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return size, kernel, channels, options


# input size, kernel size, (C, F); H ≠ W everywhere
LAYERS = {
    "plain C=F": layer((5, 6), (3, 2), (2, 2)),
    "plain C<F": layer((5, 4), (2, 3), (1, 3)),
    "plain C>F": layer((4, 5), (2, 2), (3, 2)),
    "1x1": layer((3, 4), (1, 1), (2, 3)),
    "padding": layer((4, 5), (3, 3), (2, 2), padding=(1, 2)),
    "padding beyond the kernel": layer((3, 4), (2, 2), (1, 2), padding=(3, 2)),
    "stride that does not divide": layer((8, 7), (3, 2), (2, 2), stride=(2, 2), padding=(1, 0)),
    "unequal strides": layer((7, 6), (2, 3), (1, 2), stride=(3, 2)),
    "stride beyond the kernel": layer((8, 7), (2, 1), (2, 1), stride=(3, 4)),
    "dilation": layer((7, 6), (3, 2), (2, 2), dilation=(2, 3), padding=(1, 1)),
    "dilation and stride": layer((9, 8), (2, 3), (2, 1), stride=(3, 2), dilation=(3, 2)),
    "groups": layer((4, 5), (2, 3), (4, 6), groups=2, padding=(1, 0)),
    "depthwise": layer((5, 4), (3, 2), (3, 3), stride=(2, 1), groups=3),
    "depthwise with a multiplier": layer((4, 3), (2, 2), (2, 4), groups=2),
    "all of it": layer(
        (9, 8), (2, 3), (4, 4), stride=(2, 3), padding=(1, 2), dilation=(3, 2), groups=2
    ),
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS.keys())
def case(request, rng):
    size, kernel, (C, F), options = request.param
    x = rng.standard_normal((2, C, *size))
    w = rng.standard_normal((F, C // options["groups"], *kernel))
    b = rng.standard_normal(F)
    delta = rng.standard_normal(tb.conv2d(x, w, b, **options).shape)
    return x, w, b, delta, options


def test_worked_example_with_channels_and_bias():
    x = np.stack([np.arange(9), np.ones(9)]).reshape(1, 2, 3, 3)
    w = np.array([[[0, 1], [2, 3]], [[1, 0], [0, 2]]]).reshape(1, 2, 2, 2)
    assert tb.conv2d(x[:, :1], w[:, :1]).tolist() == [[[[19, 25], [37, 43]]]]
    assert tb.conv2d(x, w, [100]).tolist() == [[[[122, 128], [140, 146]]]]


def test_unequal_strides_by_hand():
    x = np.arange(9).reshape(1, 1, 3, 3)
    w = np.array([[0, 1], [2, 3]]).reshape(1, 1, 2, 2)
    y = tb.conv2d(x, w, stride=(3, 2), padding=(1, 1))
    assert y.tolist() == [[[[0, 8], [6, 8]]]]


def test_dilation_is_a_kernel_with_zeros_between(rng):
    x, w = rng.standard_normal((2, 2, 7, 8)), rng.standard_normal((3, 2, 3, 2))
    holes = np.zeros((3, 2, 5, 4))
    for p in range(3):
        for d in range(2):
            holes[p, d] = tb.insert_zeros(w[p, d], (2, 3))
    np.testing.assert_allclose(tb.conv2d(x, w, dilation=(2, 3)), tb.conv2d(x, holes))


def test_groups_are_layers_side_by_side(rng):
    x, w = rng.standard_normal((2, 4, 5, 6)), rng.standard_normal((6, 2, 2, 3))
    halves = tb.conv2d(x[:, :2], w[:3]), tb.conv2d(x[:, 2:], w[3:])
    np.testing.assert_allclose(tb.conv2d(x, w, groups=2), np.concatenate(halves, axis=1))


def test_1x1_is_a_linear_layer_at_every_position(rng):
    x, w, b = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((6, 3)), np.arange(6.0)
    y = tb.conv2d(x, w.reshape(6, 3, 1, 1), b)
    for i in range(4):
        for j in range(5):
            np.testing.assert_allclose(y[:, :, i, j], tb.linear(x[:, :, i, j], w, b))


def test_one_dimensional_layer_is_a_map_of_height_one(rng):
    a, w = rng.standard_normal(9), rng.standard_normal(3)
    z = tb.conv2d(a.reshape(1, 1, 1, 9), w.reshape(1, 1, 1, 3), [0.5])
    np.testing.assert_allclose(z[0, 0, 0], np.correlate(a, w, "valid") + 0.5)


def test_input_gradient(case, check_gradient):
    x, w, b, delta, options = case
    dx = tb.conv2d_input_gradient(delta, w, x.shape[2:], **options)
    check_gradient(lambda x: tb.conv2d(x, w, b, **options), x, delta, dx)


def test_weight_gradient(case, check_gradient):
    x, w, b, delta, options = case
    dw = tb.conv2d_weight_gradient(delta, x, w.shape[2:], **options)
    check_gradient(lambda w: tb.conv2d(x, w, b, **options), w, delta, dw)


def test_bias_gradient(case, check_gradient):
    x, w, b, delta, options = case
    db = tb.conv2d_bias_gradient(delta)
    check_gradient(lambda b: tb.conv2d(x, w, b, **options), b, delta, db)


def test_gather_is_scatter(case):
    x, w, _, delta, options = case
    gather = tb.conv2d_input_gradient(delta, w, x.shape[2:], **options)
    scatter = tb.conv2d_input_gradient_scatter(delta, w, x.shape[2:], **options)
    np.testing.assert_allclose(gather, scatter, rtol=1e-12, atol=1e-12)


def test_weight_gradient_both_ways(case):
    x, w, _, delta, options = case
    literal = tb.conv2d_weight_gradient(delta, x, w.shape[2:], **options)
    direct = tb.conv2d_weight_gradient_direct(delta, x, w.shape[2:], **options)
    np.testing.assert_allclose(literal, direct, rtol=1e-12, atol=1e-12)


def test_input_gradient_is_the_transposed_convolution(case):
    x, w, _, delta, options = case
    stride, padding, dilation = options["stride"], options["padding"], options["dilation"]
    # r plays the part of output_padding: conv-r, conv-transpose-size.
    r = tuple(
        tb.leftover(
            x.shape[2 + axis], w.shape[2 + axis], stride[axis], padding[axis], dilation[axis]
        )
        for axis in (0, 1)
    )
    transposed = tb.conv_transpose2d(delta, w, None, output_padding=r, **options)
    dx = tb.conv2d_input_gradient(delta, w, x.shape[2:], **options)
    np.testing.assert_allclose(transposed, dx, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": (2, 2), "padding": (1, 0)}, {"dilation": (2, 1), "groups": 2}],
    ids=str,
)
def test_1_16_two_layers_with_an_activation_between(options, check_gradient, rng):
    """z of layer l, tanh, the convolution of layer l + 1; C ≠ F: slopes of map d, not p."""
    z = rng.standard_normal((2, 4, 6, 7))
    w = rng.standard_normal((2, 4 // options.get("groups", 1), 3, 2))

    def forward(z):
        return tb.conv2d(tb.tanh(z), w, **options)

    delta = rng.standard_normal(forward(z).shape)
    slope = 1 - np.tanh(z) ** 2
    check_gradient(forward, z, delta, tb.error_below_convolution(delta, w, slope, **options))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tb.conv2d(np.ones((1, 3, 5, 5)), np.ones((6, 1, 3, 3))),
            r"conv2d: x must have shape \(1, 1, 5, 5\), got \(1, 3, 5, 5\)",
        ),
        (
            lambda: tb.conv2d(np.ones((3, 5, 5)), np.ones((6, 1, 3, 3))),
            r"conv2d: x must have 4 axes \(N, C, H, W\), got shape \(3, 5, 5\)",
        ),
        (
            lambda: tb.conv2d(np.ones((1, 1, 2, 5)), np.ones((1, 1, 3, 3))),
            "conv2d: a window of size 3 .* does not fit into 2",
        ),
        (
            lambda: tb.conv2d(np.ones((1, 2, 5, 5)), np.ones((3, 1, 3, 3)), groups=2),
            r"groups \(2\) must divide the 3 kernels",
        ),
        (
            lambda: tb.conv2d(np.ones((1, 1, 5, 5)), np.ones((2, 1, 3, 3)), [1]),
            r"conv2d: b must have shape \(2,\), got \(1,\)",
        ),
        (
            lambda: tb.conv2d(np.ones((1, 1, 5, 5)), np.ones((2, 1, 3, 3)), stride=2),
            r"conv2d: stride must be a pair \(h, w\) of integers ≥ 1, got 2",
        ),
        (
            lambda: tb.conv2d(np.ones((1, 1, 5, 5)), np.ones((2, 1, 3, 3)), padding=(0, -1)),
            "conv2d: padding must be a pair",
        ),
        (
            lambda: tb.conv2d_input_gradient(np.ones((1, 1, 3, 3)), np.ones((1, 1, 3, 3)), (5, 6)),
            r"conv2d_input_gradient: delta must have shape \(1, 1, 3, 4\), got \(1, 1, 3, 3\)",
        ),
        (
            lambda: tb.conv2d_weight_gradient(np.ones((1, 1, 3, 3)), np.ones((2, 1, 5, 5)), (3, 3)),
            r"conv2d_weight_gradient: x must have shape \(1, 1, 5, 5\), got \(2, 1, 5, 5\)",
        ),
        (
            lambda: tb.conv2d_weight_gradient_direct(
                np.ones((1, 2, 3, 3)), np.ones((1, 3, 5, 5)), (3, 3), groups=2
            ),
            "must divide the 3 channels",
        ),
        (
            lambda: tb.error_below_convolution(
                np.ones((1, 2, 3, 3)), np.ones((2, 1, 3, 3)), np.ones((1, 2, 5, 5))
            ),
            r"slope must have shape \(1, 1, 5, 5\), got \(1, 2, 5, 5\)",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
