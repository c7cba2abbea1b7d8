"""Tests of what runs on GPUs, without one: `strict_cupy` takes the place of CuPy."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "emulation"), str(HERE.parent / "parity")]

# Pytest looks for examples in every module; these import each other by the path above.
collect_ignore = [p.name for p in HERE.glob("*.py") if not p.name.startswith("test_")]


@pytest.fixture
def machine():
    """Two GPUs that are not there: ``import cupy`` gives the stand-in. See `strict_machine`."""
    import strict_cupy

    with strict_cupy.installed() as found:
        yield found


def pytest_collection_modifyitems(items):
    """CuPy, on a real GPU, warns of what is no fault here: a CUDA_PATH that is not set, say."""
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.filterwarnings("ignore"))
