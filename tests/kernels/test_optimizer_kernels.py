"""SGD in one pass, against its few lines of NumPy."""

import itertools

import numpy as np
import pytest

from minicnn.kernels import find, kernels

OPTIONS = list(itertools.product((0, 0.9), (0, 0.3), (0, 0.01), (False, True), (False, True)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (5,), (3, 4, 5), (70_001,)])
def test_fast_equals_plain(shape, dtype):
    rng = np.random.default_rng(0)
    for momentum, dampening, decay, nesterov, maximize in OPTIONS:
        p, g, v = (np.asarray(rng.standard_normal(shape)).astype(dtype) for _ in range(3))
        found = []
        for variant in ("cpu", "plain"):
            arrays = p.copy(), g.copy(), v.copy() if momentum else None
            with kernels(variant):
                find("sgd_update")(*arrays, 0.1, momentum, dampening, decay, nesterov, maximize)
            found.append(arrays)
        for a, b in zip(*found, strict=True):
            if a is not None:
                np.testing.assert_allclose(a, b, rtol=2e-6, atol=2e-6)
        assert not np.array_equal(found[0][0], p)
        assert np.array_equal(found[0][1], g)


def test_memory_with_gaps_and_half_precision():
    rng = np.random.default_rng(0)
    for make in (lambda a: a[::2], lambda a: a.astype(np.float16)):
        p, g = (make(rng.standard_normal(40)) for _ in range(2))
        expected = p - 0.5 * g
        find("sgd_update")(p, g, None, 0.5, 0, 0, 0, False, False)
        np.testing.assert_allclose(p, expected, rtol=1e-2 if p.dtype == np.float16 else 1e-12)
