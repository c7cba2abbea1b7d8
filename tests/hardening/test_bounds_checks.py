"""Kernels compiled with Numba's own check of every index, and the same random calls.

Guard pages (test_guard_pages.py) see what leaves an array, and also what is written in LLVM's
language; this sees an index that leaves one dimension for the next. A kernel whose index is wrong
raises "a kernel failed".
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# With checks everything is compiled anew: those whose loops are Numba's, where that takes seconds.
QUICK = ("max_pool2d_gradient", "add_to_places", "histogram", "channel_moments", "warp")


def run(home, *options, code=None):
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_NUM_THREADS": "1",
        "MINICNN_HOME": str(home),  # Numba does not see from its cache that it was to check
    }
    program = [str(HERE / "run_guarded.py"), "--side", "none"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *program, *options],
        env=environment, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip


def test_indices_of_some_kernels(tmp_path):
    kernels = [option for name in QUICK for option in ("--kernel", name)]
    done = run(tmp_path, "--calls", "20", *kernels)
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    assert f"{20 * len(QUICK)} calls" in done.stdout and "0 wrong" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_indices_of_all_kernels(tmp_path):
    done = run(tmp_path, "--calls", "40")
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    assert "0 wrong" in done.stdout


WRONG = """
import numpy as np
from minicnn.kernels.cpu.jit import jit, serial

@jit
def parallel(thread, threads, x, k):
    x[0] = x[k]

@serial
def alone(x, k):
    x[0] = x[k]

for kernel in (parallel, alone):
    kernel(np.zeros(3), 2)
    try:
        kernel(np.zeros(3), 3)
    except (RuntimeError, IndexError) as error:
        print(type(error).__name__)
"""


def test_a_wrong_index_is_noticed(tmp_path):
    """So that a run without errors means something."""
    program = tmp_path / "wrong_index.py"
    program.write_text(WRONG)
    done = run(tmp_path, code=f"import runpy; runpy.run_path({str(program)!r})")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["RuntimeError", "IndexError"]
