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

from minicnn.kernels.cuda import launching, pooling

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


BARRIER = "__syncthreads();"
TWO_SUMS = """
extern "C" __global__ void two_sums(const int* x, int* sums) {
    __shared__ int shared[BLOCK];
    sums[threadIdx.x] = block_sum(x[threadIdx.x], shared);
    sums[BLOCK + threadIdx.x] = block_sum(2 * x[threadIdx.x], shared);
}
"""


def without(code, which):
    """`code` with one of its barriers gone."""
    parts = code.split(BARRIER)
    return BARRIER.join([*parts[:which], parts[which] + parts[which + 1], *parts[which + 2 :]])


def is_right(code, kernel, arguments, result, expected):
    """Whether a block of 256 or 64 threads gives the same in every order of them."""
    for order in cuda_on_cpu.ORDERS:
        module = cuda_on_cpu.EmulatedModule(code, launching.options("float32"), order=order)
        result[...] = 0
        module.get_function(kernel)((1,), (result.size // 2,), arguments)
        if not np.array_equal(result, expected):
            return False
    return True


def test_the_sum_of_a_block_needs_every_barrier_that_it_has():
    code = launching.source("maps").partition('extern "C"')[0] + TWO_SUMS
    x, sums = np.arange(256, dtype=np.int32), np.zeros(512, np.int32)
    expected = np.repeat([x.sum(), 2 * x.sum()], 256)
    assert is_right(code, "two_sums", (x, sums), sums, expected)
    assert code.count(BARRIER) == 3
    for which in range(3):
        assert not is_right(without(code, which), "two_sums", (x, sums), sums, expected)


def test_bringing_back_maxima_needs_every_barrier_that_it_has():
    """Three rounds of windows whose maxima are in two places in turn."""
    code = launching.source("pooling")
    before = code.partition("void max_pool2d_gradient")[0].count(BARRIER)
    windows = 3 * pooling.THREADS_COMPARING
    argmax, dx = np.arange(windows) % 2, np.zeros(2 * pooling.THREADS_COMPARING, np.float32)
    delta = np.arange(windows, dtype=np.float32)
    expected = np.zeros_like(dx)
    expected[:2] = delta[::2].sum(), delta[1::2].sum()
    sizes = np.int32(1), np.int32(windows), np.int32(dx.size)
    call = "max_pool2d_gradient", (delta, argmax, dx, *sizes), dx, expected
    assert is_right(code, *call)
    for which in (before, before + 1):
        assert not is_right(without(code, which), *call)


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
