"""The limits of this machine: multiply-adds a second, and bytes a second from memory.

    python benchmarks/speed/limit.py THREADS

The first by minicnn's own innermost loop on numbers that stay in the nearest cache; the second by
adding two arrays far larger than the caches into a third. Prints JSON.

What a processor can do changes from minute to minute with its clock and its neighbours. So each
convolution is held against the multiply-adds that were possible in the same turns (`prepare`).
"""

import json
import sys
import time

import numpy as np

import minicnn as mc
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import places
from minicnn.kernels.cpu.rectangles import TILES, make_tile
from minicnn.kernels.cpu.vectors import WIDTH

ROWS, VECTORS = TILES[0]
STEPS = 128
tile = make_tile(ROWS, VECTORS)


@jit
def rectangles(thread, threads, count, a, offset, x, start):
    z = np.empty(ROWS * VECTORS * WIDTH, np.float32)
    for _ in range(count):
        tile(len(offset), a, 0, offset, 0, x, 0, start, 0, z, 0, VECTORS * WIDTH)


@jit
def add(thread, threads, a, b, c):
    for i in places(len(a), thread, threads):
        c[i] = a[i] + b[i]


def multiply_adds(count):
    """A function that does so many rectangles in each thread; how many multiply-adds these are."""
    a, x = np.ones(STEPS * ROWS, np.float32), np.ones(STEPS * VECTORS * WIDTH, np.float32)
    arrays = a, np.arange(STEPS) * VECTORS * WIDTH, x, np.zeros(ROWS, np.float32)
    number = mc.get_num_threads() * count * STEPS * ROWS * VECTORS * WIDTH
    return lambda: rectangles(count, *arrays), number


def prepare(library, name, part, format_):
    """A function that returns the seconds of a thousand million multiply-adds, from a few ms."""
    run, number = multiply_adds(5_000)

    def seconds():
        begin = time.perf_counter()
        run()
        return (time.perf_counter() - begin) * 1e9 / number

    return seconds


def best(function, *arguments, rounds=12):
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        function(*arguments)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def main():
    mc.set_num_threads(int(sys.argv[1]))
    run, number = multiply_adds(20_000)
    seconds = best(run)
    arrays = [np.ones(2**26, np.float32) for _ in range(3)]
    bandwidth = 3 * arrays[0].nbytes / best(add, *arrays)
    print(json.dumps({"GFLOP/s": 2e-9 * number / seconds, "GB/s": bandwidth / 1e9}))


if __name__ == "__main__":
    main()
