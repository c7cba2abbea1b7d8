"""The kernels of images: Numba's equal the plain ones, which tests/data compares with PyTorch's."""

import numpy as np
import pytest

from minicnn.data.transforms.interpolation import InterpolationMode
from minicnn.data.transforms.resizing import taps
from minicnn.kernels import find, kernels

DTYPES = ["uint8", "float32", "float64"]


def drawn(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, shape, "uint8") if dtype == "uint8" else rng.random(shape, dtype)


def both(name, *arguments):
    fast = find(name)(*arguments)
    with kernels("plain"):
        plain = find(name)(*arguments)
    assert (fast.dtype, fast.shape) == (plain.dtype, plain.shape)
    return fast.astype(float), plain.astype(float)


def agree(fast, plain, dtype):
    if dtype == "uint8":  # halves are rounded up or to even numbers
        assert np.abs(fast - plain).max() <= 1 and (fast != plain).mean() < 0.02
    else:
        tolerance = 1e-6 if dtype == "float32" else 1e-14
        np.testing.assert_allclose(fast, plain, rtol=tolerance, atol=tolerance)


def number(dtype):
    return np.float64 if dtype == "float64" else np.float32


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(1, 23, 31, 3), (4, 23, 31, 1), (2, 1, 5, 2), (0, 5, 4, 1), (1, 9, 10, 100)]
)
@pytest.mark.parametrize("size", [(7, 11), (40, 50), (1, 1), (130, 3)])
def test_resample(dtype, shape, size):
    rows, columns = (
        taps(old, new, InterpolationMode.BICUBIC, True, number(dtype))
        for old, new in zip(shape[1:3], size, strict=True)
    )
    x = drawn(shape, dtype)
    fast, plain = both("resample", x, rows, columns)
    if len(x):
        agree(fast, plain, dtype)
        # A part of the image: places that begin elsewhere, memory in another order.
        wide = np.asfortranarray(np.pad(x, [(0, 0), (2, 3), (4, 1), (0, 0)], mode="wrap"))
        moved = (rows[0] + 2, rows[1]), (columns[0] + 4, columns[1])
        np.testing.assert_array_equal(find("resample")(wide, *moved), fast)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 23, 31, 3), (4, 23, 31, 1)])
@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize("filled", [False, True])
def test_warp(dtype, shape, nearest, filled):
    rows, columns = np.mgrid[:20, :30].astype(number(dtype))
    across, down = 1.1 * columns + 0.3 * rows - 6, 0.9 * rows - 0.2 * columns + 2
    across[0, 0], down[1, 1], across[2, 2] = np.nan, np.inf, 1e30
    fill = None
    if filled:
        fill = drawn((shape[0], shape[3]), dtype, 1).astype(number(dtype))
    agree(*both("warp", drawn(shape, dtype), across, down, nearest, fill), dtype)


@pytest.mark.parametrize("dtype", [*DTYPES, "int64", "bool"])
@pytest.mark.parametrize("shape", [(6, 1, 1), (5, 70, 1), (5, 71, 3), (4, 8, 2), (0, 3, 3)])
def test_mirror(dtype, shape):
    x = drawn(shape, "uint8").astype(dtype)
    fast, plain = both("mirror", x)
    np.testing.assert_array_equal(fast, plain)
    np.testing.assert_array_equal(fast, x[:, ::-1])
    turned = x[::-1, ::-1]
    np.testing.assert_array_equal(find("mirror")(turned), turned[:, ::-1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_colours(dtype):
    x, high = drawn((2, 3, 500), dtype), 255 if dtype == "uint8" else 1
    x[:, 1, :50] = x[:, 0, :50]  # ties: two channels, and all three, are the largest
    x[:, 2, :20] = x[:, 0, :20]
    x[:, :, 20:25] = 0
    kind = number(dtype)
    weights = np.array([0.2989, 0.587, 0.114], kind)
    fast, grey = both("luma", x, weights)
    np.testing.assert_array_equal(fast, grey)
    grey = grey.astype(dtype)
    for other in (grey, np.array([[0.0], [0.4 * high]], kind)):
        for factor in (0, 0.5, 1.7):
            fast, plain = both("blend", x, other, kind(factor), high)
            np.testing.assert_array_equal(fast, plain)
    for shift in (-0.5, -0.13, 0, 0.31):
        fast, plain = both("shift_hue", x, shift, high)
        assert np.abs(fast - plain).max() <= (1 if high == 255 else 1e-6)
        if high == 1 and shift == 0:
            np.testing.assert_allclose(fast, x, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalize_channels(dtype):
    x = drawn((2, 3, 500), dtype)
    mean, std = drawn((2, 3), dtype, 1)
    np.testing.assert_array_equal(*both("normalize_channels", x, mean, std))


def test_nan_stays():
    x = np.ones((1, 8, 8, 1), np.float32)
    x[0, 3, 3] = np.nan
    table = taps(8, 4, InterpolationMode.BILINEAR, True, np.float32)
    fast, plain = both("resample", x, table, table)
    for found in (fast, plain):
        assert np.isnan(found[0, 1, 1, 0]) and not np.isnan(found).all()
