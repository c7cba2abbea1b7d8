"""Threads: one parallel computation at a time, and no more threads than a product is worth.

Numba's fallback threading layer aborts the process when two Python threads enter it at once, and
concurrent calls into OpenBLAS have returned wrong numbers (numpy issues 29391 and 31618). Whoever
runs a parallel kernel or a matrix product holds `compute_lock`; there is nothing to gain without
it, since each of them uses all cores.
"""

import threading
from functools import cache

from threadpoolctl import ThreadpoolController

compute_lock = threading.RLock()

# OpenBLAS's threads wait for each other, and for the next product, by spinning. For a product of a
# millisecond that costs more than a second core brings, and when another program wants a core too,
# a hundred times more: a LeNet step took 250 ms instead of 19. Small products get one thread.
MULTIPLICATIONS_FOR_ALL_THREADS = 100_000_000


@cache
def _blas():
    """The BLAS libraries that NumPy loaded, each with its number of threads."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [(library, library.get_num_threads()) for library in found]


def use_blas_threads(multiplications):
    """Let the next matrix product, of so many multiplications, use one thread or all of them.

    The caller holds `compute_lock`.
    """
    small = multiplications < MULTIPLICATIONS_FOR_ALL_THREADS
    for library, threads in _blas():
        library.set_num_threads(1 if small else threads)
