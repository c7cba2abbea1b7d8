"""The direct kernels of depthwise convolution, against the matrix products of `plain`."""

import numpy as np
import pytest

from minicnn.kernels import find, kernels
from minicnn.shapes import effective_kernel

NAMES = ("conv2d", "conv2d_input_gradient", "conv2d_weight_gradient")


def drawn(seed):
    """x, w, the three pairs of options, and the number of groups; or None where nothing fits."""
    rng = np.random.default_rng(seed)
    n, c, multiplier = rng.integers(1, 4, 3)
    kernel, stride, dilation = (rng.integers(1, high, 2) for high in (5, 4, 4))
    padding, size = rng.integers(0, 4, 2), rng.integers(1, 40, 2)
    if (effective_kernel(kernel, dilation) > size + 2 * padding).any():
        return None
    dtype = [np.float32, np.float64][seed % 2]
    x = rng.standard_normal((n, c, *size)).astype(dtype)
    w = rng.standard_normal((c * multiplier, 1, *kernel)).astype(dtype)
    if seed % 3 == 0:  # memory in another order
        x, w = x[:, :, ::-1, ::-1], w[:, :, :, ::-1]
    return x, w, [tuple(map(int, o)) for o in (stride, padding, dilation)], int(c)


@pytest.mark.parametrize("seed", range(200))
def test_direct_equals_plain(seed):
    if (case := drawn(seed)) is None:
        return
    x, w, options, groups = case
    kernel, size = w.shape[2:], x.shape[2:]

    def run():
        y = find("conv2d")(x, w, *options, groups)
        delta = np.random.default_rng(seed).standard_normal(y.shape).astype(x.dtype)
        dx = find("conv2d_input_gradient")(delta, w, size, *options, groups)
        dw = find("conv2d_weight_gradient")(delta, x, kernel, *options, groups)
        return y, dx, dw

    fast = run()
    with kernels("plain"):
        plain = run()
    tolerance = 2e-5 if x.dtype == np.float32 else 1e-13
    for name, a, b in zip(NAMES, fast, plain, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), name
        scale = np.abs(b).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale, err_msg=name)


def test_most_of_the_drawn_cases_fit():
    assert sum(drawn(seed) is not None for seed in range(200)) > 150


def test_half_precision_goes_through_float32():
    x, w = np.ones((1, 2, 4, 4), np.float16), np.full((2, 1, 3, 3), 0.5, np.float16)
    y = find("conv2d")(x, w, (1, 1), (0, 0), (1, 1), 2)
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y, np.full((1, 2, 2, 2), 4.5))


def test_an_empty_batch():
    y = find("conv2d")(np.ones((0, 3, 5, 5)), np.ones((3, 1, 3, 3)), (1, 1), (1, 1), (1, 1), 3)
    assert y.shape == (0, 3, 5, 5)


@pytest.mark.parametrize("shape", [(21, 3, 20, 20), (70, 2, 9, 8), (2, 50, 6, 7), (1, 9, 70, 66)])
@pytest.mark.parametrize("stride", [1, 2])
def test_many_samples_or_many_maps(shape, stride):
    """More samples than are summed at a time, more planes than pieces, planes larger than both."""
    rng = np.random.default_rng(shape[0])
    x = rng.standard_normal(shape).astype("float32")
    w = rng.standard_normal((shape[1], 1, 3, 5)).astype("float32")
    options = (stride, stride), (1, 2), (1, 1)

    def run():
        y = find("conv2d")(x, w, *options, shape[1])
        delta = np.random.default_rng(1).standard_normal(y.shape).astype("float32")
        dx = find("conv2d_input_gradient")(delta, w, shape[2:], *options, shape[1])
        return y, dx, find("conv2d_weight_gradient")(delta, x, (3, 5), *options, shape[1])

    fast = run()
    with kernels("plain"):
        plain = run()
    for a, b in zip(fast, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=3e-5 * np.abs(b).max())
