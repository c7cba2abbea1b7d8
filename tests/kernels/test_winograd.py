"""3 × 3 convolution by tiles: equal to the formula, within a bound on its error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import convolution, winograd, winograd_gradient
from minicnn.kernels.threads import get_num_threads, set_num_threads

LEAST = winograd.LEAST


@pytest.fixture(autouse=True)
def tiles_whatever_the_sizes(monkeypatch):
    monkeypatch.setattr(winograd, "LEAST_OUT", 4)


@pytest.fixture
def used(monkeypatch):
    """What the tiled convolution returned, call by call."""
    results = []

    def watched(*arguments, original=winograd.convolve):
        results.append(original(*arguments))
        return results[-1]

    monkeypatch.setattr(winograd, "convolve", watched)
    return results


def made(seed, n, c, f, size):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, c, *size)).astype("float32")
    return rng, x, rng.standard_normal((f, c, 3, 3)).astype("float32")


def both(name, *arguments):
    """The kernel's result in float32, and the formula's in float64."""
    with kernels("plain"):
        exact = find(name)(*[a.astype("float64") for a in arguments[:2]], *arguments[2:])
    return find(name)(*arguments), exact


def error(found, exact):
    """The largest error, against the largest number of the exact result."""
    return abs(found - exact).max() / abs(exact).max()


@given(
    st.integers(0, 2**32), st.integers(1, 3),
    st.integers(LEAST, LEAST + 40), st.integers(LEAST, LEAST + 40),
    st.tuples(st.integers(2, 19), st.integers(2, 37)), st.tuples(*[st.integers(0, 2)] * 2),
)  # fmt: skip
def test_equals_the_formula(seed, n, c, f, size, padding):
    if min(s + 2 * p for s, p in zip(size, padding, strict=True)) < 3:
        return
    rng, x, w = made(seed, n, c, f, size)
    options = (1, 1), padding, (1, 1), 1
    y, exact = both("conv2d", x, w, *options)
    assert error(y, exact) < 2e-6
    delta = rng.standard_normal(exact.shape).astype("float32")
    dx, exact = both("conv2d_input_gradient", delta, w, size, *options)
    assert error(dx, exact) < 2e-6
    dw, exact = both("conv2d_weight_gradient", delta, x, (3, 3), *options)
    assert error(dw, exact) < 2e-6


def test_the_weight_gradient_is_used_and_keeps_to_what_is_finite(monkeypatch):
    results = []

    def watched(*arguments, original=winograd_gradient.weight_gradient):
        results.append(original(*arguments))
        return results[-1]

    monkeypatch.setattr(winograd_gradient, "weight_gradient", watched)
    rng, x, _ = made(5, 2, LEAST, LEAST + 1, (9, 8))
    options = (1, 1), (1, 1), (1, 1), 1
    delta = rng.standard_normal((2, LEAST + 1, 9, 8)).astype("float32")
    dw = find("conv2d_weight_gradient")(delta, x, (3, 3), *options)
    assert results[0] is dw
    x[0, 3, 0, 0] = np.inf  # the corner: five of the nine entries never see it
    dw = find("conv2d_weight_gradient")(delta, x, (3, 3), *options)
    assert results[1] is None
    finite = np.isfinite(dw)
    assert finite[:, [0, 1, 2, 4]].all()
    assert (finite.sum(axis=(2, 3))[:, 3] == 5).all()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_weight_gradient_is_right_for_any_number_of_parts(threads, monkeypatch):
    monkeypatch.setattr(winograd_gradient, "get_num_threads", lambda: threads)
    rng, x, _ = made(6, 2, LEAST + 7, LEAST + 20, (5, 11))
    delta = rng.standard_normal((2, LEAST + 20, 5, 11)).astype("float32")
    arguments = delta, x, (3, 3), (1, 1), (1, 1), (1, 1), 1
    dw, exact = both("conv2d_weight_gradient", *arguments)
    assert error(dw, exact) < 2e-6
    assert np.array_equal(find("conv2d_weight_gradient")(*arguments), dw)


def test_is_used_where_it_is_meant_to_be(used):
    _, x, w = made(0, 2, LEAST, LEAST, (9, 8))
    options = (1, 1), (1, 1), (1, 1), 1
    y = find("conv2d")(x, w, *options)
    assert used[0] is y
    dx = find("conv2d_input_gradient")(y, w, (9, 8), *options)
    assert used[1] is dx
    for other in (
        ((2, 2), (1, 1), (1, 1), 1),
        ((1, 1), (3, 3), (1, 1), 1),
        ((1, 1), (1, 1), (2, 2), 1),
    ):
        find("conv2d")(x, w, *other)
    find("conv2d")(x, w[: LEAST - 1], *options)
    find("conv2d")(x[:, : LEAST - 1], w[:, : LEAST - 1], *options)
    find("conv2d")(x[:, :, :3], w, *options)
    find("conv2d")(x, w[:, : LEAST // 2], (1, 1), (1, 1), (1, 1), 2)
    find("conv2d")(x, np.ones((LEAST, LEAST, 3, 5), "float32"), *options)
    assert len(used) == 2


def test_its_error_is_of_the_size_of_the_direct_sums(monkeypatch):
    errors = {}
    for way in ("tiles", "direct"):
        if way == "direct":
            monkeypatch.setattr(winograd, "suits", lambda *_: False)
        errors[way] = [
            error(*both("conv2d", *made(seed, 2, 128, 48, (14, 14))[1:], (1, 1), (1, 1), (1, 1), 1))
            for seed in range(8)
        ]
    assert np.mean(errors["tiles"]) < 2 * np.mean(errors["direct"]) < 4e-6


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, 3e38])
def test_what_is_not_finite_stays_where_it_is(number, used):
    _, x, w = made(1, 1, LEAST, LEAST, (9, 9))
    x[0, 3, 4, 4] = number
    w = abs(w) + 0.5
    options = (1, 1), (1, 1), (1, 1), 1
    y = find("conv2d")(x, w, *options)
    assert used == [None]
    # Only the nine windows that see the pixel notice it.
    touched = ~np.isfinite(y[0]) if number != 3e38 else abs(y[0]) > 1e30
    assert (touched.any(axis=0)).sum() == 9
    assert touched[:, 3:6, 3:6].all()
    if number in (np.inf, -np.inf):
        assert (y[0][touched] == number).all()


def test_bias_normalisation_shortcut_and_activation_follow(used):
    rng, x, w = made(2, 2, LEAST, LEAST + 3, (7, 10))
    options = (1, 1), (1, 1), (1, 1), 1
    bias, mean, a, shift = rng.standard_normal((4, LEAST + 3)).astype("float32")
    residual = rng.standard_normal((2, LEAST + 3, 7, 10)).astype("float32")
    for act in (None, "relu", "relu6", "silu", "hardswish"):
        after = bias, (mean, a, shift), residual, act
        y = find("conv2d")(x, w, *options, *after)
        assert used[-1] is y
        with kernels("plain"):
            np.testing.assert_allclose(y, find("conv2d")(x, w, *options, *after), atol=2e-4)


def test_same_bits_again_and_with_any_number_of_threads():
    _, x, w = made(3, 3, LEAST + 5, LEAST + 9, (13, 27))
    options = (1, 1), (1, 1), (1, 1), 1
    before = get_num_threads()
    first = find("conv2d")(x, w, *options)
    try:
        for threads in (1, before, 1):
            set_num_threads(threads)
            assert np.array_equal(find("conv2d")(x, w, *options), first)
    finally:
        set_num_threads(before)


def test_weights_are_packed_for_every_kind_of_rectangle(monkeypatch):
    _, x, w = made(4, 1, LEAST + 1, LEAST + 2, (8, 8))
    options = (1, 1), (1, 1), (1, 1), 1
    with kernels("plain"):
        expected = find("conv2d")(x, w, *options)
    for kind in range(len(winograd.TILES)):
        monkeypatch.setattr(winograd, "_plan", lambda *_, kind=kind: (kind, 3))
        np.testing.assert_allclose(convolution.conv2d(x, w, *options), expected, atol=2e-4)
