"""Pooling on the GPU, emulated, against plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import agree, doubled, drawn, plain

from minicnn.kernels.cuda import launching, maps, pooling
from minicnn.shapes import output_size

pytestmark = pytest.mark.usefixtures("emulated")

DTYPES = st.sampled_from(["float32", "float64", "float16"])


@st.composite
def windows(draw):
    """Images and a window of pooling: its padding is at most half of it."""
    shape = (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
    size, kernel, stride, padding, dilation, out = [], [], [], [], [], []
    ceil_mode, dilated = draw(st.booleans()), draw(st.booleans())
    for _ in range(2):
        k, s = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        p, d = draw(st.integers(0, k // 2)), draw(st.integers(1, 3)) if dilated else 1
        n = draw(st.integers(max(1, (k - 1) * d + 1 - 2 * p), 12))
        for chosen, value in zip(
            (size, kernel, stride, padding, dilation), (n, k, s, p, d), strict=True
        ):
            chosen.append(value)
        out.append(output_size(n, k, s, p, d, ceil_mode))
    return (*shape, *size), *(tuple(v) for v in (kernel, stride, padding, dilation, out))


def with_ties(seed, dtype, shape):
    """Few different values, so that maxima are equal; some NaN and infinite."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, shape).astype(dtype)
    x[rng.random(shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf])
    return x


@given(windows(), DTYPES, st.booleans(), st.integers(0, 99))
def test_max_pooling(window, dtype, ties, seed):
    shape, *options = window
    x = with_ties(seed, dtype, shape) if ties else drawn(seed, dtype, shape)[0]
    y, argmax = pooling.max_pool2d(x, *options)
    expected, places = plain("max_pool2d", x, *options)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, places)
    assert y.dtype == x.dtype and argmax.dtype == np.int64
    (delta,) = drawn(seed, dtype, y.shape)
    dx = pooling.max_pool2d_gradient(delta, argmax, shape[2:])
    expected = plain("max_pool2d_gradient", delta.astype(np.float64), places, shape[2:])
    agree(dx, expected, dtype, 3)


@pytest.mark.parametrize("windows", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("pixels", [1, 2, 64, 300])
def test_many_maxima_in_one_place(windows, pixels):
    """As many windows as they like share a maximum, in one round of the block or in several."""
    rng = np.random.default_rng(windows)
    argmax = rng.integers(0, pixels, (2, 3, 1, windows))
    (delta,) = drawn(0, "float64", argmax.shape)
    found = pooling.max_pool2d_gradient(delta, argmax, (1, pixels))
    agree(found, plain("max_pool2d_gradient", delta, argmax, (1, pixels)), "float64", 100)


@given(windows(), DTYPES, st.integers(0, 99))
def test_mean_pooling(window, dtype, seed):
    shape, kernel, stride, padding, _, _ = window
    out = tuple(
        output_size(n, k, s, p, ceil_mode=seed % 2)
        for n, k, s, p in zip(shape[2:], kernel, stride, padding, strict=True)
    )
    options = kernel, stride, padding
    rng = np.random.default_rng(seed)
    x, delta = drawn(seed, dtype, shape, (*shape[:2], *out))
    divisors = rng.integers(1, 9, out).astype(dtype)
    exact = divisors.astype(np.float64)
    expected = plain("avg_pool2d", x.astype(np.float64), *options, exact)
    agree(pooling.avg_pool2d(x, *options, divisors), expected, dtype)
    found = pooling.avg_pool2d_gradient(delta, shape[2:], *options, divisors)
    expected = plain("avg_pool2d_gradient", delta.astype(np.float64), shape[2:], *options, exact)
    agree(found, expected, dtype)


SIZES = st.tuples(*[st.integers(1, 11)] * 2)


@given(st.tuples(st.integers(0, 3), st.integers(1, 3)), SIZES, SIZES, DTYPES, st.booleans())
def test_adaptive_pooling(start, size, out, dtype, ties):
    x, delta = drawn(0, dtype, (*start, *size), (*start, *out))
    mean = plain("adaptive_avg_pool2d", x.astype(np.float64), out)
    agree(pooling.adaptive_avg_pool2d(x, out), mean, dtype)
    expected = plain("adaptive_avg_pool2d_gradient", delta.astype(np.float64), size)
    agree(pooling.adaptive_avg_pool2d_gradient(delta, size), expected, dtype)
    if ties:
        x = with_ties(1, dtype, x.shape)
    y, argmax = pooling.adaptive_max_pool2d(x, out)
    expected, places = plain("adaptive_max_pool2d", x, out)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(argmax, places)


@given(st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(1, 20)] * 2), DTYPES)
def test_one_number_for_each_map(shape, dtype):
    x, delta, scale = drawn(0, dtype, shape, shape, (*shape[:2], 1, 1))
    exact = doubled((x, delta, scale))
    agree(maps.map_means(x), exact[0].mean((2, 3), keepdims=True), dtype)
    agree(maps.scale_maps(x, scale), plain("scale_maps", exact[0], exact[2]), dtype)
    found = maps.scale_maps_gradient(delta, x, scale)
    expected = plain("scale_maps_gradient", exact[1], exact[0], exact[2])
    for a, b in zip(found, expected, strict=True):
        agree(a, b, dtype)


def test_memory_in_another_order():
    (x,) = drawn(0, "float32", (2, 3, 6, 8))
    window = (2, 3), (1, 2), (1, 1), (1, 1), (7, 4)
    for other in (np.asfortranarray(x), np.repeat(x, 2, 2)[:, :, ::2]):
        for a, b in zip(
            pooling.max_pool2d(other, *window), pooling.max_pool2d(x, *window), strict=True
        ):
            np.testing.assert_array_equal(a, b)
        a, b = (pooling.adaptive_avg_pool2d(v, (1, 1)) for v in (other, x))
        np.testing.assert_array_equal(a, b)


def test_adaptive_windows_whose_products_need_64_bits():
    """65,535 · 65,537 is beyond 2³¹, no index is."""
    x = np.zeros((1, 1, 1, 70_001), np.float32)
    x[..., -1] = 1
    y, argmax = pooling.adaptive_max_pool2d(x, (1, 60_000))
    assert y.sum() == 1 and argmax[0, 0, 0, -1] == 70_000
    delta = np.ones((1, 1, 1, 60_000), np.float32)
    dx = pooling.adaptive_avg_pool2d_gradient(delta, (1, 70_001))
    assert dx.min() > 0 and abs(dx.sum() - 60_000) < 1


def test_more_maps_than_blocks(monkeypatch):
    monkeypatch.setattr(pooling, "min", lambda *_: 2, raising=False)
    monkeypatch.setattr(maps, "min", lambda *_: 2, raising=False)
    x, delta, scale = drawn(0, "float32", (3, 3, 4, 5), (3, 3, 3, 4), (3, 3, 1, 1))
    window = (2, 2), (1, 1), (0, 0), (1, 1), (3, 4)
    _, argmax = pooling.max_pool2d(x, *window)
    found = pooling.max_pool2d_gradient(delta, argmax, (4, 5))
    agree(found, plain("max_pool2d_gradient", delta, argmax, (4, 5)), "float32")
    agree(maps.map_means(x), x.mean((2, 3), keepdims=True), "float32")
    for a, b in zip(
        maps.scale_maps_gradient(x, x + 1, scale),
        plain("scale_maps_gradient", x, x + 1, scale),
        strict=True,
    ):
        agree(a, b, "float32")


def test_indices_of_64_bits(monkeypatch):
    x, delta = drawn(0, "float32", (2, 3, 5, 6), (2, 3, 4, 5))
    window = (2, 2), (1, 1), (0, 0), (1, 1), (4, 5)

    def results():
        y, argmax = pooling.max_pool2d(x, *window)
        yield y
        yield pooling.max_pool2d_gradient(delta, argmax, (5, 6))
        yield pooling.adaptive_avg_pool2d(x, (2, 4))
        yield pooling.adaptive_avg_pool2d_gradient(delta, (5, 6))

    narrow = list(results())
    monkeypatch.setattr(launching, "NARROW", 0)
    for a, b in zip(results(), narrow, strict=True):
        np.testing.assert_array_equal(a, b)
