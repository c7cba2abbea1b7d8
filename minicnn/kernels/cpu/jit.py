"""How the Numba kernels are compiled."""

import os

import numba

from minicnn.kernels.threads import compute_lock


def _start_threads():
    """Start Numba's threads so that idle ones sleep.

    GNU OpenMP's threads spin while they wait, which takes the cores from the BLAS (seven times
    slower where the two alternate). The library reads this variable once, when it is loaded.
    """
    asked = os.environ.get("OMP_WAIT_POLICY")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        numba.set_num_threads(numba.get_num_threads())
    finally:
        if asked is None:
            del os.environ["OMP_WAIT_POLICY"]


_start_threads()


def jit(function):
    """Compile `function` with parallel loops, keep the machine code on disk, run it locked.

    A kernel calls no other compiled function: Numba's cache would not notice when that changes.
    """
    try:
        compiled = numba.njit(parallel=True, cache=True)(function)
    except RuntimeError:
        # Neither the package's folder nor the user's cache folder can be written to.
        compiled = numba.njit(parallel=True)(function)

    def run(*arguments):
        with compute_lock:
            return compiled(*arguments)

    run.compiled = compiled
    return run
