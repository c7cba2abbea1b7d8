"""Max pooling, a row of windows at a time: equal to the plain kernel and to PyTorch, bit by bit."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import pooling


def random_case(rng):
    """(x's shape, kernel, stride, padding, dilation, ceil_mode); each window has pixels."""
    while True:
        kernel = tuple(rng.integers(1, 5, 2))
        stride = tuple(rng.integers(1, 5, 2))
        dilation = tuple(rng.integers(1, 4, 2)) if rng.integers(2) else (1, 1)
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        size = tuple(rng.integers(1, 45, 2))
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        # From a size as large as the entries' distance on no window lies in the padding alone.
        if all(
            n + 2 * p >= r and n >= d
            for n, p, r, d in zip(size, padding, reach, dilation, strict=True)
        ):
            shape = (*rng.integers(1, 4, 2), *size)
            return tuple(map(int, shape)), kernel, stride, padding, dilation, bool(rng.integers(2))


def filled(rng, shape, kind):
    x = rng.standard_normal(shape).astype(np.float32)
    if kind == "ties":
        x = rng.integers(-1, 2, shape).astype(np.float32)  # −0.0 too
        x *= rng.choice([-1, 1], shape)
    if kind == "not finite":
        x[rng.random(shape) < 0.15] = np.nan
        x[rng.random(shape) < 0.15] = -np.inf
        x[rng.random(shape) < 0.15] = np.inf
    if kind == "lowest":
        x[:] = -np.inf
    return x


def pooled(x, case, delta_seed=0):
    """y, the places and ∂L/∂x, through minicnn."""
    _, kernel, stride, padding, dilation, ceil = case
    t = mc.tensor(x, requires_grad=True)
    y, places = F.max_pool2d(t, kernel, stride, padding, dilation, ceil, return_indices=True)
    delta = np.random.default_rng(delta_seed).standard_normal(y.shape).astype(x.dtype)
    y.backward(mc.tensor(delta))
    return y.detach().numpy(), places.numpy(), t.grad.numpy(), delta


KINDS = ["drawn", "ties", "not finite", "lowest"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_fast_equals_plain(kind, dtype):
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(40):
        case = random_case(rng)
        x = filled(rng, case[0], kind).astype(dtype)
        found = pooled(x, case)
        with kernels("plain"):
            expected = pooled(x, case)
        for a, b in zip(found[:2], expected[:2], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        tolerance = 1e-2 if dtype == np.float16 else 1e-5
        np.testing.assert_allclose(found[2], expected[2], rtol=tolerance, atol=tolerance)


@pytest.mark.parity
@pytest.mark.parametrize("kind", KINDS)
def test_equals_pytorchs(kind):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(10 + KINDS.index(kind))
    for _ in range(40):
        case = random_case(rng)
        x = filled(rng, case[0], kind)
        y, places, dx, delta = pooled(x, case)
        t = torch.tensor(x, requires_grad=True)
        options = [tuple(map(int, o)) for o in case[1:5]]
        expected, expected_places = torch.nn.functional.max_pool2d(
            t, *options, case[5], return_indices=True
        )
        expected.backward(torch.tensor(delta))
        np.testing.assert_array_equal(y, expected.detach().numpy())
        np.testing.assert_array_equal(places, expected_places.numpy())
        np.testing.assert_allclose(dx, t.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("width", range(1, 36))
@pytest.mark.parametrize("step", [1, 2, 3])
def test_rows_of_every_length(width, step, rng):
    """Whatever a vector of windows leaves over."""
    x = rng.standard_normal((1, 2, 3, width)).astype(np.float32)
    out = (2, (width + 2 - 3) // step + 1)
    arguments = (2, 3), (1, step), (0, 1), (1, 1), out
    with kernels("plain"):
        expected = find("max_pool2d")(x, *arguments)
    for a, b in zip(find("max_pool2d")(x, *arguments), expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", pooling._ROWS)
def test_rows_of_vectors_equal_plain(kind, window, rng):
    kernel, step = window
    for width in range(1, 42):
        padding = (int(rng.integers(0, 2)), int(rng.integers(0, 2)))
        size = int(rng.integers(2, 9)), width
        case = (2, 3, *size), kernel, (int(rng.integers(1, 4)), step), padding, (1, 1), width % 2
        if min(n + 2 * p - k for n, p, k in zip(size, padding, kernel, strict=True)) < 0:
            continue
        x = filled(rng, case[0], kind)
        found = pooled(x, (*case[:5], bool(case[5])))
        with kernels("plain"):
            expected = pooled(x, (*case[:5], bool(case[5])))
        for a, b in zip(found[:2], expected[:2], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(found[2], expected[2], rtol=1e-5, atol=1e-6)


def test_memory_in_another_order(rng):
    x = rng.standard_normal((2, 3, 9, 10)).astype(np.float32)
    arguments = (3, 3), (2, 2), (1, 1), (1, 1), (5, 5)
    expected = find("max_pool2d")(x, *arguments)
    for other in (np.asfortranarray(x), np.repeat(x, 2, -1)[..., ::2], x[:, ::-1].copy()[:, ::-1]):
        for a, b in zip(find("max_pool2d")(other, *arguments), expected, strict=True):
            np.testing.assert_array_equal(a, b)
    delta = rng.standard_normal((2, 3, 5, 5)).astype(np.float32)
    dx = find("max_pool2d_gradient")(delta, expected[1], (9, 10))
    found = find("max_pool2d_gradient")(np.asfortranarray(delta), expected[1], (9, 10))
    np.testing.assert_array_equal(found, dx)


def test_no_images():
    x = mc.zeros(0, 3, 8, 8, requires_grad=True)
    y = F.max_pool2d(x, 2)
    y.backward(mc.zeros(0, 3, 4, 4))
    assert y.shape == (0, 3, 4, 4) and x.grad.shape == x.shape


def test_the_first_of_equals_and_the_last_nan():
    x = np.float32([[[[1, 1, 1, 1], [1, 1, np.nan, np.nan]]]])
    y, places = find("max_pool2d")(x, (2, 2), (2, 2), (0, 0), (1, 1), (1, 2))
    assert places.tolist() == [[[[0, 7]]]] and y[0, 0, 0, 0] == 1 and np.isnan(y[0, 0, 0, 1])


@pytest.mark.parametrize("variant", ["cpu", "plain"])
@pytest.mark.parametrize("height", [1, 2])
def test_a_window_without_pixels_sends_its_gradient_nowhere(variant, height):
    """Entries `height` + 1 apart, one row of padding: they reach over the image on both sides.

    `F.max_pool2d` refuses this; a kernel must not write beside its arrays all the same.
    """
    x = np.ones((2, 3, height, 5), np.float32)
    with kernels(variant):
        y, places = find("max_pool2d")(x, (2, 1), (1, 1), (1, 0), (height + 1, 1), (1, 5))
        assert (y == -np.inf).all() and (places == -1).all()
        dx = find("max_pool2d_gradient")(np.ones_like(y), places, (height, 5))
    assert dx.shape == x.shape and (dx == 0).all()
