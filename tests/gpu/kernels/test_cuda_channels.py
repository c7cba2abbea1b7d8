"""Batch normalisation and activations on the GPU, emulated, against plain."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import agree, doubled, drawn, plain

from minicnn.kernels.cuda import activation, channels

pytestmark = pytest.mark.usefixtures("emulated")

DTYPES = ["float32", "float64", "float16"]
ACTS = (None, "relu", "relu6", "silu", "hardswish")
WITH_SHORTCUT = [(act, False) for act in ACTS] + [(None, True), ("relu", True)]
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 40))


@pytest.fixture(params=[4096, 10], ids=["one block", "several blocks"])
def values_of_a_block(request, monkeypatch):
    """A channel is summed by one block, or by several and their parts together."""
    monkeypatch.setattr(channels, "VALUES_OF_A_BLOCK", request.param)
    monkeypatch.setattr(channels, "BLOCKS_WANTED", 7)
    return request.param


def test_the_number_of_blocks_of_a_channel():
    assert channels._slices(1, 1, 4095) == 1
    assert channels._slices(64, 64, 56 * 56) == 9
    assert channels._slices(64, 2048, 49) == 1
    assert channels._slices(0, 0, 0) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 2), (2, 3, 1), (5, 2, 16), (3, 7, 33), (2, 1, 700)])
def test_batch_normalization(shape, dtype, values_of_a_block):
    x, delta, gamma, beta, mean_delta = drawn(0, dtype, shape, shape, *[(shape[1],)] * 3)
    found = channels.channel_moments(x)
    exact = plain("channel_moments", x.astype(np.float64))
    for a, b in zip(found, exact, strict=True):
        agree(a, b, dtype)
    numbers = x, found[0], (1 / np.sqrt(found[1] + 0.1)).astype(dtype), gamma, beta
    found = channels.channel_normalize(*numbers)
    for a, b in zip(found, plain("channel_normalize", *doubled(numbers)), strict=True):
        agree(a, b, dtype)
    pair = delta, found[0]
    for a, b in zip(
        channels.channel_sums(*pair), plain("channel_sums", *doubled(pair)), strict=True
    ):
        agree(a, b, dtype)
    numbers = delta, found[0], gamma, beta, mean_delta
    agree(
        channels.channel_gradient(*numbers), plain("channel_gradient", *doubled(numbers)), dtype, 2
    )


def run(functions, arrays, act, shortcut, fixed, eps):
    """y, μ, σ² and the gradients."""
    forward, backward = functions
    x, delta, residual, gamma, beta, mean, var = arrays
    statistics, residual = (mean, var) if fixed else None, residual if shortcut else None
    y, mean, var = forward(x, gamma, beta, eps, statistics, act, residual)
    saved = y if shortcut and act else None
    gradients = backward(delta, x, saved, gamma, beta, eps, fixed, mean, var, act, shortcut)
    assert (gradients[3] is None) == (not shortcut)
    return y, mean, var, *gradients[: 4 if shortcut else 3]


CUDA = channels.norm_act, channels.norm_act_gradient
PLAIN = tuple(lambda *a, name=name: plain(name, *a) for name in ("norm_act", "norm_act_gradient"))


@pytest.mark.parametrize("act, shortcut", WITH_SHORTCUT)
@pytest.mark.parametrize("fixed", [False, True], ids=["own statistics", "given statistics"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_at_once(act, shortcut, fixed, dtype, values_of_a_block):
    for shape in ((5, 2, 16), (1, 3, 7), (2, 4, 1), (3, 1, 90)):
        rng = np.random.default_rng(0)
        x, delta, residual, gamma, beta, mean = drawn(1, dtype, *[shape] * 3, *[(shape[1],)] * 3)
        var = rng.uniform(0.5, 2, shape[1]).astype(dtype)
        arrays = [2 * x + 3, delta, residual, 2 * gamma, beta, mean, var]
        eps = 0.3 if shape[0] * shape[2] == 2 else 1e-3
        found = run(CUDA, arrays, act, shortcut, fixed, eps)
        expected = run(PLAIN, doubled(arrays), act, shortcut, fixed, eps)
        for a, b in zip(found, expected, strict=True):
            agree(a, b, dtype, 3)


def test_a_large_mean_costs_no_digits(values_of_a_block):
    for dtype, large in (("float32", 1e4), ("float64", 1e8)):
        x = (drawn(0, "float64", (4, 2, 1000))[0] + large).astype(dtype)
        mean, var = channels.channel_moments(x)
        exact = x.astype(np.float64)
        np.testing.assert_allclose(mean, exact.mean((0, 2)), rtol=1e-7)
        np.testing.assert_allclose(var, exact.var((0, 2)), rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 4])
def test_what_is_not_finite_stays_in_its_channel(value, place, values_of_a_block):
    (x,) = drawn(0, "float32", (3, 3, 10))
    x[0, 1, place] = value
    for a, b in zip(channels.channel_moments(x), plain("channel_moments", x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_forward_and_backward_are_on_the_same_side_of_every_kink():
    """δx is 0 exactly where y is, on thousands of values that lie near the kink."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((1, 4, 5000)).astype(np.float32) * np.float32(1e-7)
    mean, gamma, beta = (rng.standard_normal(4).astype(np.float32) for _ in range(3))
    var = rng.uniform(0.5, 2, 4).astype(np.float32)
    x = (z - beta[:, None]) / gamma[:, None] * np.sqrt(var)[:, None] + mean[:, None]
    arrays = [x.astype(np.float32), np.ones_like(z), None, gamma, beta, mean, var]
    y, _, _, dx, *_ = run(CUDA, arrays, "relu", False, True, 0.0)
    assert 0.1 < (y == 0).mean() < 0.9
    np.testing.assert_array_equal(dx == 0, y == 0)


BELOW_6, ABOVE_3 = np.nextafter(np.float32(6), 0), np.nextafter(np.float32(3), 4)
SLOPES_AT_THE_KINKS = {
    "relu": {0.0: 0, 1e-30: 1, 6.0: 1},
    "relu6": {0.0: 0, 1e-30: 1, BELOW_6: 1, 6.0: 0, 7.0: 0},
    "hardswish": {-3.0: 0, 3.0: 1, ABOVE_3: 1},
}


@pytest.mark.parametrize("act", SLOPES_AT_THE_KINKS)
def test_slopes_exactly_at_the_kinks(act):
    """As PyTorch has them; with these numbers z is x itself, to the last digit."""
    at = SLOPES_AT_THE_KINKS[act]
    x, slopes = (np.float32([[list(v)]]) for v in (at.keys(), at.values()))
    (delta,) = drawn(0, "float32", x.shape)
    zero, one = np.zeros(1, "f"), np.ones(1, "f")
    _, _, _, dx, *_ = run(CUDA, [x, delta, None, one, zero, zero, one], act, False, True, 0.0)
    np.testing.assert_array_equal(dx, delta * slopes)
    gradient = getattr(activation, f"{act}_gradient")
    np.testing.assert_array_equal(gradient(delta, x), delta * slopes)


def test_an_infinite_delta_vanishes_where_the_slope_is_0():
    x = np.float32([[[-100, 1, 2]]])
    delta, one, zero = np.float32([[[np.inf, 1, 1]]]), np.ones(1, "f"), np.zeros(1, "f")
    for act in ACTS[1:]:
        if act != "silu":
            _, _, _, dx, *_ = run(CUDA, [x, delta, None, one, zero, zero, one], act, False, True, 0)
            assert dx[0, 0, 0] == 0


NAMES = ["logistic", "relu", "relu6", "silu", "hardsigmoid", "hardswish", "normal_cdf"]
EDGES = [0, -0.0, 3, -3, 6, -6, 1e-7, -1e-7, 100, -100, np.inf, -np.inf, np.nan]


@given(st.integers(0, 300), st.sampled_from(DTYPES), st.sampled_from(NAMES), st.booleans())
def test_activations(size, dtype, name, edges):
    x, delta = drawn(size, dtype, (size,), (size,))
    x = np.array(EDGES, dtype) if edges else 4 * x
    if name == "normal_cdf" and edges:
        x = x[np.isfinite(x)]
    with np.errstate(all="ignore"):
        expected = plain(name, x.astype(np.float64))
    agree(getattr(activation, name)(x), expected, dtype)
    if name == "normal_cdf":
        return
    delta = np.resize(delta if size else np.ones(1, dtype), x.shape).astype(dtype)
    saved = x if name not in ("logistic", "relu") else getattr(activation, name)(x)
    found = getattr(activation, f"{name}_gradient")(delta, saved)
    expected = plain(f"{name}_gradient", *doubled((delta, saved)))
    agree(found, expected, dtype)
    if edges:
        delta[:] = np.inf
        found = getattr(activation, f"{name}_gradient")(delta, saved)
        expected = plain(f"{name}_gradient", delta, saved)
        np.testing.assert_array_equal(found == 0, expected == 0)


def test_the_left_tail_of_the_normal_distribution():
    x = np.float32([-6, -9, -12])
    np.testing.assert_allclose(activation.normal_cdf(x), plain("normal_cdf", x), rtol=1e-4)


def test_a_single_number():
    x = np.array(-2, np.float32)
    for name in NAMES:
        y = getattr(activation, name)(x)
        assert y.shape == ()
        agree(y, np.asarray(plain(name, x)), "float32")


def test_in_place():
    for make in (lambda a: a, lambda a: np.repeat(a, 2)[::2]):
        (x,) = drawn(0, "float32", (50,))
        into, expected = make(x.copy()), np.maximum(x, 0)
        assert activation.relu(into, into) is into
        np.testing.assert_array_equal(into, expected)


def test_memory_in_another_order():
    x, delta = drawn(0, "float32", (3, 4, 10), (3, 4, 10))
    gamma, beta, mean, var = (np.float32([1, 2, 3, 4]) for _ in range(4))
    others = [np.asfortranarray(x), np.repeat(delta, 2, 2)[..., ::2]]
    numbers = [np.repeat(v, 2)[::2] for v in (gamma, beta, mean, var)]
    for (act, shortcut), fixed in itertools.product(WITH_SHORTCUT[:2], (False, True)):
        a = run(CUDA, [x, delta, x, gamma, beta, mean, var], act, shortcut, fixed, 1e-3)
        b = run(CUDA, [*others, others[0], *numbers], act, shortcut, fixed, 1e-3)
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)


def test_no_channels_and_no_images():
    for shape in ((2, 0, 3), (0, 2, 3), (2, 2, 0)):
        x = np.zeros(shape, np.float32)
        for a, b in zip(channels.channel_moments(x), plain("channel_moments", x), strict=True):
            np.testing.assert_array_equal(a, b)
        assert channels.channel_sums(x, x)[0].shape == (shape[1],)
