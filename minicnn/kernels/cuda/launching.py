"""From a Python call to a kernel on the GPU: find the source, compile it, choose the grid, launch.

The kernels stand in ``source/*.cu``, in CUDA C. CuPy's RawModule gives a source to NVRTC, NVIDIA's
compiler, when one of its kernels is first used (CuPy keeps the result on disk). Every source is
compiled for the dtype at hand: `options` chooses the types that it calls Real, Number and Index.
"""

import functools
import re
from pathlib import Path

import numpy as np

from minicnn.checks import DtypeError

SOURCES = Path(__file__).with_name("source")

# How arrays are stored (Real) and in what is reckoned (Number): float16 has too few digits.
REAL = {"float16": "half", "float32": "float", "float64": "double"}
NUMBER = {"float16": "float", "float32": "float", "float64": "double"}
NUMBER_TYPE = {"float16": np.float32, "float32": np.float32, "float64": np.float64}

# Arrays with fewer entries are indexed with 32 bits, in which a GPU divides several times faster.
# Half of 2³¹, so that an index one step beyond the end still fits.
NARROW = 2**30
# And with smaller numbers: sums of a few sizes, paddings or strides still fit.
SMALL = 2**28

THREADS = 256  # of a block: eight warps
BLOCKS = 132 * 16  # of a grid at most: enough for every multiprocessor; the rest is their loop

NOTHING = np.uintp(0)  # a null pointer

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"\n', re.MULTILINE)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def cupy():
    """The module, which importing minicnn does not need."""
    import cupy

    return cupy


def address(array):
    """Where an array begins, in the GPU's memory."""
    return array.data.ptr


def contiguous(array):
    """`array` in one piece, its rows one after the other; copied if it is not."""
    return array if array.flags.c_contiguous else array.copy()


@functools.cache
def source(name):
    """The text of ``source/<name>.cu``, with what it includes in its place.

    So one string holds all that the code depends on: CuPy's cache on disk goes by it. CuPy writes
    it to a file in the system's encoding, which may not know the comments' σ and ⊗.
    """
    included = set()

    def text(file):
        if file in included:
            return ""
        included.add(file)
        code = (SOURCES / file).read_text(encoding="utf-8")
        return _INCLUDE.sub(lambda line: text(line[1]), code)

    return _NOT_ASCII.sub("_", text(f"{name}.cu"))


def options(dtype, wide=False):
    """What NVRTC is told, as in ``nvcc -DReal=float …``."""
    dtype = np.dtype(dtype).name
    return (
        "--std=c++17",
        f"-DReal={REAL[dtype]}",
        f"-DNumber={NUMBER[dtype]}",
        *(("-DWIDE",) if wide else ()),
        *(("-DREAL_IS_HALF",) if dtype == "float16" else ()),
    )


@functools.cache
def _function(raw_module, file, kernel, dtype, wide):
    return _module(raw_module, file, dtype, wide).get_function(kernel)


@functools.cache
def _module(raw_module, file, dtype, wide):
    return raw_module(code=source(file), options=options(dtype, wide))


def blocks_for(threads, limit=BLOCKS):
    """How many blocks for so many threads; the kernels' loops do what lies beyond the limit."""
    return max(1, min(-(-threads // THREADS), limit))


def launch(file, kernel, dtype, blocks, arguments, threads=THREADS):
    """Run ``kernel`` of ``source/<file>.cu`` on the current stream.

    Args:
        dtype: of the arrays that the source calls Real.
        blocks: of the grid: a number, or (x, y).
        arguments: arrays of one piece; integers, passed as Index; floats, passed as Number; None,
            passed as a null pointer.
        threads: of a block.

    Raises:
        DtypeError: there is no code for this dtype.
    """
    dtype = np.dtype(dtype)
    if dtype.name not in REAL:
        raise DtypeError(
            f"{kernel}: the GPU's kernels know float16, float32 and float64, got {dtype}. "
            "Convert the tensor, for example with .float()"
        )
    wide = any(
        abs(a) >= SMALL if isinstance(a, (int, np.integer)) else getattr(a, "size", 0) >= NARROW
        for a in arguments
    )
    index, number = np.int64 if wide else np.int32, NUMBER_TYPE[dtype.name]

    def passed(argument):
        if argument is None:
            return NOTHING
        if isinstance(argument, (bool, int, np.integer)):
            return index(argument)
        if isinstance(argument, float):
            return number(argument)
        return argument

    grid = blocks if isinstance(blocks, tuple) else (blocks,)
    function = _function(cupy().RawModule, file, kernel, dtype.name, wide)
    function(grid, (threads,), tuple(passed(a) for a in arguments))


def launch_each(file, kernel, dtype, count, arguments):
    """`launch` with one thread for each of `count` things; none: nothing to do."""
    if count:
        launch(file, kernel, dtype, blocks_for(count), arguments)
