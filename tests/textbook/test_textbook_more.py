"""The textbook's further activations, norms and losses, against the fast functions."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import textbook as tb


def leaves(rng, *shapes):
    return [mc.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes]


def check(fast, inputs, book, book_gradients, seed):
    """Equal results, and equal gradients for a random δ."""
    y = fast(*inputs)
    arrays = [t.array for t in inputs]
    np.testing.assert_allclose(y.array, book(*arrays), rtol=1e-10, atol=1e-12)
    delta = np.random.default_rng(seed).standard_normal(y.shape)
    y.backward(mc.tensor(delta))
    found = book_gradients(delta, *arrays)
    found = found if isinstance(found, tuple) else (found,)
    for tensor, gradient in zip(inputs, found, strict=False):
        np.testing.assert_allclose(tensor.grad.array, gradient, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("name", "option"), [
    ("leaky_relu", 0.2), ("elu", 1.7), ("gelu", None), ("softplus", 0.7),
])  # fmt: skip
def test_activations(name, option, seed):
    rng = np.random.default_rng(seed)
    more = () if option is None else (option,)
    book, gradient = getattr(tb, name), getattr(tb, f"{name}_gradient")
    check(
        lambda x: getattr(F, name)(x, *more), leaves(rng, (3, 4)),
        lambda x: book(x, *more), lambda d, x: gradient(d, x, *more), seed,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("name", "option"), [
    ("mse_loss", {}), ("l1_loss", {}), ("smooth_l1_loss", {"beta": 0.6}),
    ("binary_cross_entropy_with_logits", {}),
])  # fmt: skip
def test_losses(name, option, seed):
    rng = np.random.default_rng(seed)
    target = rng.random((3, 4))
    book, gradient = getattr(tb, name), getattr(tb, f"{name}_gradient")
    check(
        lambda x: getattr(F, name)(x, mc.tensor(target), **option), leaves(rng, (3, 4)),
        lambda x: book(x, target, **option),
        lambda d, x: gradient(float(d), x, target, **option), seed,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_losses_of_probabilities(seed):
    rng = np.random.default_rng(seed)
    classes, shares = rng.integers(0, 4, 3), rng.random((3, 4))
    shares[0, 0] = 0
    check(
        lambda y: F.nll_loss(y, mc.tensor(classes)), leaves(rng, (3, 4)),
        lambda y: tb.nll_loss(y, classes),
        lambda d, y: tb.nll_loss_gradient(float(d), y, classes), seed,
    )  # fmt: skip
    check(
        lambda y: F.kl_div(y, mc.tensor(shares), reduction="sum") / 12, leaves(rng, (3, 4)),
        lambda y: tb.kl_div(y, shares),
        lambda d, y: tb.kl_div_gradient(float(d), y, shares), seed,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_norms(seed):
    rng = np.random.default_rng(seed)
    x, gamma, beta = leaves(rng, (3, 5), (5,), (5,))
    check(
        lambda x, g, b: F.layer_norm(x, (5,), g, b), [x, gamma, beta],
        tb.layer_norm, lambda d, x, g, b: tb.layer_norm_gradients(d, x, g), seed,
    )  # fmt: skip
    images, gamma, beta = leaves(rng, (2, 6, 3, 2), (6,), (6,))
    groups = int(rng.choice([1, 2, 3, 6]))
    check(
        lambda x, g, b: F.group_norm(x, groups, g, b), [images, gamma, beta],
        lambda x, g, b: tb.group_norm(x, groups, g, b),
        lambda d, x, g, b: tb.group_norm_gradients(d, x, groups, g), seed,
    )  # fmt: skip
    images, gamma, beta = leaves(rng, (2, 4, 3, 2), (4,), (4,))
    check(
        lambda x, g, b: F.instance_norm(x, weight=g, bias=b), [images, gamma, beta],
        tb.instance_norm, lambda d, x, g, b: tb.instance_norm_gradients(d, x, g), seed,
    )  # fmt: skip


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="group_norm: groups 2 must divide the 3 channels"):
        tb.group_norm(np.ones((1, 3, 2, 2)), 2, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="layer_norm: gamma must have shape"):
        tb.layer_norm(np.ones((1, 3)), np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="mse_loss: t must have shape"):
        tb.mse_loss(np.ones(3), np.ones(2))
