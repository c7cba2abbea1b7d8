"""Statements that circulate in a wrong form, as numbers: one test for each."""

import numpy as np
import pytest

from minicnn import textbook as tb


def test_wide_cross_correlation_does_not_commute(rng):
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((5, 4))
    w_x, x_w = tb.cross_correlate(w, x, "wide"), tb.cross_correlate(x, w, "wide")
    assert w_x.shape == x_w.shape == (6, 6)
    assert not np.allclose(w_x, x_w)
    np.testing.assert_allclose(w_x, tb.rot180(x_w))
    np.testing.assert_allclose(
        tb.cross_correlate(tb.rot180(w), x, "wide"), tb.cross_correlate(tb.rot180(x), w, "wide")
    )
    np.testing.assert_allclose(tb.convolve2d(w, x), tb.convolve2d(x, w))


def test_1_9_holds_the_derivative_by_y(rng, check_gradient):
    """∂f/∂X on the right would not even have the shape: it gives (M + m − 1)×(N + n − 1)."""
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((5, 4))
    dy = rng.standard_normal((4, 2))
    dx = tb.input_derivative_rotated_kernel(dy, w)
    check_gradient(lambda x: tb.cross_correlate(w, x), x, dy, dx)
    assert tb.input_derivative_rotated_kernel(dx, w).shape == (6, 6)


def test_compound_scaling_doubles_the_cost():
    """Ten layers 100 wide at 100×100 against α·10 layers, β·100 wide, γ·100 large."""
    alpha, beta, gamma = 1.2, 1.1, 1.15

    def cost(depth, width, size):
        return depth * tb.multiplication_count(width, (3, 3), width, (size, size))

    grown = cost(round(10 * alpha), round(100 * beta), round(100 * gamma)) / cost(10, 100, 100)
    assert grown == pytest.approx(alpha * beta**2 * gamma**2)
    assert grown == pytest.approx(1.92, abs=0.005)


def test_bottleneck_cost():
    reduce = tb.multiplication_count(192, (1, 1), 16, (28, 28))
    convolve = tb.multiplication_count(16, (5, 5), 32, (28, 28))
    assert (reduce, convolve) == (2_408_448, 10_035_200)
    assert reduce + convolve == 12_443_648
    assert tb.multiplication_count(192, (5, 5), 32, (28, 28)) == 120_422_400


def test_inception_branches_fit_side_by_side(rng):
    """Padding 1 and 2, the second convolution reads the reduced channels, channels are axis 1."""
    x = rng.standard_normal((2, 4, 6, 5))
    reduced = [tb.conv2d(x, rng.standard_normal((2, 4, 1, 1))) for _ in range(2)]
    branches = [
        tb.conv2d(x, rng.standard_normal((3, 4, 1, 1))),
        tb.conv2d(reduced[0], rng.standard_normal((4, 2, 3, 3)), padding=(1, 1)),
        tb.conv2d(reduced[1], rng.standard_normal((1, 2, 5, 5)), padding=(2, 2)),
        tb.conv2d(tb.max_pool2d(x, (3, 3), (1, 1), (1, 1))[0], rng.standard_normal((2, 4, 1, 1))),
    ]
    assert np.concatenate(branches, axis=1).shape == (2, 10, 6, 5)
    with pytest.raises(ValueError, match=r"x must have shape \(2, 4, 6, 5\), got \(2, 2, 6, 5\)"):
        tb.conv2d(reduced[0], rng.standard_normal((4, 4, 3, 3)), padding=(1, 1))
    unpadded = tb.conv2d(reduced[0], rng.standard_normal((4, 2, 3, 3)))
    assert unpadded.shape[2:] == (4, 3)


def test_classic_dropout_multiplies_by_the_keep_probability():
    assert tb.dropout_classic_evaluation([10.0], p=0.2).tolist() == [8]


def alexnet_sizes(n, padding):
    sizes = [tb.output_size(n, 11, 4, padding)]
    for kernel, stride, pad in [(3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1), (3, 2, 0)]:
        sizes.append(tb.output_size(sizes[-1], kernel, stride, pad))
    return sizes


def test_alexnet_sizes():
    assert alexnet_sizes(227, 0) == [55, 27, 27, 13, 13, 6]
    assert alexnet_sizes(224, 2) == [55, 27, 27, 13, 13, 6]
    assert alexnet_sizes(224, 0)[0] == 54
    assert alexnet_sizes(224, 0)[-1] == 5


def test_vgg_flattens_to_25088():
    size = 224
    for _ in range(5):
        size = tb.output_size(tb.output_size(size, 3, padding=1), 2, stride=2)
    assert size == 7
    assert 512 * size * size == 25_088
    # The first fully connected layer as a convolution over the whole map.
    assert tb.parameter_count(512, (size, size), 4096) == 25_088 * 4096 + 4096


def test_sums_run_over_the_kernel_not_the_image():
    """A kernel and an image of different sizes: only m·n terms meet in a window."""
    assert tb.cross_correlate(np.ones((2, 3)), np.ones((4, 5))).tolist() == [[6] * 3] * 3
    assert tb.convolve2d(np.ones((2, 3)), np.ones((4, 5)))[2, 3] == 6


def test_1_16_takes_the_slope_of_the_map_below(rng, check_gradient):
    """Three maps d below, two maps p above: f'(Z^(l,p)) has no third map to offer."""
    z, w = rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((2, 3, 2, 2))
    delta = rng.standard_normal((2, 2, 3, 4))
    slope = 1 - np.tanh(z) ** 2
    below = tb.error_below_convolution(delta, w, slope)
    check_gradient(lambda z: tb.conv2d(tb.tanh(z), w), z, delta, below)


def test_transposed_example_has_three_weights():
    C = tb.convolution_matrix([1, 2, 3], 5)
    assert C.shape == (3, 5)
    assert [row[row != 0].tolist() for row in C] == [[1, 2, 3]] * 3


def test_batch_norm_is_used_in_evaluation_too(rng):
    """Evaluation: running statistics, so a sample's result does not depend on its batch."""
    x = rng.standard_normal((4, 2, 3, 3))
    gamma, beta = np.array([1.0, 2.0]), np.array([0.0, 5.0])
    mean, var = np.array([0.5, -1.0]), np.array([4.0, 0.25])
    evaluated = tb.batch_norm_evaluation(x, gamma, beta, mean, var)
    assert not np.allclose(evaluated, x)
    alone = tb.batch_norm_evaluation(x[:1], gamma, beta, mean, var)
    np.testing.assert_array_equal(alone, evaluated[:1])
    expected = 2 * (x[0, 1, 0, 0] + 1) / np.sqrt(0.25 + 1e-5) + 5
    assert evaluated[0, 1, 0, 0] == pytest.approx(expected)
    trained, *_ = tb.batch_norm(x, gamma, beta)
    assert not np.allclose(tb.batch_norm(x[:1], gamma, beta)[0], trained[:1])


def test_auxiliary_head_is_128x4x4():
    size = tb.output_size(14, 5, stride=3)
    assert size == 4
    assert 128 * size * size == 2048


def test_dropout_sets_the_activation_to_zero(rng):
    """What follows a dropped activation sees 0, and its weights stay what they are."""
    x, w = np.array([[3.0, 4.0]]), np.array([[10.0, 1.0]])
    dropped = tb.dropout(x, [[0, 1]], p=0.5)
    assert dropped.tolist() == [[0, 8]]
    assert tb.linear(dropped, w).tolist() == [[8]]
    # The dropped input's weight gets no gradient, either.
    assert tb.linear_weight_gradient([[1.0]], dropped).tolist() == [[0, 8]]


def test_lrn_runs_over_channels_not_columns(rng):
    x = rng.standard_normal((1, 4, 3, 5))
    y = tb.local_response_norm(x, alpha=0.1)
    neighbour_column, neighbour_channel = x.copy(), x.copy()
    neighbour_column[0, 1, 1, 3] += 10
    neighbour_channel[0, 2, 1, 2] += 10
    assert tb.local_response_norm(neighbour_column, alpha=0.1)[0, 1, 1, 2] == y[0, 1, 1, 2]
    assert tb.local_response_norm(neighbour_channel, alpha=0.1)[0, 1, 1, 2] != y[0, 1, 1, 2]


def test_depthwise_separable_cost():
    def share(n_in, n_out, f):
        depthwise = tb.multiplication_count(n_in, (f, f), n_in, (14, 14), groups=n_in)
        pointwise = tb.multiplication_count(n_in, (1, 1), n_out, (14, 14))
        return (depthwise + pointwise) / tb.multiplication_count(n_in, (f, f), n_out, (14, 14))

    assert share(3, 5, 3) == pytest.approx(1 / 5 + 1 / 9)
    assert share(3, 5, 3) == pytest.approx(0.31, abs=0.005)
    assert share(512, 1024, 3) == pytest.approx(1 / 9, rel=0.01)


def test_without_r_the_input_gradient_is_a_row_and_a_column_short(rng):
    """8×8 at kernel 3, stride 2, padding 1."""
    w, delta = rng.standard_normal((3, 3)), rng.standard_normal((4, 4))
    spread = tb.insert_zeros(delta, (2, 2))
    short = tb.crop(tb.cross_correlate(tb.rot180(w), spread, "wide"), (1, 1))
    assert short.shape == (7, 7)
    assert tb.leftover(8, 3, 2, 1) == 1
    whole = tb.conv2d_input_gradient(
        delta[None, None], w[None, None], (8, 8), stride=(2, 2), padding=(1, 1)
    )
    assert whole.shape == (1, 1, 8, 8)
    np.testing.assert_allclose(whole[0, 0, :7, :7], short)
    # The last row is no zero row: windows do reach it.
    assert np.abs(whole[0, 0, 7]).max() > 0.1


def test_uncut_weight_gradient_is_a_row_and_a_column_long(rng):
    x, delta = rng.standard_normal((8, 8)), rng.standard_normal((4, 4))
    uncut = tb.cross_correlate(tb.insert_zeros(delta, (2, 2)), tb.pad_zeros(x, (1, 1)))
    assert uncut.shape == (4, 4)
    dw = tb.conv2d_weight_gradient(
        delta[None, None], x[None, None], (3, 3), stride=(2, 2), padding=(1, 1)
    )
    np.testing.assert_allclose(dw[0, 0], uncut[:3, :3])
