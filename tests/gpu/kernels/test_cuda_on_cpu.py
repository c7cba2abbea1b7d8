"""The emulation itself: kernels with known results, and mistakes that must not pass."""

import os
import subprocess
import sys
from pathlib import Path

import cuda_on_cpu
import numpy as np
import pytest
from cuda_on_cpu import ORDERS, EmulatedModule, EmulationError

pytestmark = pytest.mark.skipif(bool(cuda_on_cpu.missing()), reason=cuda_on_cpu.missing())

ADD = """
extern "C" __global__ void add(const REAL* a, REAL* b, long long n) {
    long long start = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    for (long long i = start; i < n; i += (long long)gridDim.x * blockDim.x) b[i] += a[i];
}
"""
OPTIONS = ("--std=c++17", "-DREAL=float")

# The sum of a block by halving, once with all its barriers and once without the one in the loop.
SUM = """
extern "C" __global__ void sum(const int* x, int* total) {
    extern __shared__ int part[];
    int t = threadIdx.x;
    part[t] = x[blockIdx.x * blockDim.x + t];
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        BARRIER
    }
    if (t == 0) total[blockIdx.x] = part[0];
}
"""
WITH_BARRIER = (SUM.replace("BARRIER", "__syncthreads();"),)
WITHOUT = (SUM.replace("BARRIER", ""),)


def add(a, b, n=None, grid=(2,), block=(64,), **options):
    n = np.int64(a.size) if n is None else n
    EmulatedModule(ADD, OPTIONS).get_function("add")(grid, block, (a, b, n), **options)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 1000])
def test_a_loop_over_the_grid(size):
    a, b = np.arange(size, dtype=np.float32), np.ones(size, np.float32)
    add(a, b)
    np.testing.assert_array_equal(b, a + 1)


def test_three_axes_of_grid_and_block():
    code = """
    extern "C" __global__ void places(unsigned* x) {
        unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        unsigned i = b * blockDim.x * blockDim.y * blockDim.z + t;
        x[i] += i;
    }"""
    for order in ORDERS:
        x = np.zeros(2 * 3 * 4 * 5 * 6 * 7, np.uint32)
        EmulatedModule(code, order=order).get_function("places")((2, 3, 4), (5, 6, 7), (x,))
        np.testing.assert_array_equal(x, np.arange(x.size))


@pytest.mark.parametrize("order", ORDERS)
def test_barriers_and_shared_memory(order):
    x = np.random.default_rng(0).integers(0, 1000, 3 * 256).astype(np.int32)
    total = np.zeros(3, np.int32)
    kernel = EmulatedModule(*WITH_BARRIER, order=order).get_function("sum")
    for _ in range(2):  # the fibres of the first launch serve the second
        kernel((3,), (256,), (x, total), shared_mem=1024)
        np.testing.assert_array_equal(total, x.reshape(3, 256).sum(1))


def test_a_missing_barrier_shows_in_another_order():
    x = np.arange(256, dtype=np.int32)
    found = set()
    for order in ORDERS:
        total = np.zeros(1, np.int32)
        EmulatedModule(*WITHOUT, order=order).get_function("sum")(
            (1,), (256,), (x, total), shared_mem=1024
        )
        found.add(int(total[0]))
    assert len(found) > 1


def test_threads_that_miss_the_barrier_are_found():
    code = """
    extern "C" __global__ void some(float* x) {
        if (threadIdx.x < CONDITION) return;
        __syncthreads();
        x[threadIdx.x] = 1;
    }"""
    x = np.zeros(64, np.float32)
    kernel = EmulatedModule(code, ("-DCONDITION=5",)).get_function("some")
    with pytest.raises(EmulationError, match="of its 64 threads 5 ended and 59 wait"):
        kernel((1,), (64,), (x,))
    with pytest.raises(EmulationError, match="5 ended"):  # and the process lives on
        kernel((1,), (64,), (x,))
    EmulatedModule(code, ("-DCONDITION=0",)).get_function("some")((1,), (64,), (x,))
    assert x.all()


def test_threads_at_two_barriers_are_found():
    code = """
    extern "C" __global__ void two(float* x) {
        if (threadIdx.x % 2)
            __syncthreads();
        else
            __syncthreads();
    }"""
    with pytest.raises(EmulationError, match="lines 6 and 4"):
        EmulatedModule(code).get_function("two")((1,), (8,), (np.zeros(1, np.float32),))


def test_shared_memory_starts_as_nan_in_every_block():
    code = """
    extern "C" __global__ void peek(float* x) {
        __shared__ float mine[32];
        extern __shared__ float more[];
        x[blockIdx.x * 2] = mine[threadIdx.x];
        x[blockIdx.x * 2 + 1] = more[threadIdx.x];
        mine[threadIdx.x] = more[threadIdx.x] = 1;
    }"""
    x = np.zeros(6, np.float32)
    EmulatedModule(code, sanitize=False).get_function("peek")((3,), (1,), (x,), shared_mem=4)
    assert np.isnan(x).all()


def test_atomics():
    code = """
    extern "C" __global__ void count(const int* x, int* bins, int* most, unsigned long long* all) {
        int i = blockIdx.x * blockDim.x + threadIdx.x;
        atomicAdd(&bins[x[i]], 1);
        atomicMax(most, x[i]);
        atomicAdd(all, 1ull);
    }"""
    x = np.random.default_rng(0).integers(0, 10, 512).astype(np.int32)
    bins, most, everything = np.zeros(10, np.int32), np.zeros(1, np.int32), np.zeros(1, np.uint64)
    EmulatedModule(code).get_function("count")((4,), (128,), (x, bins, most, everything))
    np.testing.assert_array_equal(bins, np.bincount(x, minlength=10))
    assert most[0] == x.max() and everything[0] == 512


class Held:
    """A device array, as a stand-in for CuPy may have them."""

    def __init__(self, host):
        self.host = host


def test_arrays_that_hold_theirs():
    a, b = np.ones(5, np.float32), np.ones(5, np.float32)
    add(Held(a), Held(b), np.int64(5))
    np.testing.assert_array_equal(b, 2)


ONES = np.ones(8, np.float32)
READ_ONLY = np.ones(8, np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "a, b, n, words",
    [
        (ONES, ONES, 8, "argument 2 must be np.int64"),
        (ONES, ONES, 8.0, "argument 2 must be np.int64"),
        (ONES, ONES, np.int32(8), "of int32; CuPy would pass its bytes"),
        (ONES.astype(np.float64), ONES, np.int64(8), "array of float32, got one of float64"),
        (np.ones(16, np.float32)[::2], ONES, np.int64(8), "in one piece"),
        (ONES, READ_ONLY, np.int64(8), "argument 1 is read-only"),
        (ONES, None, np.int64(8), "got NoneType"),
        (ONES, np.uintp(1), np.int64(8), "got uint64"),
        (ONES, ONES.tolist(), np.int64(8), "got list"),
    ],
)
def test_arguments_that_do_not_fit(a, b, n, words):
    with pytest.raises(EmulationError, match=words):
        add(a, b, n)


def test_read_only_is_enough_for_a_const_pointer():
    b = np.ones(8, np.float32)
    add(READ_ONLY, b)
    np.testing.assert_array_equal(b, 2)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"grid": (0,)}, "grid"),
        ({"grid": (1, 65536)}, "grid"),
        ({"grid": 1}, "tuple"),
        ({"grid": (1.0,)}, "tuple"),
        ({"block": (1025,)}, "block"),
        ({"block": (64, 32)}, "1024 threads"),
        ({"block": (1, 1, 65)}, "block"),
        ({"shared_mem": 49153}, "shared"),
    ],
)
def test_launches_beyond_the_limits(change, words):
    with pytest.raises(EmulationError, match=words):
        add(ONES, ONES.copy(), **change)


def test_sources_that_are_refused():
    with pytest.raises(EmulationError, match="no kernel"):
        EmulatedModule("__global__ void f() {}")
    with pytest.raises(EmulationError, match=r"'absent'; there are \['add'\]"):
        EmulatedModule(ADD, OPTIONS).get_function("absent")
    with pytest.raises(EmulationError, match=r"(?s)g\+\+ refuses.*REAL"):
        EmulatedModule(ADD).get_function("add")
    with pytest.raises(EmulationError, match="tuple"):
        EmulatedModule(ADD, ["-DREAL=float"])


OUT_OF_BOUNDS = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from cuda_on_cpu import EmulatedModule
code = '''
extern "C" __global__ void write(float* x, int place) {
    __shared__ float mine[64];
    mine[(threadIdx.x + SHARED) % 65] = 0;
    __syncthreads();
    if (threadIdx.x == 3) x[place] = mine[0];
}'''
module = EmulatedModule(code, (f"-DSHARED={sys.argv[3]}",), sanitize=True)
module.get_function("write")((2,), (64,), (np.zeros(100, np.float32), np.int32(sys.argv[2])))
print("nothing found")
"""


@pytest.mark.parametrize(
    "place, shared, words",
    [
        (99, 0, "nothing found"),
        (100, 0, "heap-buffer-overflow"),
        (-1, 0, "heap-buffer-overflow"),
        (0, 1, "global-buffer-overflow"),
    ],
)
def test_the_sanitizer_finds_what_lies_beyond_an_array(place, shared, words):
    here = str(Path(cuda_on_cpu.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_BOUNDS, here, str(place), str(shared)],
        env={
            **os.environ,
            "LD_PRELOAD": cuda_on_cpu.asan_library(),
            "ASAN_OPTIONS": "detect_leaks=0",
        },
        capture_output=True,
        text=True,
    )
    assert words in done.stdout + done.stderr
    assert (done.returncode == 0) == (words == "nothing found")
