"""Linear layers of a few samples, and maps times one number each: equal to NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.kernels import find, kernels
from minicnn.kernels.cpu import linear


@pytest.fixture
def few_weights(monkeypatch):
    """The kernels take small layers, too."""
    monkeypatch.setattr(linear, "LARGE", 1)


def close(found, exact):
    assert found.shape == exact.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, exact, rtol=0, atol=2e-6 * abs(exact).max())


@pytest.mark.parametrize("samples", range(1, linear.FEW + 1))
@pytest.mark.parametrize("sizes", [(1, 1), (7, 5), (33, 13), (2049, 6), (4100, 11)])
@pytest.mark.parametrize("bias", [False, True])
def test_few_samples_equal_the_product(samples, sizes, bias, few_weights, rng, monkeypatch):
    inputs, outputs = sizes
    shapes = (samples, inputs), (outputs, inputs), (outputs,), (samples, outputs)
    x, w, b, delta = (rng.standard_normal(shape) for shape in shapes)
    fx, fw, fb, fd = (a.astype("float32") for a in (x, w, b, delta))
    x, w, b, delta = (a.astype("float64") for a in (fx, fw, fb, fd))
    monkeypatch.setattr(linear, "plain", None)  # none of these is left to the BLAS
    close(find("linear")(fx, fw, fb if bias else None), x @ w.T + (b if bias else 0))
    close(find("linear_input_gradient")(fd, fw), delta @ w)
    close(find("linear_weight_gradient")(fd, fx), delta.T @ x)


def test_many_samples_few_weights_and_other_dtypes_are_the_blas_s(rng):
    for samples, size, dtype in ((linear.FEW + 1, 1100, "f4"), (2, 30, "f4"), (2, 1100, "f8")):
        x, w = (rng.standard_normal(s).astype(dtype) for s in ((samples, size), (size, size)))
        found = find("linear")(x, w, None)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, x @ w.T)
    assert find("linear")(np.ones((0, 1100), "f4"), w.astype("f4"), None).shape == (0, 1100)


def test_layers_use_them(monkeypatch, rng):
    calls = []
    for name in ("_forward", "_input_gradient", "_weight_gradient"):
        kernel = getattr(linear, name)
        watched = lambda *a, name=name, kernel=kernel: (calls.append(name), kernel(*a))  # noqa: E731
        monkeypatch.setattr(linear, name, watched)
    x, w = mc.randn(1, 2, 1024), mc.randn(1024, 1024)
    for t in (x, w):
        t.requires_grad_()
    F.linear(x, w).backward(mc.randn(1, 2, 1024))
    assert calls == ["_forward", "_input_gradient", "_weight_gradient"]


@given(
    st.integers(0, 2**32), st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(1, 40)] * 2),
    st.sampled_from(["float16", "float32", "float64"]), st.booleans(),
)  # fmt: skip
def test_maps_times_numbers(seed, shape, dtype, turned):
    rng = np.random.default_rng(seed)
    x, delta = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    scale = rng.standard_normal((*shape[:2], 1, 1)).astype(dtype)
    if turned:
        x, delta = (np.asfortranarray(a) for a in (x, delta))
    found = find("scale_maps")(x, scale), *find("scale_maps_gradient")(delta, x, scale)
    with kernels("plain"):
        expected = find("scale_maps")(x, scale), *find("scale_maps_gradient")(delta, x, scale)
    tolerance = {"float16": 1e-1, "float32": 1e-4, "float64": 1e-12}[dtype]
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_a_product_with_one_number_a_map_is_that_kernel_s(monkeypatch):
    x, s = mc.randn(2, 3, 4, 5), mc.randn(2, 3, 1, 1)
    delta = mc.randn(2, 3, 4, 5)
    for t in (x, s):
        t.requires_grad_()
    (x * s).backward(delta)
    np.testing.assert_allclose(x.grad.array, delta.array * s.array, rtol=1e-6)
    expected = (delta.array * x.array).sum(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(s.grad.array, expected, rtol=1e-4, atol=1e-5)
    # The other way round, and with one of them only.
    for inputs in ((x, s.detach()), (x.detach(), s)):
        x.grad = s.grad = None
        (inputs[0] * inputs[1]).backward(delta)
        assert (x.grad is None) != (s.grad is None)
    np.testing.assert_allclose(s.grad.array, expected, rtol=1e-4, atol=1e-5)
