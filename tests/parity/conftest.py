"""The tables of cases are plain modules beside the tests; this makes them importable by name."""

import sys
from pathlib import Path

import numba
import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

# Pytest looks for examples in every module, and these need PyTorch to be imported at all.
collect_ignore = [path.name for path in HERE.glob("*.py") if not path.name.startswith("test_")]


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
