"""Equations 1.6 to 1.9 against finite differences and against each other."""

import numpy as np
import pytest

from minicnn import textbook as tb

# Kernel and input shapes, none square, up to a kernel as large as the input.
SHAPES = [((2, 3), (5, 7)), ((3, 1), (4, 3)), ((1, 1), (3, 4)), ((4, 3), (4, 6)), ((3, 2), (3, 2))]


@pytest.fixture(params=SHAPES, ids=str)
def case(request, rng):
    (m, n), (M, N) = request.param
    w, x = rng.standard_normal((m, n)), rng.standard_normal((M, N))
    return w, x, rng.standard_normal((M - m + 1, N - n + 1))


def test_kernel_derivative(case, check_gradient):
    w, x, delta = case
    check_gradient(lambda w: tb.cross_correlate(w, x), w, delta, tb.kernel_derivative(delta, x))


def test_input_derivative(case, check_gradient):
    w, x, delta = case
    check_gradient(lambda x: tb.cross_correlate(w, x), x, delta, tb.input_derivative(delta, w))


def test_1_6_is_1_7(case):
    _, x, delta = case
    np.testing.assert_allclose(
        tb.kernel_derivative_correlated(delta, x), tb.kernel_derivative(delta, x)
    )


def test_1_8_is_1_9_both_ways(case):
    w, _, delta = case
    expected = tb.input_derivative(delta, w)
    np.testing.assert_allclose(tb.input_derivative_rotated_kernel(delta, w), expected)
    np.testing.assert_allclose(tb.input_derivative_rotated_error(delta, w), expected)


def test_1_8_is_a_true_convolution(case):
    w, _, delta = case
    np.testing.assert_allclose(tb.input_derivative(delta, w), tb.convolve2d(w, delta))


def test_without_the_rotation_1_9_is_wrong(rng):
    w, delta = rng.standard_normal((2, 3)), rng.standard_normal((3, 4))
    assert not np.allclose(tb.cross_correlate(w, delta, "wide"), tb.input_derivative(delta, w))
    # A constant δ and a symmetric kernel are blind to it: why the tests draw δ at random.
    blind_w, blind_delta = np.ones((2, 3)), np.ones((3, 4))
    np.testing.assert_allclose(
        tb.cross_correlate(blind_w, blind_delta, "wide"), tb.input_derivative(blind_delta, blind_w)
    )


def test_too_large_an_error_term_is_refused():
    with pytest.raises(ValueError, match=r"kernel_derivative: dy \(3, 2\) must not be larger"):
        tb.kernel_derivative(np.ones((3, 2)), np.ones((2, 5)))
