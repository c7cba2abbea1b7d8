"""Arrays that end, or begin, at a page nobody may touch: who reads or writes beside them dies.

Numba checks no index of a kernel, and what is written in LLVM's language or works on addresses
could not be checked at all. Here the processor checks: `mprotect` takes all rights from the pages
before and behind an array, and the system ends a process that touches them.
"""

import ctypes
import math
import mmap
import sys
from contextlib import contextmanager

import llvmlite.binding
import numba
import numpy as np
from numba.core.runtime import _nrt_python, rtsys
from numpy.lib.stride_tricks import as_strided

from minicnn.kernels import registry

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)


class Guard:
    """Hands out guarded memory.

    Args:
        side: "end", where the last byte of an array lies before a forbidden page, or "start",
            where the first byte lies behind one.
    """

    def __init__(self, side):
        self.side, self.arrays = side, 0

    def empty(self, shape, dtype=np.float64):
        """An array of any content."""
        shape, dtype = tuple(np.atleast_1d(shape).tolist()), np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        if not size:
            return np.empty(shape, dtype)
        return np.frombuffer(self._memory(size), dtype).reshape(shape)

    def like(self, array):
        """The same values in the same layout, whatever its strides: from its lowest byte on."""
        if not array.size:
            return np.empty(array.shape, array.dtype)
        steps = [(n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)]
        first = -sum(s for s in steps if s < 0)
        span = first + sum(s for s in steps if s > 0) + array.itemsize
        memory = np.frombuffer(self._memory(span), np.uint8)
        begin = memory[first : first + array.itemsize].view(array.dtype)
        new = as_strided(begin, array.shape, array.strides)
        new[...] = array
        if not array.flags.writeable:
            new.flags.writeable = False
        return new

    def memory(self, size):
        """`size` bytes between forbidden pages: a map, and where in it they begin."""
        inside = -(-size // PAGE) * PAGE
        whole = mmap.mmap(-1, inside + 2 * PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(whole))
        for page in (address, address + PAGE + inside):
            if _libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0):
                raise OSError(ctypes.get_errno(), "mprotect failed")
        self.arrays += 1
        return whole, address, PAGE + (inside - size if self.side == "end" else 0)

    def _memory(self, size):
        whole, _, start = self.memory(size)
        return memoryview(whole)[start : start + size]


class _GuardedNumPy:
    """NumPy, as a kernel's file sees it: what it makes to be written to is guarded."""

    def __init__(self, guard):
        self._guard = guard

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype=np.float64):
        return self._guard.empty(shape, dtype)

    def empty_like(self, array, dtype=None):
        return self._guard.empty(array.shape, dtype or array.dtype)

    def zeros(self, shape, dtype=np.float64):
        made = self._guard.empty(shape, dtype)
        made[...] = 0
        return made

    def ascontiguousarray(self, array, dtype=None):
        made = np.ascontiguousarray(array, dtype)
        return made if made is array else self._guard.like(made)


def kernel_files():
    """The modules of the fast kernels."""
    registry.names()  # loads them
    return [m for name, m in sys.modules.items() if name.startswith("minicnn.kernels.cpu.")]


@contextmanager
def guarded_kernels(guard):
    """Inside, all that fast kernels are given, make and keep lies in guarded memory.

    Kernels must have been compiled before for what they will be given: Numba knows `np.empty`, and
    not ours.
    """
    numpy = _GuardedNumPy(guard)
    before = []
    for module in kernel_files():
        for name, new in (
            ("np", numpy),
            ("workspace", lambda name, size: guard.empty(size, np.float32)),
        ):
            if hasattr(module, name):
                before.append((module, name, getattr(module, name)))
                setattr(module, name, new)
    try:
        yield
    finally:
        for module, name, old in before:
            setattr(module, name, old)


def with_guards(guard, function, arguments):
    """``function(*arguments)`` with every array among the arguments, also in lists, guarded.

    What is written into an array is written into the caller's, too; one array given twice stays
    one.
    """
    copies = {}

    def guarded(value):
        if isinstance(value, np.ndarray):
            if id(value) not in copies:
                copies[id(value)] = value, guard.like(value)
            return copies[id(value)][1]
        if isinstance(value, (list, tuple)):
            return type(value)(guarded(v) for v in value)
        return value

    result = function(*[guarded(a) for a in arguments])
    for original, copy in copies.values():
        if original.flags.writeable:
            original[...] = copy
    return result


# What Numba allocates inside of kernels. It asks for memory by the name of a function in C, which
# can be another one: as long as no kernel is loaded yet.

_ALLOCATE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32)
_RELEASE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_MANAGE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
_alive = {}


def guard_what_numba_allocates(guard):
    """From now on, arrays that kernels make for themselves are guarded. For one thread.

    To be called before the first kernel is loaded. What is returned must be kept.
    """
    rtsys.initialize(numba.core.registry.cpu_target.target_context)
    # Numba's table of functions for others; the third makes its own of memory that it is given.
    table = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p))(_nrt_python.c_helpers["get_api"])()
    manage = _MANAGE(table[2])
    release = _RELEASE(lambda address: _alive.pop(address) and None)

    def allocate(size, align):
        whole, address, start = guard.memory(max(size, 1))
        _alive[address + start] = whole
        return manage(address + start, ctypes.cast(release, ctypes.c_void_p))

    allocate = _ALLOCATE(allocate)
    for name in ("MemInfo_alloc_safe_aligned", "MemInfo_alloc_aligned"):
        function = ctypes.cast(allocate, ctypes.c_void_p).value
        llvmlite.binding.add_symbol(f"NRT_{name}", function)
    return allocate, release
