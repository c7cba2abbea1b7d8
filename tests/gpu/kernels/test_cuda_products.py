"""Products by cuBLAS's stand-in: what is asked of cuBLAS, and linear layers against plain."""

import cublas_on_cpu
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import agree, doubled, drawn, plain

from minicnn.kernels.cuda import products

pytestmark = pytest.mark.usefixtures("emulated")

SIZES = st.integers(0, 5)
LAYOUTS = ("rows", "columns", "gaps", "part", "backwards")


def laid_out(a, layout):
    """The matrices of `a`, in memory as `layout` says."""
    if layout == "columns":
        return np.ascontiguousarray(a.swapaxes(1, 2)).swapaxes(1, 2)
    if layout == "gaps":  # no layout that cuBLAS knows
        return np.repeat(np.repeat(a, 2, 1), 2, 2)[:, ::2, ::2]
    if layout == "backwards":
        return np.ascontiguousarray(a[::-1])[::-1]
    if layout == "part":  # of larger matrices, every second one
        larger = np.zeros((2 * len(a), a.shape[1] + 2, a.shape[2] + 3), a.dtype)
        larger[::2, 1:-1, 2:-1] = a
        return larger[::2, 1:-1, 2:-1]
    return a


@given(
    st.tuples(st.integers(1, 3), SIZES, SIZES, SIZES),
    st.sampled_from(["float16", "float32", "float64"]),
    *[st.sampled_from(LAYOUTS)] * 2,
    st.sampled_from(["both", "a", "b"]),
    st.booleans(),
)
def test_batches_of_views(sizes, dtype, of_a, of_b, batched, accumulate):
    batch, rows, inner, columns = sizes
    a, b, out = drawn(
        0,
        dtype,
        (1 if batched == "b" else batch, rows, inner),
        (1 if batched == "a" else batch, inner, columns),
        (batch, rows, columns),
    )
    exact_a, exact_b, exact = doubled((a, b, out))
    expected = exact_a @ exact_b + (exact if accumulate else 0)
    if not accumulate:
        out[...] = np.nan  # must not be read
    target = laid_out(out, "part")
    found = products.multiply(laid_out(a, of_a), laid_out(b, of_b), target, accumulate)
    assert found is target
    agree(np.ascontiguousarray(found), expected, dtype, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize(
    "shape", [(5, 3, 4), (1, 1, 1), (1, 4, 3), (4, 1, 3), (3, 4, 1), (0, 2, 3)]
)
def test_linear_layers(shape, dtype):
    rows, inner, outer = shape
    x, w, b, delta = drawn(0, dtype, (rows, inner), (outer, inner), (outer,), (rows, outer))
    exact = doubled((x, w, b, delta))
    for bias in (False, True):
        found = products.linear(x, w, b if bias else None)
        agree(found, plain("linear", *exact[:2], exact[2] if bias else None), dtype)
    found = products.linear_input_gradient(delta, w)
    agree(found, plain("linear_input_gradient", exact[3], exact[1]), dtype)
    found = products.linear_weight_gradient(delta, x)
    agree(found, plain("linear_weight_gradient", exact[3], exact[0]), dtype)
    agree(products.matmul(x, w.T), plain("matmul", exact[0], exact[1].T), dtype)


@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (0,), (2, 0)])
def test_equal_batches(batch):
    a, b = drawn(0, "float32", (*batch, 4, 5), (*batch, 5, 2))
    agree(products.matmul(a, b), np.matmul(a, b), "float32")
    a, b = (m.swapaxes(-1, -2) for m in drawn(1, "float32", (*batch, 5, 4), (*batch, 2, 5)))
    agree(products.matmul(a, b), np.matmul(a, b), "float32")


def test_products_of_more_axes_and_fewer():
    a, b = drawn(0, "float32", (2, 1, 3, 4), (5, 4, 2))
    agree(products.matmul(a, b), np.matmul(a, b), "float32")
    agree(products.matmul(a[0, 0], b[0, :, 0]), a[0, 0] @ b[0, :, 0], "float32")
    agree(products.matmul(a[0, 0, 0], b[0]), a[0, 0, 0] @ b[0], "float32")
    agree(products.matmul(a[0, 0], b), a[0, 0] @ b, "float32")
    dot = products.matmul(a[0, 0, 0], b[0, :, 0])
    np.testing.assert_allclose(dot, a[0, 0, 0] @ b[0, :, 0])


def test_no_copies_of_what_cublas_can_read(monkeypatch):
    a, b = drawn(0, "float32", (2, 3, 4), (2, 4, 5))
    for layout in ("rows", "columns", "part"):
        views = laid_out(a, layout), laid_out(b, layout)
        monkeypatch.setattr(products, "array_module", None)
        out = np.empty((2, 3, 5), np.float32)
        agree(products.multiply(*views, out), a @ b, "float32")


def test_tf32_is_off_until_it_is_allowed():
    a, b = drawn(0, "float32", (1, 40, 50), (1, 50, 60))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    errors = {}
    assert not products.tf32_allowed()
    for allowed in (False, True):
        products.allow_tf32(allowed)
        try:
            found = products.multiply(a, b, np.empty((1, 40, 60), np.float32))
        finally:
            products.allow_tf32(False)
        errors[allowed] = abs(found - exact).max() / abs(exact).max()
    assert errors[False] < 1e-6 and 1e-5 < errors[True] < 1e-2


def call(**changed):
    """cuBLAS for a product of 2×2 matrices, with some arguments changed."""
    a, one = np.ones((3, 2, 2), np.float32), np.ones(1, np.float32)
    at, number = a.ctypes.data, one.ctypes.data
    arguments = dict(
        handle=cublas_on_cpu.HANDLE, transa=0, transb=0, m=2, n=2, k=2, alpha=number, A=at,
        Atype=0, lda=2, strideA=0, B=at, Btype=0, ldb=2, strideB=0, beta=number, C=at, Ctype=0,
        ldc=2, strideC=4, batchCount=3, computeType=68, algo=-1,
    )  # fmt: skip
    cublas_on_cpu.gemmStridedBatchedEx(**{**arguments, **changed})


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"lda": 1}, "INVALID_VALUE"),
        ({"transb": 1, "ldb": 1}, "INVALID_VALUE"),
        ({"ldc": 1}, "INVALID_VALUE"),
        ({"Btype": 1}, "NOT_SUPPORTED"),
        ({"computeType": 70}, "NOT_SUPPORTED"),
        ({"handle": 0}, "NOT_INITIALIZED"),
        ({"strideC": 0}, "overlap"),
    ],
)
def test_the_stand_in_refuses_what_cublas_does(changed, words):
    call()
    with pytest.raises(cublas_on_cpu.CUBLASError, match=words):
        call(**changed)


def test_the_stand_in_takes_no_floats():
    with pytest.raises(TypeError, match="integers"):
        call(m=2.0)
