"""Sums over places on the GPU, emulated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_checks import agree, drawn, plain

from minicnn.kernels.cuda import places

pytestmark = pytest.mark.usefixtures("emulated")


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data(),
    st.sampled_from(["float32", "float64", "float16"]),
)  # fmt: skip
def test_entries_added_to_places(shape, data, dtype):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = data.draw(st.integers(1, 5))
    where = np.array(data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=8)))
    shape[axis] = len(where)
    (delta,) = drawn(0, dtype, tuple(shape))
    found = places.add_to_places(delta, where, size, axis)
    expected = np.zeros(found.shape)
    np.add.at(np.moveaxis(expected, axis, 0), where, np.moveaxis(delta.astype(float), axis, 0))
    agree(found, expected, dtype, 2)


INDICES = {
    "rows": (np.array([3, 0, 3, -1]),),
    "rows and columns": (np.array([3, 0, 3]), np.array([2, -5, 2])),
    "a slice before": (slice(None), np.array([4, 4, 4, 1])),
    "slices between": (np.array([1, 1]), slice(None, None, 2), np.array([5, 0])),
    "a table": (np.array([[0, 1], [0, 0]]),),
    "a new axis": (None, np.array([2, 2])),
    "all in one place": (np.zeros(300, int), np.zeros(300, int), np.zeros(300, int)),
    "none": (np.zeros(0, int),),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_entries_added_at_an_index(index, dtype):
    (x,) = drawn(0, dtype, (4, 5, 6))
    (delta,) = drawn(1, dtype, x[index].shape)
    found = places.add_at(delta, index, x.shape)
    agree(found, plain("add_at", delta.astype(float), index, x.shape), dtype)
