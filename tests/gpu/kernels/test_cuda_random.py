"""Random numbers on the GPU, emulated: those of NumPy's version, bit for bit."""

import numpy as np
import pytest

from minicnn.kernels.cuda import random
from minicnn.kernels.plain_random import GAMMA, random_bits, random_uniform

pytestmark = pytest.mark.usefixtures("emulated")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("start", [0, 5, 2**63 + 11, 2**64 - 1])
@pytest.mark.parametrize("shape", [(), (0,), (1000,), (3, 7, 50)])
def test_the_same_numbers(dtype, start, shape):
    expected = np.empty(shape, dtype)
    with np.errstate(over="ignore"):
        random_uniform(expected, np.uint64(start))
    for place in (np.uint64(start), np.array(start, np.uint64)):
        found = np.full(shape, np.nan, dtype)
        random.random_uniform(found, place)
        np.testing.assert_array_equal(found, expected)
        assert not found.size or (found.min() >= 0 and found.max() < 1)


def test_a_stream_goes_on():
    whole, parts = np.empty(10, "float32"), np.empty(10, "float32")
    random.random_uniform(whole, np.uint64(3))
    random.random_uniform(parts[:4], np.uint64(3))
    random.random_uniform(parts[4:], np.uint64((3 + 4 * GAMMA) % 2**64))
    np.testing.assert_array_equal(whole, parts)


def test_all_bits_of_the_dtype_are_used():
    numbers = np.empty(2000)
    random.random_uniform(numbers, np.uint64(1))
    assert len(set((numbers * 2.0**53 % 2).tolist())) == 2 and len(set(numbers.tolist())) == 2000
    assert random_bits(np, np.uint64(1234567 + GAMMA), 1)[0] == 6457827717110365317
