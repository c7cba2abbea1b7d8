"""What can only be seen in a fresh process: the first step, the peak of memory, the graph's cost.

    python benchmarks/speed/separate.py first LIBRARY THREADS
    python benchmarks/speed/separate.py memory LIBRARY THREADS WORKLOAD
    python benchmarks/speed/separate.py engine LIBRARY THREADS

Prints JSON: when the first LeNet step ended (on the clock of the system); or the most memory that
the process had, in MiB, before and after two training steps; or the microseconds that `relu` of one
number takes, forward and backward, and what NumPy needs for the same numbers.
"""

import json
import resource
import statistics
import sys
import time

import networks
import numpy as np
from libraries import LIBRARIES


def peak():
    """The most memory that was resident so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


LONG = 50  # operations in a chain


def microseconds(function):
    """The median of many calls that each do something `LONG` times, for one of these."""
    times, end = [], time.perf_counter() + 3
    while time.perf_counter() < end:
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) / LONG * 1e6


def engine(library):
    relu, number = library.F.relu, library.m.ones(1)
    number.requires_grad_()
    array = np.ones(1, np.float32)

    def chain():
        y = number
        for _ in range(LONG):
            y = relu(y)
        y.backward()

    def alone():
        for _ in range(LONG):
            relu(number).backward()

    def numpy():
        for _ in range(LONG):
            np.maximum(array, 0)
            np.where(array <= 0, 0, array)

    return {f.__name__: microseconds(f) for f in (chain, alone, numpy)}


def main():
    what, name, threads, *rest = sys.argv[1:]
    library = LIBRARIES[name](int(threads))
    if what == "first":
        library.training_step(networks.WORKLOADS["LeNet b64"], "contiguous")()
        print(json.dumps({"end": time.time()}))
        return
    if what == "engine":
        print(json.dumps(engine(library)))
        return
    before = peak()
    step = library.training_step(networks.WORKLOADS[rest[0]], "contiguous")
    step()
    step()
    print(json.dumps({"before": before, "peak": peak()}))


if __name__ == "__main__":
    main()
