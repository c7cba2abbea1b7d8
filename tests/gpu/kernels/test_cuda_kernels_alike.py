"""What must hold for every kernel: no step beyond its arrays, no race, 64-bit indices."""

import os
import subprocess
import sys
from pathlib import Path

import cuda_on_cpu
import kernel_runs
import numpy as np
import pytest
from test_cuda_compiles import SOURCES, kernels_of

from minicnn.kernels.cuda import launching

pytestmark = pytest.mark.usefixtures("emulated")

HERE = Path(__file__).parent
ALL = {kernel for name in SOURCES for kernel in kernels_of(name)}


@pytest.mark.parametrize("run", kernel_runs.RUNS)
def test_the_same_bits_in_every_order_of_threads_and_with_64_bits(run, monkeypatch):
    """A result that depends on which thread comes first is a race: between two barriers, or blocks.

    Between two barriers the threads of a block run one after the other, so that a race shows only
    if some order of whole threads shows it; that a barrier stands where one is needed does show.
    """
    expected = kernel_runs.results(run, "float32", monkeypatch)
    assert expected
    for order in ("backward", "shuffled", "wide"):
        if order == "wide":
            monkeypatch.setattr(launching, "NARROW", 0)
        else:
            monkeypatch.setattr(cuda_on_cpu.EmulatedModule, "order", order)
        found = kernel_runs.results(run, "float32", monkeypatch)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def sanitized(*words):
    """The runs in a process of their own, in which AddressSanitizer watches all memory."""
    return subprocess.run(
        [sys.executable, str(HERE / "kernel_runs.py"), *words],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent / "emulation"), *sys.path]),
            "EMULATION_SANITIZE": "1",
            "LD_PRELOAD": cuda_on_cpu.asan_library(),
            "ASAN_OPTIONS": "detect_leaks=0",
        },
        capture_output=True,
        text=True,
    )


def test_no_kernel_steps_beyond_its_arrays():
    done = sanitized()
    assert f"kernels without a step beyond an array: {len(ALL)}\n" in done.stdout, done.stderr


def test_a_step_beyond_an_array_is_found():
    """The same runs with one index of many kernels moved by one."""
    done = sanitized("planted")
    assert done.returncode and "AddressSanitizer: heap-buffer-overflow" in done.stderr


def test_no_kernel_is_left_out(monkeypatch):
    for run in kernel_runs.RUNS:
        kernel_runs.results(run, "float32", monkeypatch)
    assert kernel_runs.LAUNCHED == ALL
