"""Activations, losses, linear layer, dropout, residual block: by hand and by finite differences."""

import itertools

import numpy as np
import pytest

from minicnn import textbook as tb

FROM_INPUT = ["relu", "relu6", "hardsigmoid", "hardswish", "silu"]
FROM_OUTPUT = ["sigmoid", "tanh"]


@pytest.fixture
def points(rng):
    """Both sides of every kink at −3, 0, 3, 6, none of them on it."""
    return np.array([[-9, -4, -2.9, -1], [-0.1, 0.2, 1, 2.5], [3.5, 5.9, 6.1, 9]])


@pytest.mark.parametrize("name", FROM_INPUT)
def test_gradient_from_the_input(name, points, rng, check_gradient):
    delta = rng.standard_normal(points.shape)
    gradient = getattr(tb, f"{name}_gradient")(delta, points)
    check_gradient(getattr(tb, name), points, delta, gradient)


@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_gradient_from_the_output(name, points, rng, check_gradient):
    delta = rng.standard_normal(points.shape)
    function = getattr(tb, name)
    gradient = getattr(tb, f"{name}_gradient")(delta, function(points))
    check_gradient(function, points, delta, gradient)


def test_activations_by_hand():
    x = [-4, -1.5, 0, 1.5, 4, 7]
    assert tb.relu(x).tolist() == [0, 0, 0, 1.5, 4, 7]
    assert tb.relu6(x).tolist() == [0, 0, 0, 1.5, 4, 6]
    assert tb.hardsigmoid(x).tolist() == [0, 0.25, 0.5, 0.75, 1, 1]
    assert tb.hardswish(x).tolist() == [0, -0.375, 0, 1.125, 4, 7]
    assert tb.sigmoid(np.log(3)) == pytest.approx(0.75)
    assert tb.silu(np.log(3)) == pytest.approx(0.75 * np.log(3))
    assert tb.tanh(np.log(3)) == pytest.approx(0.8)


def test_gradients_at_the_kinks():
    assert tb.relu_gradient([5, 5], [0.0, -0.0]).tolist() == [0, 0]
    assert tb.relu6_gradient([5, 5], [0, 6]).tolist() == [0, 0]
    assert tb.hardsigmoid_gradient([6, 6], [-3, 3]).tolist() == [0, 0]
    assert tb.hardswish_gradient([5, 5], [-3, 3]).tolist() == [0, 5]


def test_no_overflow():
    assert tb.sigmoid([-1e4, 1e4]).tolist() == [0, 1]
    assert tb.silu_gradient([1, 1], [-1e4, 1e4]).tolist() == [0, 1]
    assert tb.softmax([[1e4, -1e4]]).tolist() == [[1, 0]]
    assert tb.log_softmax([[1e4, -1e4]]).tolist() == [[0, -2e4]]


def test_softmax_by_hand():
    z = np.log([[1, 2, 5], [3, 3, 2]])
    np.testing.assert_allclose(tb.softmax(z), [[1 / 8, 2 / 8, 5 / 8], [3 / 8, 3 / 8, 2 / 8]])
    np.testing.assert_allclose(tb.log_softmax(z), np.log(tb.softmax(z)))
    expected = -(np.log(5 / 8) + np.log(3 / 8)) / 2
    assert tb.cross_entropy(z, [2, 0]) == pytest.approx(expected)
    np.testing.assert_allclose(
        tb.cross_entropy_gradient(z, [2, 0]) * 16, [[1, 2, -3], [-5, 3, 2]], atol=1e-12
    )


def test_gradients_of_softmax_and_its_logarithm(rng, check_gradient):
    z, delta = rng.standard_normal((2, 3, 5))
    check_gradient(tb.softmax, z, delta, tb.softmax_gradient(delta, tb.softmax(z)))
    check_gradient(tb.log_softmax, z, delta, tb.log_softmax_gradient(delta, tb.log_softmax(z)))


def test_gradient_of_cross_entropy(rng, check_gradient):
    z, target = rng.standard_normal((3, 5)), np.array([4, 0, 4])
    delta = rng.standard_normal(())
    gradient = delta * tb.cross_entropy_gradient(z, target)
    check_gradient(lambda z: tb.cross_entropy(z, target), z, delta, gradient)


def test_linear_by_hand_and_its_gradients(rng, check_gradient):
    assert tb.linear([[1, 2, 3]], [[1, 0, 0], [1, 1, 1]], [0, 10]).tolist() == [[1, 16]]
    x, w, b = rng.standard_normal((3, 4)), rng.standard_normal((5, 4)), rng.standard_normal(5)
    delta = rng.standard_normal((3, 5))
    check_gradient(lambda x: tb.linear(x, w, b), x, delta, tb.linear_input_gradient(delta, w))
    check_gradient(lambda w: tb.linear(x, w, b), w, delta, tb.linear_weight_gradient(delta, x))
    check_gradient(lambda b: tb.linear(x, w, b), b, delta, tb.linear_bias_gradient(delta))


def test_linear_square_is_not_transposed(rng):
    x, w = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))
    np.testing.assert_allclose(tb.linear(x, w), x @ w.T)
    np.testing.assert_allclose(tb.linear_input_gradient(x, w), x @ w)
    np.testing.assert_allclose(tb.linear_weight_gradient(x, w), x.T @ w)


def test_dropout_and_its_gradient(rng, check_gradient):
    x, delta = rng.standard_normal((2, 3, 4))
    mask = rng.random((3, 4)) < 0.7
    assert 0 < mask.sum() < 12
    y = tb.dropout(x, mask, 0.3)
    np.testing.assert_allclose(y[mask], x[mask] / 0.7)
    assert (y[~mask] == 0).all()
    check_gradient(
        lambda x: tb.dropout(x, mask, 0.3), x, delta, tb.dropout_gradient(delta, mask, 0.3)
    )
    assert tb.dropout([1, 2], [0, 0], p=1).tolist() == [0, 0]
    assert tb.dropout([np.inf, 2], [0, 1], p=0).tolist() == [0, 2]


def test_both_forms_of_dropout_agree_in_expectation():
    """Over all masks, each with its probability: exact, no sampling."""
    x, p = np.array([3.0, -1.0, 2.0]), 0.2
    inverted, classic = np.zeros(3), np.zeros(3)
    for mask in itertools.product([0, 1], repeat=3):
        probability = np.prod([1 - p if kept else p for kept in mask])
        inverted += probability * tb.dropout(x, mask, p)
        classic += probability * x * mask
    np.testing.assert_allclose(inverted, x)
    np.testing.assert_allclose(classic, tb.dropout_classic_evaluation(x, p))


def test_residual_block_gradients(rng, check_gradient):
    z, delta = rng.standard_normal((2, 2, 3, 3, 4))
    a, projection = rng.standard_normal((2, 2, 3, 4)), rng.standard_normal((3, 2, 1, 1))
    dz, da, dprojection = tb.residual_gradient(delta, z, a, projection)
    check_gradient(lambda z: tb.residual(z, a, projection), z, delta, dz)
    check_gradient(lambda a: tb.residual(z, a, projection), a, delta, da)
    check_gradient(lambda w: tb.residual(z, a, w), projection, delta, dprojection)

    same = rng.standard_normal(z.shape)
    dz, da, none = tb.residual_gradient(delta, z, same)
    check_gradient(lambda z: tb.residual(z, same), z, delta, dz)
    check_gradient(lambda a: tb.residual(z, a), same, delta, da)
    assert none is None


def test_residual_block_with_vanished_weights_is_the_identity(rng):
    a = tb.relu(rng.standard_normal((2, 3, 4, 5)))
    z = tb.conv2d(a, np.zeros((3, 3, 3, 3)), np.zeros(3), padding=(1, 1))
    np.testing.assert_array_equal(tb.residual(z, a), a)


def test_with_bn_it_is_gamma_that_must_vanish(rng):
    """BN(0.1 W) ≈ BN(W): small weights in front of a BN change nothing."""
    a, w = rng.standard_normal((4, 2, 5, 6)), rng.standard_normal((3, 2, 3, 3))
    ones, zeros = np.ones(3), np.zeros(3)
    large = tb.batch_norm(tb.conv2d(a, w), ones, zeros)[0]
    small = tb.batch_norm(tb.conv2d(a, 0.1 * w), ones, zeros)[0]
    np.testing.assert_allclose(small, large, atol=1e-3)
    assert (tb.batch_norm(tb.conv2d(a, w), zeros, zeros)[0] == 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tb.relu_gradient([1, 2], [1]),
            r"relu_gradient: x must have shape \(2,\), got \(1,\)",
        ),
        (lambda: tb.sigmoid([1j]), "sigmoid: x must hold real numbers, got dtype complex128"),
        (lambda: tb.softmax([1, 2]), r"softmax: z must have 2 axes \(N, K\), got shape \(2,\)"),
        (lambda: tb.softmax(np.ones((2, 0))), "at least one class"),
        (lambda: tb.cross_entropy([[1, 2]], [2]), r"cross_entropy: targets must be 0 … 1, got 2"),
        (lambda: tb.cross_entropy([[1, 2]], [-1]), "got -1"),
        (lambda: tb.cross_entropy([[1, 2]], [0, 1]), r"target must have shape \(1,\), got \(2,\)"),
        (lambda: tb.cross_entropy_gradient([[1, 2]], [1.0]), "target must hold integers"),
        (lambda: tb.cross_entropy(np.ones((0, 2)), np.ones(0, int)), "empty batch"),
        (lambda: tb.linear([[1, 2]], [[1, 2, 3]]), r"linear: w must have shape \(1, 2\)"),
        (lambda: tb.linear([[1, 2]], [[1, 2]], [1, 2]), r"linear: b must have shape \(1,\)"),
        (lambda: tb.linear_input_gradient([[1, 2]], [[1, 2]]), r"w must have shape \(2, 2\)"),
        (lambda: tb.linear_weight_gradient([[1, 2]], [[1], [2]]), r"x must have shape \(1, 1\)"),
        (lambda: tb.dropout([1, 2], [1, 0.5]), r"dropout: mask must hold 0 and 1, got 0\.5"),
        (lambda: tb.dropout([1, 2], [1]), "mask must have shape"),
        (lambda: tb.dropout([1], [1], p=1.5), r"p must be a probability, 0 … 1, got 1\.5"),
        (
            lambda: tb.residual(np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2))),
            r"residual: a must have shape \(1, 2, 2, 2\), got \(1, 1, 2, 2\)",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
