"""Softmax and the cross-entropy on the GPU, emulated, against plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import agree, doubled, drawn, plain

from minicnn.kernels.cuda import losses

pytestmark = pytest.mark.usefixtures("emulated")

DTYPES = ["float32", "float64", "float16"]


@given(
    st.lists(st.integers(0, 4), max_size=3), st.sampled_from([1, 3, 32, 33, 300]),
    st.integers(0, 3), st.sampled_from(DTYPES), st.booleans(),
)  # fmt: skip
def test_softmax(shape, classes, place, dtype, negative):
    dim = min(place, len(shape))
    shape = (*shape[:dim], classes, *shape[dim:])
    z, delta = drawn(0, dtype, shape, shape)
    z *= 5
    along = dim - len(shape) if negative else dim
    for name in ("softmax", "log_softmax"):
        y = getattr(losses, name)(z, along)
        agree(y, plain(name, *doubled((z,)), dim), dtype)
        found = getattr(losses, f"{name}_gradient")(delta, y, along)
        agree(found, plain(f"{name}_gradient", *doubled((delta, y)), dim), dtype, 5)


@pytest.mark.parametrize("classes", [4, 40])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_values_at_the_edge(name, classes):
    """Large ones do not overflow; infinities and NaN give what they give on the CPU."""
    rows = np.zeros((6, classes), np.float32)
    rows[0, 1:3] = 1e30, -1e30
    rows[1] = -1000
    rows[2, classes - 1] = np.inf
    rows[3, 0] = -np.inf
    rows[4] = -np.inf
    rows[5, classes - 2] = np.nan
    found = getattr(losses, name)(rows, 1)
    np.testing.assert_allclose(found, plain(name, rows, 1), rtol=1e-5)
    assert np.isnan(found[5]).all() and np.isfinite(found[1]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 4), (2, 50, 3), (2, 3, 4, 5), (0, 4), (3, 4, 0)])
def test_cross_entropy(shape, dtype):
    rng = np.random.default_rng(0)
    rest = shape[:1] + shape[2:]
    target = rng.integers(0, shape[1], rest)
    y, share = drawn(0, dtype, shape, rest)
    np.testing.assert_array_equal(losses.pick_classes(y, target), plain("pick_classes", y, target))
    found = losses.cross_entropy_gradient(y, target, share)
    agree(found, plain("cross_entropy_gradient", *doubled((y, target, share))), dtype)


def test_memory_in_another_order():
    y, delta = drawn(0, "float32", (4, 3, 5), (4, 3, 5))
    turned = np.asfortranarray(y)
    np.testing.assert_array_equal(losses.softmax(turned, 1), losses.softmax(y, 1))
    np.testing.assert_array_equal(
        losses.softmax_gradient(np.repeat(delta, 2, 2)[..., ::2], turned, 2),
        losses.softmax_gradient(delta, y, 2),
    )


def test_a_target_out_of_range_touches_no_other_memory():
    """In a CUDA graph nobody has looked at it before."""
    y = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(losses.pick_classes(y, np.array([3, -1])), [0, 0])
    np.testing.assert_array_equal(losses.pick_classes(y, np.array([2**40, 2])), [0, 1])


def test_a_single_number():
    z = np.array(3.0, np.float32)
    assert losses.softmax(z, 0).shape == () and losses.softmax(z, 0) == 1
    assert losses.log_softmax_gradient(z, z * 0, 0) == 0
