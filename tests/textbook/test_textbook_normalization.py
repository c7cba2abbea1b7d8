"""Batch normalisation and LRN: by hand, and by finite differences."""

import numpy as np
import pytest

from minicnn import textbook as tb


@pytest.mark.parametrize("shape", [(3, 2, 2, 4), (2, 3, 5), (4, 2)], ids=str)
def test_batch_norm_and_its_gradients(shape, rng, check_gradient):
    x, delta = rng.standard_normal((2, *shape))
    gamma, beta = rng.standard_normal((2, shape[1]))
    eps = 0.1  # large enough for a wrong place of ε to show
    dx, dgamma, dbeta = tb.batch_norm_gradients(delta, x, gamma, eps)
    check_gradient(lambda x: tb.batch_norm(x, gamma, beta, eps)[0], x, delta, dx)
    check_gradient(lambda gamma: tb.batch_norm(x, gamma, beta, eps)[0], gamma, delta, dgamma)
    check_gradient(lambda beta: tb.batch_norm(x, gamma, beta, eps)[0], beta, delta, dbeta)


def test_batch_norm_statistics(rng):
    x = 3 * rng.standard_normal((4, 2, 3, 5)) + 7
    y, mean, var = tb.batch_norm(x, np.ones(2), np.zeros(2), 0.0)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(var, x.var(axis=(0, 2, 3)))  # biased
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1)
    np.testing.assert_allclose(tb.unbiased_variance(var, 60), x.var(axis=(0, 2, 3), ddof=1))


def test_batch_norm_by_hand():
    y, mean, var = tb.batch_norm([[1.0], [5.0]], [3], [10], eps=12)
    assert (y.tolist(), mean.tolist(), var.tolist()) == ([[8.5], [11.5]], [3], [4])


def test_a_bias_before_batch_norm_does_nothing(rng):
    x, w = rng.standard_normal((2, 2, 4, 5)), rng.standard_normal((3, 2, 2, 2))
    gamma, beta = rng.standard_normal((2, 3))
    without = tb.batch_norm(tb.conv2d(x, w), gamma, beta)[0]
    np.testing.assert_allclose(tb.batch_norm(tb.conv2d(x, w, [5, -7, 9]), gamma, beta)[0], without)


def test_running_statistics():
    running = tb.update_running([0.0, 10.0], [1.0, 20.0], momentum=0.1)
    np.testing.assert_allclose(running, [0.1, 11.0])


def lrn_parameters():
    return {"n": 3, "k": 1.5, "alpha": 0.3, "beta": 0.75}


def test_lrn_by_hand():
    x = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1, 1)
    y = tb.local_response_norm(x, **lrn_parameters())
    sums = np.array([1 + 4, 1 + 4 + 9, 4 + 9 + 16, 9 + 16])
    np.testing.assert_allclose(y.reshape(4), x.reshape(4) / (1.5 + 0.3 * sums) ** 0.75)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_lrn_gradient(n, rng, check_gradient):
    x, delta = rng.standard_normal((2, 2, 6, 2, 1))
    parameters = {**lrn_parameters(), "n": n}
    dx = tb.local_response_norm_gradient(delta, x, **parameters)
    check_gradient(lambda x: tb.local_response_norm(x, **parameters), x, delta, dx)


def test_lrn_defaults_are_the_papers():
    x = np.full((1, 9, 1, 1), 10.0)
    y = tb.local_response_norm(x)
    assert y[0, 4, 0, 0] == pytest.approx(10 / (2 + 1e-4 * 5 * 100) ** 0.75)
    assert y[0, 0, 0, 0] == pytest.approx(10 / (2 + 1e-4 * 3 * 100) ** 0.75)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tb.batch_norm([[1, 2]], [1, 1], [0, 0]), "batch_norm: needs more than one value"),
        (lambda: tb.batch_norm([1, 2], [1], [0]), r"batch_norm: x must have axes \(N, C\)"),
        (lambda: tb.batch_norm([[1], [2]], [1, 1], [0]), r"gamma must have shape \(1,\)"),
        (
            lambda: tb.batch_norm_gradients([[1], [2]], [[1], [2], [3]], [1]),
            r"x must have the shape of delta \(2, 1\), got \(3, 1\)",
        ),
        (
            lambda: tb.batch_norm_evaluation([[1]], [1], [0], [0, 0], [1]),
            r"batch_norm_evaluation: running_mean must have shape \(1,\), got \(2,\)",
        ),
        (lambda: tb.update_running([0, 0], [1]), "update_running: batch_stat must have shape"),
        (lambda: tb.unbiased_variance([1.0], 1), "count must be an integer ≥ 2, got 1"),
        (lambda: tb.local_response_norm(np.ones((1, 3))), "local_response_norm: x must have 4"),
        (lambda: tb.local_response_norm(np.ones((1, 3, 1, 1)), n=0), "n must be an integer ≥ 1"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
