"""The kernels for the GPU, run on the CPU: by g++ instead of NVRTC, by NumPy instead of cuBLAS.

Arrays stay NumPy's here: the launchers treat them as they treat CuPy's.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "emulation")]


@pytest.fixture(scope="session")
def runnable():
    """Kernels can be run here."""
    from cuda_on_cpu import missing

    if missing():
        pytest.skip(missing())


@pytest.fixture(scope="module")
def emulated(runnable):
    """Launches go to the emulation while the tests of a module run."""
    from emulated_launches import emulated_launches

    with emulated_launches():
        yield
