"""`EmulatedModule`: a stand-in for CuPy's RawModule that compiles CUDA C with g++ and runs it here.

    module = EmulatedModule(code, options=("-DREAL=float",))
    module.get_function("add")((2,), (128,), (a, b, np.int64(200)))

It is stricter than CuPy, which checks none of this: an array must have the pointer's dtype and lie
in one piece, and may be written to where the pointer is not const; a scalar must be a NumPy scalar
of the parameter's very type (CuPy passes the bytes of whatever comes: ``2.0`` is a double); grid,
block and shared memory must keep to a GPU's limits. What a kernel finds is described at the top of
``cuda_on_cpu.h``.

Arrays are NumPy arrays, or objects that hold theirs as `host`.

What this cannot see: races between warps on a real GPU (but see `ORDERS`), warp intrinsics,
streams, speed. A pass here is not a pass on a GPU.
"""

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

HEADER = Path(__file__).with_name("cuda_on_cpu.h")

# In which order the threads of a block run between two barriers. A kernel without races gives the
# same result in each.
ORDERS = ("forward", "backward", "shuffled")

GRID_LIMITS = (2**31 - 1, 65535, 65535)
BLOCK_LIMITS = (1024, 1024, 64)
THREADS_LIMIT = 1024
SHARED_LIMIT = 48 * 1024
ARGUMENTS_LIMIT = 4096  # bytes, of all of a kernel's arguments

_FLAGS = (
    *("-std=c++17", "-O1", "-g1", "-fPIC", "-shared", "-fno-gnu-unique", "-ffp-contract=off"),
    "-Wl,-Bsymbolic",  # a kernel may be called `write` without being the system's
    *("-Wall", "-Werror=return-type", "-Wno-unknown-pragmas", "-Wno-unused"),
)
_SANITIZE = ["-fsanitize=address", "-fno-omit-frame-pointer"]
_KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\('
)
_DYNAMIC = re.compile(r"extern\s+__shared__\s+([\w ]+?)\s+(\w+)\s*\[\s*\]\s*;")

# The state of a launch is static in the library; and two threads of Python may share one.
_lock = threading.Lock()


class EmulationError(RuntimeError):
    """The source does not compile, or a launch would fail or go wrong on a GPU."""


def compiler():
    """The path of g++, or None."""
    return shutil.which("g++")


def missing():
    """What kernels cannot be run for here, in words; "" where they can."""
    if not sys.platform.startswith("linux"):
        return "the emulation of CUDA needs Linux"
    return "" if compiler() else "the emulation of CUDA needs g++"


def asan_library():
    """The sanitizer's library: it must be loaded before all others (LD_PRELOAD)."""
    found = subprocess.run(
        [compiler(), "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def _cache():
    place = Path(tempfile.gettempdir()) / f"minicnn-emulation-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


@functools.cache
def _compiler_version():
    if compiler() is None:
        raise EmulationError("emulation: there is no g++ on the path; it compiles the kernels")
    return subprocess.run([compiler(), "--version"], capture_output=True, text=True).stdout


_refused = {}  # what g++ said; asked again it would take as long


def _build(source, flags):
    """The path of the library made from `source`; one that is there already is taken."""
    words = "\0".join([source, HEADER.read_text(encoding="utf-8"), *flags, _compiler_version()])
    library = _cache() / f"{hashlib.sha256(words.encode()).hexdigest()[:24]}.so"
    if library.exists():
        return library
    if library in _refused:
        raise EmulationError(_refused[library])
    with tempfile.TemporaryDirectory(dir=_cache()) as place:
        code, made = Path(place, "kernels.cpp"), Path(place, "kernels.so")
        code.write_text(source, encoding="utf-8")
        command = [compiler(), *flags, "-include", str(HEADER), "-o", str(made), str(code)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            _refused[library] = f"emulation: g++ refuses the source\n{done.stderr}"
            raise EmulationError(_refused[library])
        os.replace(made, library)
    return library


class EmulatedModule:
    """The kernels of one CUDA C source.

    Args:
        code: the source; its kernels are declared ``extern "C" __global__ void name(…)``.
        options: of NVRTC's, -D… and -I… are passed on; --std=… and others are left out.
        backend: as CuPy's; only "nvrtc".
        sanitize: compile with AddressSanitizer; the process must have loaded `asan_library`.
        order: one of `ORDERS`.
    """

    sanitize = os.environ.get("EMULATION_SANITIZE") == "1"
    order = "forward"

    def __init__(self, code, options=(), backend="nvrtc", *, sanitize=None, order=None):
        if not isinstance(code, str) or not isinstance(options, tuple):
            raise EmulationError("RawModule: code must be a string and options a tuple of strings")
        if backend != "nvrtc":
            raise EmulationError(f"RawModule: backend must be 'nvrtc', got {backend!r}")
        self.names = _KERNEL.findall(code)
        if not self.names:
            raise EmulationError(
                'RawModule: no kernel, extern "C" __global__ void …, in the source'
            )
        self._code, self._options = code, options
        self.sanitized = type(self).sanitize if sanitize is None else sanitize
        self._order = order
        self._functions = {}

    @functools.cached_property
    def library(self):
        # CuPy, too, compiles on first use.
        flags = [*_FLAGS, *(o for o in self._options if o.startswith(("-D", "-I")))]
        if self.sanitized:
            flags += _SANITIZE
        code = _DYNAMIC.sub(r"\1* \2 = (\1*)emulation::dynamic_shared_memory;", self._code)
        calls = "\n".join(f"EMULATED({name})" for name in self.names)
        return ctypes.CDLL(str(_build(f"{code}\n{calls}\n", flags)))

    def get_function(self, name):
        """The kernel `name`, to be called with grid, block and arguments."""
        if name not in self.names:
            raise EmulationError(f"RawModule: no kernel {name!r}; there are {self.names}")
        if name not in self._functions:
            self._functions[name] = EmulatedFunction(self, name)
        return self._functions[name]

    def launch_order(self):
        return ORDERS.index(self._order or type(self).order)


class EmulatedFunction:
    """One kernel."""

    def __init__(self, module, name):
        self.name, self.module = name, module
        text = ctypes.create_string_buffer(4096)
        getattr(module.library, f"describe_{name}")(text, ctypes.c_size_t(len(text)))
        # One word a parameter: "const*f4" is a pointer to constant floats, "i8" a 64-bit integer.
        self.parameters = text.value.decode().split()
        self._launch = getattr(module.library, f"launch_{name}")

    def __call__(self, grid, block, args, *, shared_mem=0, stream=None):
        """Run it. `grid`, `block` and `args` are tuples."""
        grid = self._sizes("grid", grid, GRID_LIMITS)
        block = self._sizes("block", block, BLOCK_LIMITS)
        if block[0] * block[1] * block[2] > THREADS_LIMIT:
            self._refuse(f"a block of {block} has more than {THREADS_LIMIT} threads")
        if not 0 <= shared_mem <= SHARED_LIMIT:
            self._refuse(f"{shared_mem} bytes of shared memory; the limit is {SHARED_LIMIT}")
        if not isinstance(args, tuple) or len(args) != len(self.parameters):
            self._refuse(f"takes a tuple of {len(self.parameters)} arguments, got {args!r:.200}")
        pairs = zip(args, self.parameters, strict=True)
        values = [self._value(i, *pair) for i, pair in enumerate(pairs)]
        if sum(v.nbytes for v in values) > ARGUMENTS_LIMIT:
            self._refuse(f"its arguments have more than {ARGUMENTS_LIMIT} bytes")
        if self.module.sanitized:
            watched = Watched(getattr(a, "host", a) for a in args)
            values = [watched.place(v) if v.dtype == np.uintp else v for v in values]
        pointers = (ctypes.c_void_p * len(values))(*(v.ctypes.data for v in values))
        message = ctypes.create_string_buffer(512)
        with _lock:
            failed = self._launch(
                (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block), pointers,
                ctypes.c_size_t(shared_mem), ctypes.c_int(self.module.launch_order()),
                message, ctypes.c_size_t(len(message)),
            )  # fmt: skip
        if self.module.sanitized:
            watched.copy_back()
        if failed:
            self._refuse(message.value.decode())

    def _refuse(self, why):
        raise EmulationError(f"kernel {self.name}: {why}")

    def _sizes(self, what, sizes, limits):
        if not isinstance(sizes, tuple) or not 1 <= len(sizes) <= 3:
            self._refuse(f"{what} must be a tuple of one to three integers, got {sizes!r}")
        if any(isinstance(s, bool) or not isinstance(s, (int, np.integer)) for s in sizes):
            self._refuse(f"{what} must be a tuple of one to three integers, got {sizes!r}")
        sizes = (*(int(s) for s in sizes), 1, 1)[:3]
        if any(not 1 <= s <= limit for s, limit in zip(sizes, limits, strict=True)):
            self._refuse(f"{what} {sizes} is not within 1 … {limits}")
        return sizes

    def _value(self, i, given, wanted):
        """A 0-d array with the bytes that the parameter receives."""
        if "*" in wanted:
            return self._pointer(i, given, wanted)
        dtype = _dtype(wanted)
        if dtype.kind == "V":
            return self._structure(i, given, dtype)
        if isinstance(given, np.ndarray) and given.size == 1:  # passed by value, too
            given = given.reshape(())[()]
        if not isinstance(given, np.generic) or given.dtype != dtype:
            of = f" of {given.dtype}" if hasattr(given, "dtype") else ""
            self._refuse(
                f"argument {i} must be np.{dtype.name}(…), got {type(given).__name__}{of}; CuPy "
                "would pass its bytes as they are"
            )
        return np.array(given)

    def _structure(self, i, given, dtype):
        """One structure, as a NumPy array of size 1: CuPy passes its bytes."""
        if not isinstance(given, np.ndarray) or given.size != 1 or given.itemsize != dtype.itemsize:
            self._refuse(f"argument {i} must be one structure of {dtype.itemsize} bytes")
        return given

    def _pointer(self, i, given, wanted):
        if isinstance(given, np.uintp) and given == 0:  # a null pointer; CuPy has no None for it
            return np.array(given)
        array, dtype = getattr(given, "host", given), _dtype(wanted.split("*")[1])
        if not isinstance(array, np.ndarray):
            self._refuse(f"argument {i} must be an array of {dtype}, got {type(array).__name__}")
        if array.dtype != dtype:
            self._refuse(f"argument {i} must be an array of {dtype}, got one of {array.dtype}")
        if not array.flags.c_contiguous:
            self._refuse(f"argument {i} must lie in memory in one piece, in C order")
        if not array.flags.writeable and not wanted.startswith("const"):
            self._refuse(f"argument {i} is read-only, but the kernel's pointer is not const")
        return np.array(array.ctypes.data, np.uintp)


class Watched:
    """Copies of arrays, each in a block of malloc's own: there the sanitizer knows its ends.

    (NumPy keeps small blocks for reuse, and an array may be a part of a larger one.)
    """

    def __init__(self, arrays):
        self.libc = ctypes.CDLL(None)  # with the sanitizer's malloc
        self.libc.malloc.restype = ctypes.c_void_p
        self.blocks = {}
        for array in arrays:
            if isinstance(array, np.ndarray) and array.ctypes.data not in self.blocks:
                block = self.libc.malloc(ctypes.c_size_t(array.nbytes))
                ctypes.memmove(block, array.ctypes.data, array.nbytes)
                self.blocks[array.ctypes.data] = (block, array)

    def place(self, pointer):
        block, _ = self.blocks.get(int(pointer), (0, None))
        return np.array(block, np.uintp)

    def copy_back(self):
        for block, array in self.blocks.values():
            if array.flags.writeable:
                ctypes.memmove(array.ctypes.data, block, array.nbytes)
            self.libc.free(ctypes.c_void_p(block))


@functools.cache
def _dtype(word):
    return np.dtype("bool" if word == "b1" else word)
