"""While a kernel runs, Python's lock is free."""

import os
import subprocess
import sys
import threading
import time

import numpy as np

from minicnn.kernels.cpu.jit import jit

TRACED = """
import tracemalloc
import numpy as np
import minicnn as mc
import minicnn.nn.functional as F

mc.set_num_threads(2)
x, w = mc.rand(4, 40, 20, 20), mc.rand(50, 40, 3, 3, requires_grad=True)
tracemalloc.start()
for _ in range(30):
    F.conv2d(x, w, padding=1).relu().sum().backward()
print("done")
"""


@jit
def counts(thread, threads, limit, sums):
    for i in range(limit):
        sums[thread] = sums[thread] * np.float64(0.5) + i


def test_other_threads_of_python_go_on():
    ticks, over = [0], threading.Event()

    def tick():
        while not over.wait(0.001):
            ticks[0] += 1

    sums = np.zeros(64)
    counts(1, sums)  # compiled now
    thread = threading.Thread(target=tick)
    thread.start()
    try:
        limit, seconds = 10**6, 0
        while seconds < 0.3:
            limit *= 4
            before, begin = ticks[0], time.perf_counter()
            counts(limit, sums)
            seconds, during = time.perf_counter() - begin, ticks[0] - before
    finally:
        over.set()
        thread.join()
    assert during > 3  # with the lock held it could be one, before the kernel began


def test_kernels_that_allocate_run_while_allocations_are_traced():
    """What traces them asks for Python's lock, in every thread of the kernel."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", TRACED],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "done\n", done.stderr
