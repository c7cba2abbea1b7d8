"""The tables of cases are plain modules beside the tests; this makes them importable by name."""

import sys
from pathlib import Path

import numba
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def one_thread():
    """Thousands of tiny arrays: several threads would spend their time waiting for each other."""
    torch = pytest.importorskip("torch")
    threads = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    yield
    numba.set_num_threads(threads[0])
    torch.set_num_threads(threads[1])
