"""Threads: one parallel computation at a time, and no more threads than a product is worth.

Numba's fallback threading layer aborts the process when two Python threads enter it at once, and
concurrent calls into OpenBLAS have returned wrong numbers (numpy issues 29391 and 31618). Whoever
runs a parallel kernel or a matrix product holds `compute_lock`; there is nothing to gain without
it, since each of them uses all cores.

`set_num_threads` is one knob for both libraries.
"""

import os
import threading
from functools import cache

from threadpoolctl import ThreadpoolController

from minicnn.checks import ArgumentError, DtypeError

# OpenBLAS's threads wait for each other, and for the next product, by spinning. For a product of a
# millisecond that costs more than a second core brings, and when another program wants a core too,
# a hundred times more: a LeNet step took 250 ms instead of 19. Small products get one thread.
MULTIPLICATIONS_FOR_ALL_THREADS = 100_000_000

_asked_for = None  # what set_num_threads was given; None: what each library chose for itself


@cache
def available_threads():
    """How many threads the process may use: its cores, or fewer where a variable says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        limit = os.environ.get(variable, "")
        if limit.isdecimal() and int(limit):
            cores = min(cores, int(limit))
    return max(cores or 1, 1)


def set_num_threads(num_threads):
    """Let kernels and large matrix products use so many threads, from now on, in this process.

    Kernels cut their work into so many parts. Numba cannot have more threads for them than it
    started with (the number of cores, or the variable NUMBA_NUM_THREADS).

    As ``torch.set_num_threads``.

    Args:
        num_threads: an integer ≥ 1.

    Raises:
        DtypeError: not an integer.
        ArgumentError: below 1.

    >>> import minicnn as mc
    >>> before = mc.get_num_threads()
    >>> mc.set_num_threads(1)
    >>> mc.get_num_threads()
    1
    >>> mc.set_num_threads(before)
    """
    global _asked_for
    if isinstance(num_threads, bool) or not hasattr(num_threads, "__index__"):
        raise DtypeError(f"set_num_threads: expected an integer, got {type(num_threads).__name__}")
    if num_threads.__index__() < 1:
        raise ArgumentError(f"set_num_threads: expected at least 1, got {num_threads}")
    with compute_lock:
        _asked_for = num_threads.__index__()


def get_num_threads():
    """How many threads kernels and large matrix products may use.

    As ``torch.get_num_threads``.

    It raises nothing.

    >>> import minicnn as mc
    >>> mc.get_num_threads() >= 1
    True
    """
    return _asked_for or available_threads()


# Held by whoever computes; its holder can take it again.
compute_lock = threading.RLock()


@cache
def _blas():
    """The BLAS libraries that NumPy loaded, each with its number of threads."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [(library, library.get_num_threads()) for library in found]


def blas_libraries():
    """Name, version and threads of the BLAS libraries that NumPy loaded."""
    return [
        (library.internal_api, library.version, _asked_for or threads)
        for library, threads in _blas()
    ]


def use_blas_threads(multiplications):
    """Let the next matrix product, of so many multiplications, use one thread or all of them.

    The caller holds `compute_lock`.
    """
    small = multiplications < MULTIPLICATIONS_FOR_ALL_THREADS
    for library, threads in _blas():
        library.set_num_threads(1 if small else _asked_for or threads)
