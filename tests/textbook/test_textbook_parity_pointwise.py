"""Everything that is not a window against PyTorch in float64, forward and backward."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from minicnn import textbook as tb  # noqa: E402

pytestmark = pytest.mark.parity
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def tensor(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


ACTIVATIONS = ["sigmoid", "tanh", "relu", "relu6", "hardsigmoid", "hardswish", "silu"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, rng):
    # Kinks included, at −3, 0, 3 and 6: there the choice of PyTorch is taken.
    x = np.concatenate([np.linspace(-8, 8, 33), [-0.0, 50, -50], rng.standard_normal(4)])
    tx, delta = tensor(x), rng.standard_normal(x.shape)
    expected = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}.get(name) or getattr(F, name)
    expected = expected(tx)
    y = getattr(tb, name)(x)
    np.testing.assert_allclose(y, expected.detach(), **CLOSE)
    expected.backward(torch.tensor(delta))
    remembered = y if name in ("sigmoid", "tanh") else x
    gradient = getattr(tb, f"{name}_gradient")(delta, remembered)
    # PyTorch keeps the 1/6 of hardsigmoid's derivative in float32.
    rtol = 1e-7 if name == "hardsigmoid" else 1e-10
    np.testing.assert_allclose(gradient, tx.grad, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_of_nan_is_nan(name):
    assert np.isnan(getattr(tb, name)([np.nan])).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(name, rng):
    z, delta = rng.standard_normal((2, 4, 6)) * 5
    tz = tensor(z)
    expected = getattr(F, name)(tz, dim=1)
    y = getattr(tb, name)(z)
    np.testing.assert_allclose(y, expected.detach(), **CLOSE)
    expected.backward(torch.tensor(delta))
    np.testing.assert_allclose(getattr(tb, f"{name}_gradient")(delta, y), tz.grad, **CLOSE)


@pytest.mark.parametrize("classes", [1, 2, 7])
def test_cross_entropy(classes, rng):
    z, target = rng.standard_normal((5, classes)) * 5, rng.integers(0, classes, 5)
    tz = tensor(z)
    expected = F.cross_entropy(tz, torch.tensor(target))
    np.testing.assert_allclose(tb.cross_entropy(z, target), expected.detach(), **CLOSE)
    expected.backward()
    np.testing.assert_allclose(tb.cross_entropy_gradient(z, target), tz.grad, **CLOSE)


def test_linear(rng):
    x, w, b = rng.standard_normal((3, 5)), rng.standard_normal((4, 5)), rng.standard_normal(4)
    tx, tw, t_b = tensor(x), tensor(w), tensor(b)
    expected = F.linear(tx, tw, t_b)
    np.testing.assert_allclose(tb.linear(x, w, b), expected.detach(), **CLOSE)
    np.testing.assert_allclose(tb.linear(x, w), F.linear(tx, tw).detach(), **CLOSE)
    delta = rng.standard_normal((3, 4))
    expected.backward(torch.tensor(delta))
    np.testing.assert_allclose(tb.linear_input_gradient(delta, w), tx.grad, **CLOSE)
    np.testing.assert_allclose(tb.linear_weight_gradient(delta, x), tw.grad, **CLOSE)
    np.testing.assert_allclose(tb.linear_bias_gradient(delta), t_b.grad, **CLOSE)


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (3, 4, 6), (5, 3)], ids=str)
def test_batch_norm(shape, rng):
    x, delta = rng.standard_normal((2, *shape))
    gamma, beta = rng.standard_normal((2, shape[1]))
    running_mean, running_var = rng.standard_normal(shape[1]), rng.random(shape[1]) + 0.5
    t_mean, t_var = torch.tensor(running_mean), torch.tensor(running_var)
    tx, t_gamma, t_beta = tensor(x), tensor(gamma), tensor(beta)
    evaluated = F.batch_norm(tx, t_mean, t_var, t_gamma, t_beta, training=False)
    np.testing.assert_allclose(
        tb.batch_norm_evaluation(x, gamma, beta, running_mean, running_var),
        evaluated.detach(),
        **CLOSE,
    )
    # Changes t_mean and t_var.
    expected = F.batch_norm(tx, t_mean, t_var, t_gamma, t_beta, True, 0.1, 1e-5)
    y, mean, var = tb.batch_norm(x, gamma, beta, 1e-5)
    np.testing.assert_allclose(y, expected.detach(), **CLOSE)
    np.testing.assert_allclose(tb.update_running(running_mean, mean, 0.1), t_mean, **CLOSE)
    unbiased = tb.unbiased_variance(var, x.size // shape[1])
    np.testing.assert_allclose(tb.update_running(running_var, unbiased, 0.1), t_var, **CLOSE)
    expected.backward(torch.tensor(delta))
    dx, dgamma, dbeta = tb.batch_norm_gradients(delta, x, gamma, 1e-5)
    np.testing.assert_allclose(dx, tx.grad, **CLOSE)
    np.testing.assert_allclose(dgamma, t_gamma.grad, **CLOSE)
    np.testing.assert_allclose(dbeta, t_beta.grad, **CLOSE)


@pytest.mark.parametrize(("n", "channels"), [(5, 7), (3, 4), (1, 3), (5, 2)])
def test_local_response_norm(n, channels, rng):
    """PyTorch divides α by n: α = 0.02 of the paper is 0.02·n there."""
    x, delta = rng.standard_normal((2, 2, channels, 3, 4)) * 3
    tx = tensor(x)
    expected = F.local_response_norm(tx, n, alpha=0.02 * n, beta=0.75, k=2.0)
    y = tb.local_response_norm(x, n, 2.0, 0.02, 0.75)
    np.testing.assert_allclose(y, expected.detach(), **CLOSE)
    expected.backward(torch.tensor(delta))
    dx = tb.local_response_norm_gradient(delta, x, n, 2.0, 0.02, 0.75)
    np.testing.assert_allclose(dx, tx.grad, **CLOSE)


def steps(optimizer_of, w, gradients):
    """w after each step of a PyTorch optimiser with these gradients."""
    parameter = tensor(w)
    optimizer = optimizer_of([parameter])
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        yield parameter.detach().numpy().copy()


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(
    ("momentum", "dampening", "nesterov"),
    [(0.0, 0.0, False), (0.9, 0.0, False), (0.9, 0.5, False), (0.9, 0.0, True)],
)
def test_sgd(momentum, dampening, nesterov, decay, rng):
    w, gradients = rng.standard_normal((2, 3)), rng.standard_normal((4, 2, 3))
    options = {"momentum": momentum, "dampening": dampening, "nesterov": nesterov}
    expected = steps(
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=decay, **options), w, gradients
    )
    velocity = None
    for gradient, after in zip(gradients, expected, strict=True):
        gradient = tb.weight_decay(gradient, w, decay)
        if momentum == 0:
            plain = tb.sgd_step(w, gradient, 0.1)
            np.testing.assert_allclose(plain, after, **CLOSE)
        w, velocity = tb.sgd_momentum_step(w, gradient, velocity, 0.1, **options)
        np.testing.assert_allclose(w, after, **CLOSE)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam(decay, rng):
    w, gradients = rng.standard_normal((2, 3)), rng.standard_normal((4, 2, 3))
    options = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3}
    expected = steps(lambda p: torch.optim.Adam(p, weight_decay=decay, **options), w, gradients)
    m = v = np.zeros((2, 3))
    for t, (gradient, after) in enumerate(zip(gradients, expected, strict=True), start=1):
        gradient = tb.weight_decay(gradient, w, decay)
        w, m, v = tb.adam_step(w, gradient, m, v, t, **options)
        np.testing.assert_allclose(w, after, **CLOSE)
