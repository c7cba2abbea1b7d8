"""Runs minicnn's kernels as Python, so that coverage.py sees their lines.

Python imports this file at its start where its folder is on PYTHONPATH. With NUMBA_DISABLE_JIT=1
alone minicnn would not start: some pieces of its kernels are no Python, but written in LLVM's
language (see minicnn/kernels/cpu/vectors.py). So, at the first import of the kernels,

* `njit` leaves a function as it is;
* an `intrinsic` is compiled, alone, behind a function of the same arguments;
* threads' parts are run one after the other;
* a kernel that is called through the registry with more than LARGEST numbers gives way to the plain
  one of the same name: in Python it would take minutes.

Where COVERAGE_PROCESS_START is set, processes that a test starts are measured, too.
"""

import ctypes
import importlib
import importlib.abc
import inspect
import os
import sys

LARGEST = int(os.environ.get("MINICNN_LARGEST_IN_PYTHON", "4000"))


def _stand_ins():
    import numba
    import numpy as np
    from numba import extending

    from minicnn.kernels import registry

    njit, intrinsic, register = numba.njit, extending.intrinsic, registry.register

    class Plain:
        """A function that was to be compiled."""

        def __init__(self, function):
            self.py_func, self.signatures, self.stats = function, [], None
            self.__name__, self.__doc__ = function.__name__, function.__doc__
            self.__wrapped__ = function
            self.compile = lambda signature: None

        def __call__(self, *arguments):
            return self.py_func(*arguments)

    def as_it_is(function=None, **options):
        if function is None:
            return Plain
        return Plain(function)

    def pieces(function):
        """The intrinsic `function`, compiled when it is called."""
        if function.__name__ == "run_parts":
            return run_parts
        if function.__name__ == "_pointer":
            return lambda address, like: (int(address), like.dtype)
        names = ", ".join(list(inspect.signature(function).parameters)[1:])
        space = {"piece": intrinsic(function)}
        exec(f"def call({names}): return piece({names})", space)
        compiled = []

        def run(*arguments):
            before = numba.config.DISABLE_JIT
            numba.config.DISABLE_JIT = 0
            try:
                if not compiled:
                    compiled.append(njit(space["call"]))
                return compiled[0](*arguments)
            finally:
                numba.config.DISABLE_JIT = before

        return run

    def run_parts(body, threads, workers, arguments):
        with np.errstate(all="ignore"):
            for thread in range(threads):
                body(thread, threads, *arguments)

    def carray(pointer, size):
        address, dtype = pointer
        kind = np.ctypeslib.as_ctypes_type(dtype)
        if not size:
            return np.empty(0, dtype)
        return np.ctypeslib.as_array((kind * int(size)).from_address(address))

    def size_of(value):
        if isinstance(value, np.ndarray):
            return value.size
        return sum(map(size_of, value)) if isinstance(value, (list, tuple)) else 0

    def registered(name, variant):
        add = register(name, variant)
        if variant != "cpu":
            return add

        def small_only(function):
            def choose(*arguments, **options):
                plain = registry._kernels[name].get("plain")
                large = size_of((*arguments, *options.values())) > LARGEST
                chosen = plain if large and plain else function
                with np.errstate(all="ignore"):
                    return chosen(*arguments, **options)

            add(choose)
            return function

        return small_only

    numba.njit, numba.carray = as_it_is, carray
    extending.intrinsic, registry.register = pieces, registered
    assert ctypes.sizeof(ctypes.c_void_p) == 8


class _AtTheKernels(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "minicnn.kernels.cpu":
            sys.meta_path.remove(self)
            _stand_ins()
        return None


if os.environ.get("NUMBA_DISABLE_JIT") == "1":
    sys.meta_path.insert(0, _AtTheKernels())
if os.environ.get("COVERAGE_PROCESS_START"):
    importlib.import_module("coverage").process_startup()
