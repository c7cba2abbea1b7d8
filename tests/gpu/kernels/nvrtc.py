"""NVRTC, NVIDIA's compiler as a library: it compiles for any GPU, and needs none.

CuPy gives it the same sources. It comes with the package ``nvidia-cuda-nvrtc``.
"""

import ctypes
import functools
from ctypes import byref, c_char_p, c_size_t, c_void_p
from importlib import util
from pathlib import Path


class CompileError(Exception):
    """What the compiler says."""


@functools.cache
def library():
    """The library, or None where it is not installed."""
    spec = util.find_spec("nvidia")
    for place in spec.submodule_search_locations if spec else ():
        for path in sorted(Path(place).glob("*/lib/libnvrtc.so.*")):
            found = ctypes.CDLL(str(path))
            found.nvrtcGetErrorString.restype = c_char_p
            return found
    return None


def _asked(function, *arguments):
    status = getattr(library(), function)(*arguments)
    if status:
        raise CompileError(f"{function}: {library().nvrtcGetErrorString(status).decode()}")


def _text(program, what):
    """The log, or the machine code."""
    size = c_size_t()
    _asked(f"nvrtcGet{what}Size", program, byref(size))
    text = ctypes.create_string_buffer(size.value)
    _asked(f"nvrtcGet{what}", program, text)
    return text.raw


def compiled(code, options, architecture):
    """The machine code (a cubin) of CUDA C for an `architecture` such as "sm_90".

    Raises:
        CompileError: with the compiler's words; warnings are errors.
    """
    program = c_void_p()
    _asked(
        "nvrtcCreateProgram", byref(program), c_char_p(code.encode()), c_char_p(b"kernels.cu"),
        0, None, None,
    )  # fmt: skip
    try:
        words = [*options, f"--gpu-architecture={architecture}"]
        given = (c_char_p * len(words))(*(w.encode() for w in words))
        status = library().nvrtcCompileProgram(program, len(words), given)
        log = _text(program, "ProgramLog").rstrip(b"\0\n").decode()
        if status or log:
            raise CompileError(log)
        return _text(program, "CUBIN")
    finally:
        library().nvrtcDestroyProgram(byref(program))
