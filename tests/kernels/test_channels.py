"""The kernels of batch normalisation, against NumPy in float64."""

import numpy as np
import pytest

from minicnn.kernels import find, kernels

SHAPES = [(3, 4, 35), (1, 1, 1), (8, 3, 1), (2, 70, 100), (5, 2, 16), (0, 3, 4), (3, 2, 0)]


def drawn(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for _ in range(2)]
    numbers = [rng.standard_normal(shape[1]) for _ in range(5)]
    return [a.astype(dtype) for a in (*arrays, *numbers)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fast_equals_plain(shape, dtype):
    x, delta, mean, inverse, gamma, beta, scale = drawn(shape, dtype)

    def run():
        normalized, y = find("channel_normalize")(x, mean, inverse, gamma, beta)
        return (
            *find("channel_moments")(x), normalized, y, *find("channel_sums")(delta, normalized),
            find("channel_gradient")(delta, normalized, scale, mean, beta),
        )  # fmt: skip

    fast = run()
    with kernels("plain"):
        plain = run()
    tolerance = 2e-6 if dtype == np.float32 else 1e-13
    for a, b in zip(fast, plain, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max(initial=1))


def test_a_large_mean_costs_no_digits():
    x = (np.random.default_rng(0).standard_normal((4, 2, 1000)) + 10_000).astype(np.float32)
    _, var = find("channel_moments")(x)
    np.testing.assert_allclose(var, x.astype(float).var(axis=(0, 2)), rtol=1e-5)


def test_memory_in_another_order():
    x, _, *numbers = drawn((3, 4, 35), np.float32)
    for turned in (x[::-1, :, ::-1], np.asfortranarray(x)):
        straight = np.ascontiguousarray(turned)
        for name, given in (("channel_moments", ()), ("channel_normalize", numbers[:4])):
            for a, b in zip(find(name)(turned, *given), find(name)(straight, *given), strict=True):
                assert np.array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 7, 2), (2, 70, 9, 40), (0, 3, 2, 2)])
def test_bias_gradient_sums_over_images_and_places(shape, dtype, rng):
    delta = rng.standard_normal(shape).astype(dtype)
    found = find("bias_gradient")(delta[:, ::-1])
    exact = delta[:, ::-1].astype("float64").sum((0, 2, 3))
    assert (found.dtype, found.shape) == (dtype, (shape[1],))
    bound = {"float16": 0.05, "float32": 1e-6, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(found, exact, rtol=bound, atol=bound)
