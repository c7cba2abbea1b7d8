"""The limits of this machine: multiply-adds a second, and bytes a second from memory.

    python benchmarks/speed/limit.py THREADS

The first by minicnn's own innermost loop on numbers that stay in the nearest cache; the second by
adding two arrays far larger than the caches into a third. Prints JSON.
"""

import json
import sys
import time

import numpy as np
from numba import njit, prange

import minicnn as mc
from minicnn.kernels.cpu.rectangles import TILES, make_tile
from minicnn.kernels.cpu.vectors import WIDTH

ROWS, VECTORS = TILES[0]
tile = make_tile(ROWS, VECTORS)


@njit(parallel=True)
def rectangles(threads, count, steps, a, offset, x, start):
    for _thread in prange(threads):
        z = np.empty(ROWS * VECTORS * WIDTH, np.float32)
        for _ in range(count):
            tile(steps, a, 0, offset, 0, x, 0, start, 0, z, 0, VECTORS * WIDTH)


@njit(parallel=True, fastmath=True)
def add(a, b, c):
    for i in prange(len(a)):
        c[i] = a[i] + b[i]


def best(function, *arguments, rounds=12):
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        function(*arguments)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def main():
    threads = int(sys.argv[1])
    mc.set_num_threads(threads)
    import numba

    numba.set_num_threads(threads)
    steps, count = 128, 20_000
    a = np.ones(steps * ROWS, np.float32)
    x = np.ones(steps * VECTORS * WIDTH, np.float32)
    offset = np.arange(steps) * VECTORS * WIDTH
    start = np.zeros(ROWS, np.float32)
    seconds = best(rectangles, threads, count, steps, a, offset, x, start)
    multiply_adds = threads * count * steps * ROWS * VECTORS * WIDTH / seconds
    arrays = [np.ones(2**26, np.float32) for _ in range(3)]
    bandwidth = 3 * arrays[0].nbytes / best(add, *arrays)
    print(json.dumps({"GFLOP/s": 2 * multiply_adds / 1e9, "GB/s": bandwidth / 1e9}))


if __name__ == "__main__":
    main()
