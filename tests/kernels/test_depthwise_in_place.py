"""Depthwise convolution where images lie, against the matrix products of `plain`.

At stride 2 from the rows of the image (`depthwise_rows`), and place by place where the size stays
(`depthwise_places`).
"""

import numpy as np
import pytest

from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import depthwise_places, depthwise_rows
from minicnn.shapes import effective_kernel, output_size


def surrounded(array):
    """The same numbers, with NaN before and behind them: none of those may come into a result."""
    memory = np.full(array.size + 128, np.nan, np.float32)
    inside = memory[64 : 64 + array.size].reshape(array.shape)
    inside[...] = array
    return inside


def drawn(seed):
    """At odd seeds stride 2 and any padding, at even ones stride 1 and one that keeps the size."""
    rng = np.random.default_rng(seed)
    stride, kernel = 1 + seed % 2, int(rng.choice([3, 5]))
    dilation, padding = (tuple(map(int, rng.integers(low, 4, 2))) for low in (1, 0))
    if stride == 1:
        padding = tuple(d * (kernel // 2) for d in dilation)
    size = rng.integers(1, 60, 2)
    reach = effective_kernel(np.array([kernel] * 2), np.array(dilation))
    if (reach > size + 2 * np.array(padding)).any():
        return None
    n, c, multiplier = map(int, rng.integers((1, 2, 1), 4))
    x = surrounded(rng.standard_normal((n, c, *size)))
    w = surrounded(rng.standard_normal((c * multiplier, 1, kernel, kernel)))
    return rng, x, w, ((stride, stride), padding, dilation, c)


def delta_for(rng, x, w, options):
    axes = zip(x.shape[2:], w.shape[2:], *options[:3], strict=True)
    return surrounded(rng.standard_normal((len(x), len(w), *[output_size(*a) for a in axes])))


def both(name, *arguments):
    found = find(name)(*arguments)
    with kernels("plain"):
        return found, find(name)(*arguments)


@pytest.fixture
def used(monkeypatch):
    """What was called of the two modules."""
    calls = []

    def watch(module, name):
        original = getattr(module, name)

        def watched(*arguments):
            calls.append((module, name))
            return original(*arguments)

        monkeypatch.setattr(module, name, watched)

    watch(depthwise_rows, "conv2d")
    watch(depthwise_places, "conv2d")
    watch(depthwise_places, "conv2d_weight_gradient")
    return calls


@pytest.mark.parametrize("seed", range(200))
def test_forward_equals_plain(seed, used):
    if (case := drawn(seed)) is None:
        return
    rng, x, w, options = case
    f = len(w)
    bias = rng.standard_normal(f).astype("float32")
    after = [(), (None, None, "relu")][seed // 2 % 2]
    if seed % 7 == 3:
        norm = tuple(rng.uniform(0.5, 2, f).astype("float32") for _ in range(3))
        after = norm, None, [None, "relu", "silu"][seed % 3]
    found, expected = both("conv2d", x, w, *options, bias, *after)
    assert used == [([depthwise_places, depthwise_rows][seed % 2], "conv2d")]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(0, 200, 2))
def test_gradients_equal_plain_where_the_size_stays(seed, used):
    if (case := drawn(seed)) is None:
        return
    rng, x, w, options = case
    delta = delta_for(rng, x, w, options)
    found, expected = both("conv2d_input_gradient", delta, w, x.shape[2:], *options)
    assert len(used) == (len(w) == x.shape[1])  # several maps of one channel are another's
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    found, expected = both("conv2d_weight_gradient", delta, x, w.shape[2:], *options)
    assert used[-1] == (depthwise_places, "conv2d_weight_gradient")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_most_of_the_drawn_cases_fit():
    cases = [case for seed in range(200) if (case := drawn(seed)) is not None]
    assert len(cases) > 150
    kinds = {(case[2].shape[2], case[3][0][0]) for case in cases}
    assert kinds == {(3, 1), (3, 2), (5, 1), (5, 2)}


def test_a_number_that_is_not_finite_stays_in_its_windows():
    """What a lane must not see does not come in as 0 · ∞ either."""
    x, w = np.zeros((1, 2, 9, 20), np.float32), np.ones((2, 1, 3, 3), np.float32)
    x[0, 0, 4, 19] = np.inf
    for stride in (1, 2):
        y = find("conv2d")(x, w, (stride, stride), (1, 1), (1, 1), 2)
        with kernels("plain"):
            expected = find("conv2d")(x, w, (stride, stride), (1, 1), (1, 1), 2)
        np.testing.assert_array_equal(y, expected)
        assert np.isfinite(y[0, 1]).all() and np.isinf(y[0, 0]).any()


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_single_channel_that_all_maps_see(kernel, used, rng):
    x, w = rng.standard_normal((5, 1, 13, 21)), rng.standard_normal((6, 1, kernel, kernel))
    x, w = surrounded(x), surrounded(w)
    options = (1, 1), (kernel // 2,) * 2, (1, 1), 1
    found, expected = both("conv2d", x, w, *options, np.ones(6, np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    delta = surrounded(rng.standard_normal(found.shape))
    found, expected = both("conv2d_weight_gradient", delta, x, w.shape[2:], *options)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert used == [(depthwise_places, "conv2d"), (depthwise_places, "conv2d_weight_gradient")]
    found, expected = both("conv2d_input_gradient", delta, w, x.shape[2:], *options)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_what_they_are_for():
    one, two = (1, 1), (2, 2)
    assert depthwise_rows.suits((3, 3), two) and depthwise_rows.suits((5, 5), two)
    assert not depthwise_rows.suits((3, 3), (2, 1)) and not depthwise_rows.suits((3, 5), two)
    assert not depthwise_rows.suits((7, 7), two) and not depthwise_rows.suits((3, 3), one)
    size = 256, 256
    assert depthwise_places.suits(size, (3, 3), one, one, one)
    assert depthwise_places.suits(size, (5, 5), one, (4, 2), (2, 1))
    assert not depthwise_places.suits((257, 256), (3, 3), one, one, one)
    assert not depthwise_places.suits(size, (3, 3), one, (1, 0), one)
    assert not depthwise_places.suits(size, (3, 3), two, one, one)
    assert not depthwise_places.suits(size, (3, 5), one, (1, 2), one)
    assert not depthwise_places.suits(size, (4, 4), one, one, one)
