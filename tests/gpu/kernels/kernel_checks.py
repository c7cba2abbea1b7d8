"""What the tests of the GPU kernels share: arrays, and the comparison with the plain kernels."""

import numpy as np

from minicnn.kernels import find, kernels

TOLERANCE = {"float16": 3e-3, "float32": 2e-5, "float64": 1e-12}


def drawn(seed, dtype, *shapes):
    """Standard normal arrays, the same for the same seed."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def plain(name, *arguments, **named):
    """The kernel `name` as a few lines of NumPy."""
    with kernels("plain"), np.errstate(all="ignore"):
        return find(name)(*arguments, **named)


def doubled(arguments):
    """float16 and float32 arrays as float64: what the exact result is reckoned from."""
    return [
        a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for a in arguments
    ]


def agree(found, expected, dtype, factor=1.0):
    """Equal to the digits of `dtype`, measured by the largest entry."""
    assert found.shape == expected.shape
    assert found.dtype == np.dtype(dtype)
    finite = expected[np.isfinite(expected)]
    scale = max(1.0, float(abs(finite).max(initial=0)))
    bound = factor * TOLERANCE[np.dtype(dtype).name]
    np.testing.assert_allclose(found, expected, rtol=bound, atol=bound * scale)
