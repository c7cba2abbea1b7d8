"""No fast kernel reads or writes beside its arrays: random calls of every one of them, each between
pages that nobody may touch. (tests/kernels/test_memory_bounds.py has chosen shapes, and processors
with shorter vectors.)
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_calls import CALLS

from minicnn.kernels import registry

PROGRAM = Path(__file__).with_name("run_guarded.py")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="mprotect as it is on Linux"
)


def run(*options):
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, PROGRAM, *options],
        env=environment, capture_output=True, text=True, timeout=280,
    )  # fmt: skip


@pytest.mark.parametrize("side", ["end", "start"])
def test_no_kernel_leaves_its_arrays(side):
    done = run("--side", side, "--calls", "25")
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    assert "0 wrong" in done.stdout.splitlines()[-1]


def test_every_fast_kernel_has_calls():
    assert {n for n in registry.names() if "cpu" in registry.variants(n)} == set(CALLS)


@pytest.mark.parametrize("where", ["given", "made by NumPy", "made by Numba"])
def test_one_number_too_far_ends_the_process(where):
    """So that a run that ends well means something."""
    done = run("--overrun", where, "--calls", "1")
    assert done.returncode == -signal.SIGSEGV
    assert "overrun" in done.stdout and "Segmentation fault" in done.stderr
