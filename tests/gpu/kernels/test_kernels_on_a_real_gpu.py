"""Every kernel on a real GPU, beside its emulation; `pytest -m gpu tests/gpu`."""

import kernel_runs
import numpy as np
import pytest
from cuda_on_cpu import missing
from emulated_launches import emulated_launches
from kernel_checks import TOLERANCE

import minicnn as mc

pytestmark = pytest.mark.gpu

# Random numbers are the same to the last bit; sums are added up in another order, and products of
# float16 by cuBLAS are not NumPy's.
FACTOR = {"float16": 5, "float32": 5, "float64": 5}


def on_the_gpu(run, dtype, patch):
    cupy = pytest.importorskip("cupy")
    patch.setattr(kernel_runs, "put", cupy.asarray)
    return [a.get() for a in kernel_runs.results(run, dtype, patch)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("run", kernel_runs.RUNS)
def test_kernels(run, dtype, monkeypatch):
    assert mc.cuda.is_available(), "these tests were asked for, and there is no GPU"
    with monkeypatch.context() as patch:
        found, again = (on_the_gpu(run, dtype, patch) for _ in range(2))
    for a, b in zip(found, again, strict=True):
        np.testing.assert_array_equal(a, b)  # the same bits again
    if missing():
        pytest.skip(missing())
    with emulated_launches(), monkeypatch.context() as patch:
        expected = kernel_runs.results(run, dtype, patch)
    bound = FACTOR[dtype] * TOLERANCE[dtype]
    for a, b in zip(found, expected, strict=True):
        scale = max(1.0, float(abs(b[np.isfinite(b)]).max(initial=0)))
        np.testing.assert_allclose(a, b, rtol=bound, atol=bound * scale)
