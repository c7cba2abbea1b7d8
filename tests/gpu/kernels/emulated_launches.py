"""minicnn's launches and products, led to the emulation."""

from contextlib import contextmanager
from types import SimpleNamespace

import cublas_on_cpu
import cuda_on_cpu
import pytest

from minicnn.kernels.cuda import launching

# What the launchers use of the module `cupy`.
CUPY = SimpleNamespace(
    RawModule=cuda_on_cpu.EmulatedModule,
    cuda=SimpleNamespace(cublas=cublas_on_cpu, get_cublas_handle=cublas_on_cpu.get_cublas_handle),
)


@contextmanager
def emulated_launches():
    """Inside, kernels run here, on NumPy's arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launching, "cupy", lambda: CUPY)
        patch.setattr(launching, "address", lambda array: array.ctypes.data)
        yield
