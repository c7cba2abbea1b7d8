"""Equations 1.1 to 1.5 by hand, and how convolution and cross-correlation hang together."""

import numpy as np
import pytest

from minicnn import textbook as tb


def test_1_1_decays():
    assert tb.decay_signal([1, 2, 4, 0, 0, 0]).tolist() == [1, 2.5, 5.25, 2.5, 1, 0]


def test_1_2_by_hand_and_against_numpy(rng):
    assert tb.convolve1d([1, 2], [3, 5, 7]).tolist() == [3, 11, 17, 14]
    w, x = rng.standard_normal(3), rng.standard_normal(6)
    np.testing.assert_allclose(tb.convolve1d(w, x), np.convolve(x, w))


def test_1_1_is_the_start_of_1_2(rng):
    x = rng.standard_normal(7)
    np.testing.assert_allclose(tb.decay_signal(x), tb.convolve1d([1, 1 / 2, 1 / 4], x)[:7])


def test_1_4_by_hand():
    w, x = [[1, 2], [3, 4]], [[1, 0, 5], [0, 1, 0]]
    assert tb.convolve2d(w, x).tolist() == [[1, 2, 5, 10], [3, 5, 17, 20], [0, 3, 4, 0]]


def test_1_5_worked_example():
    x = np.arange(9).reshape(3, 3)
    assert tb.cross_correlate([[0, 1], [2, 3]], x).tolist() == [[19, 25], [37, 43]]


def test_3x3_padded_to_5x5_gives_4x4():
    x = np.arange(9).reshape(3, 3)
    y = tb.cross_correlate([[0, 1], [2, 3]], x, "wide")
    assert y.shape == (4, 4)
    assert y[0].tolist() == [0, 3, 8, 4]
    assert y[1].tolist() == [9, 19, 25, 10]
    assert y[3].tolist() == [6, 7, 8, 0]


@pytest.mark.parametrize("mode", ["narrow", "wide", "equal-width"])
def test_sizes_of_the_three_modes(mode, rng):
    y = tb.cross_correlate(rng.standard_normal((3, 5)), rng.standard_normal((7, 9)), mode)
    expected = {"narrow": (5, 5), "wide": (9, 13), "equal-width": (7, 9)}
    assert y.shape == expected[mode]


def test_modes_agree_where_they_overlap(rng):
    w, x = rng.standard_normal((3, 5)), rng.standard_normal((7, 9))
    wide = tb.cross_correlate(w, x, "wide")
    np.testing.assert_allclose(tb.cross_correlate(w, x, "narrow"), wide[2:-2, 4:-4])
    np.testing.assert_allclose(tb.cross_correlate(w, x, "equal-width"), wide[1:-1, 2:-2])


def test_convolution_is_wide_correlation_with_the_rotated_kernel(rng):
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((5, 4))
    expected = tb.convolve2d(w, x)
    np.testing.assert_allclose(tb.cross_correlate(tb.rot180(w), x, "wide"), expected)
    assert not np.allclose(tb.cross_correlate(w, x, "wide"), expected)


def test_convolution_commutes(rng):
    w, x = rng.standard_normal((2, 3)), rng.standard_normal((5, 4))
    np.testing.assert_allclose(tb.convolve2d(w, x), tb.convolve2d(x, w))
    np.testing.assert_allclose(tb.convolve1d(w[0], x[0]), tb.convolve1d(x[0], w[0]))


def test_rot180_twice_is_nothing(rng):
    w = rng.standard_normal((2, 3))
    assert tb.rot180([[1, 2, 3], [4, 5, 6]]).tolist() == [[6, 5, 4], [3, 2, 1]]
    np.testing.assert_array_equal(tb.rot180(tb.rot180(w)), w)


def test_zeros_around_between_and_after():
    x = [[1, 2], [3, 4]]
    assert tb.pad_zeros(x, (1, 0)).tolist() == [[0, 0], [1, 2], [3, 4], [0, 0]]
    assert tb.insert_zeros(x, (2, 3)).tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]]
    assert tb.append_zeros(x, (1, 2)).tolist() == [[1, 2, 0, 0], [3, 4, 0, 0], [0, 0, 0, 0]]
    assert tb.crop(tb.pad_zeros(x, (2, 3)), (2, 3)).tolist() == x
    assert tb.crop([[1, 2, 3]], (0, 1)).tolist() == [[2]]


def test_a_kernel_is_found_from_pairs_by_gradient_descent(rng):
    """The edge detector [1, −1], from (X, Y) alone, by eq. 1.7 and plain gradient descent."""
    edge = np.array([[1.0, -1.0]])
    pairs = [(x, tb.cross_correlate(edge, x)) for x in rng.standard_normal((4, 5, 6))]
    w = np.zeros((1, 2))
    for _ in range(60):
        gradient = np.zeros((1, 2))
        for x, y in pairs:
            error = tb.cross_correlate(w, x) - y  # ∂f/∂Y of f = ½ Σ (W ⊗ X − Y)²
            gradient += tb.kernel_derivative_correlated(error, x)
        w = tb.sgd_step(w, gradient / 100, lr=0.5)
    np.testing.assert_allclose(w, edge, atol=1e-6)


def test_a_kernel_learned_for_convolution_is_the_other_one_rotated(rng):
    edge = np.array([[1.0, -1.0]])
    x = rng.standard_normal((6, 7))
    y = tb.convolve2d(edge, x)[:, 1:-1]  # where no zero from outside takes part
    w = np.zeros((1, 2))
    for _ in range(60):
        w = w - tb.kernel_derivative(tb.cross_correlate(w, x) - y, x) / 50
    np.testing.assert_allclose(w, tb.rot180(edge), atol=1e-6)


def test_gaussian_kernel():
    kernel = tb.gaussian_kernel((3, 3), 1, normalize=False)
    assert kernel[1, 1] == pytest.approx(1 / (2 * np.pi))
    assert kernel[0, 1] == kernel[1, 2] == pytest.approx(np.exp(-0.5) / (2 * np.pi))
    assert kernel[0, 0] == pytest.approx(np.exp(-1) / (2 * np.pi))
    assert kernel.sum() == pytest.approx(0.779, abs=5e-4)
    np.testing.assert_allclose(tb.gaussian_kernel((3, 3), 1), kernel / kernel.sum())
    # With the 1-D normaliser the values would not tend to sum 1.
    assert tb.gaussian_kernel((21, 21), 2, normalize=False).sum() == pytest.approx(1, abs=1e-5)
    tall = tb.gaussian_kernel((5, 3), 1)
    assert tall.shape == (5, 3) and tall[0, 1] < tall[1, 1] < tall[2, 1]


def test_image_kernels_and_brightness(rng):
    image = np.full((5, 6), 100.0)
    sums = {
        name: tb.cross_correlate(kernel, image)[0, 0] for name, kernel in tb.image_kernels.items()
    }
    assert sums["identity"] == sums["sharpen"] == 100
    assert sums["mean blur"] == pytest.approx(100)
    assert sums["gaussian blur"] == pytest.approx(100)
    assert sums["emboss"] == 0
    image = rng.standard_normal((5, 6))
    identity = tb.cross_correlate(tb.image_kernels["identity"], image, "equal-width")
    np.testing.assert_array_equal(identity, image)
    with pytest.raises(ValueError, match="read-only"):
        tb.image_kernels["identity"][0, 0] = 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tb.cross_correlate([[1]], [1]), r"cross_correlate: x must have 2 axes \(M, N\)"),
        (lambda: tb.cross_correlate(np.ones((3, 1)), np.ones((2, 5))), r"\(3, 1\) does not fit"),
        (lambda: tb.cross_correlate([[1]], [[1]], "full"), "'wide' or 'equal-width', got 'full'"),
        (lambda: tb.cross_correlate(np.ones((2, 3)), np.ones((5, 5)), "equal-width"), "odd sizes"),
        (lambda: tb.cross_correlate(np.ones((0, 3)), np.ones((5, 5))), "w must not be empty"),
        (lambda: tb.convolve1d([], [1]), "convolve1d: w must not be empty"),
        (lambda: tb.convolve2d(["a"], [[1]]), "convolve2d: w must hold real numbers"),
        (lambda: tb.insert_zeros([[1]], (0, 1)), "step must be a pair .* got \\(0, 1\\)"),
        (lambda: tb.crop([[1, 2]], (1, 0)), r"crop: padding \(1, 0\) is more than"),
        (lambda: tb.gaussian_kernel((2, 3), 1), "size must be odd"),
        (lambda: tb.gaussian_kernel((3, 3), 0), "sigma must be positive, got 0"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
