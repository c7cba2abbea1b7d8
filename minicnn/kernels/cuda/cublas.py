"""cuBLAS called by itself: what CuPy's wrapper refuses while a CUDA graph is captured.

CuPy (14) lets no cuBLAS function into a graph, because not all of them can be; a product of
matrices whose factors alpha and beta come from the host can (NVIDIA's manual of cuBLAS, "CUDA
Graphs Support"). The library is the one that CuPy has loaded, and so is the handle.
"""

import ctypes
import functools
import sys

from minicnn.checks import GraphError

_INT, _LONG, _POINTER = ctypes.c_int, ctypes.c_longlong, ctypes.c_void_p
_GEMM = [
    *(_POINTER, _INT, _INT, _INT, _INT, _INT, _POINTER),  # handle, op A, op B, m, n, k, alpha
    *(_POINTER, _INT, _INT, _LONG),  # A, its type, lda, step
    *(_POINTER, _INT, _INT, _LONG, _POINTER),  # B, its type, ldb, step; beta
    *(_POINTER, _INT, _INT, _LONG, _INT, _INT, _INT),  # C …; batch, compute type, algorithm
]


@functools.cache
def library(version):
    """The library of a version of CUDA, which the process has loaded already."""
    windows = sys.platform == "win32"
    return ctypes.CDLL(f"cublas64_{version}.dll" if windows else f"libcublas.so.{version}")


def gemm_in_capture(cuda, handle, *arguments):
    """``gemmStridedBatchedEx`` of CuPy, on the current stream, which is being captured."""
    found = library(cuda.cublas.getVersion(handle) // 10000)
    found.cublasGemmStridedBatchedEx.argtypes = _GEMM
    found.cublasSetStream_v2.argtypes = [_POINTER, _POINTER]
    status = found.cublasSetStream_v2(handle, cuda.get_current_stream().ptr)
    status = status or found.cublasGemmStridedBatchedEx(handle, *arguments)
    if status:
        raise GraphError(f"cuda.graph: cuBLAS cannot capture this product (status {status})")
