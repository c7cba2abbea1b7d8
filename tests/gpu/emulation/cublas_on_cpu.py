"""A stand-in for ``cupy.cuda.cublas``: the one product that minicnn asks cuBLAS for, by NumPy.

It takes what cuBLAS takes, addresses and steps, and refuses what cuBLAS refuses. Memory is read and
written by the C library's memmove, which AddressSanitizer watches.
"""

import ctypes

import numpy as np

CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_64F = 68, 77, 70
CUBLAS_GEMM_DEFAULT = -1
HANDLE = 0xB1A5

DTYPES = {0: np.dtype(np.float32), 1: np.dtype(np.float64), 2: np.dtype(np.float16)}
COMPUTED_IN = {68: np.float32, 77: np.float32, 70: np.float64}


class CUBLASError(RuntimeError):
    """What cuBLAS refuses."""


def get_cublas_handle():
    return HANDLE


def getVersion(handle):
    return 120903


def _tf32(a):
    """float32 rounded to the 11 bits that TF32 keeps."""
    bits = a.view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def _read(place, dtype, rows, columns, line):
    """The matrix (rows, columns) in Fortran's order, of which only its own entries are touched."""
    matrix = np.empty((columns, rows), dtype)
    for column in range(columns):
        ctypes.memmove(
            matrix[column].ctypes.data, place + column * line * dtype.itemsize, matrix[0].nbytes
        )
    return matrix.T


def _write(matrix, place, line):
    columns = np.ascontiguousarray(matrix.T)
    for i, column in enumerate(columns):
        ctypes.memmove(place + i * line * matrix.itemsize, column.ctypes.data, column.nbytes)


def gemmStridedBatchedEx(
    handle, transa, transb, m, n, k, alpha, A, Atype, lda, strideA, B, Btype, ldb, strideB,
    beta, C, Ctype, ldc, strideC, batchCount, computeType, algo,
):  # fmt: skip
    """C = alpha · op(A) op(B) + beta · C for each of `batchCount` matrices, in Fortran's order."""
    integers = (handle, transa, transb, m, n, k, alpha, A, Atype, lda, strideA, B, Btype, ldb,
                strideB, beta, C, Ctype, ldc, strideC, batchCount, computeType, algo)  # fmt: skip
    if any(isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in integers):
        raise TypeError(f"gemmStridedBatchedEx: takes integers, got {integers}")
    if handle != HANDLE:
        raise CUBLASError("CUBLAS_STATUS_NOT_INITIALIZED")
    a_shape, b_shape = (k, m) if transa else (m, k), (n, k) if transb else (k, n)
    fits = (
        transa in (0, 1) and transb in (0, 1) and min(m, n, k, batchCount) >= 0
        and lda >= max(1, a_shape[0]) and ldb >= max(1, b_shape[0]) and ldc >= max(1, m)
        and max(m, n, k, lda, ldb, ldc, batchCount) < 2**31 and algo == CUBLAS_GEMM_DEFAULT
        and min(strideA, strideB, strideC) >= 0
    )  # fmt: skip
    if not fits:
        raise CUBLASError(f"CUBLAS_STATUS_INVALID_VALUE: {integers}")
    if not Atype == Btype == Ctype or computeType not in ((70,) if Ctype == 1 else (68, 77)):
        raise CUBLASError("CUBLAS_STATUS_NOT_SUPPORTED: types that do not go together")
    if batchCount > 1 and strideC < (n - 1) * ldc + m:
        raise CUBLASError("the matrices of the result overlap: cuBLAS would write in any order")
    dtype, number = DTYPES[Ctype], COMPUTED_IN[computeType]
    of = ctypes.c_double if number is np.float64 else ctypes.c_float
    alpha, beta = (of.from_address(p).value for p in (alpha, beta))
    if min(m, n, batchCount) == 0:
        return
    for i in range(batchCount):
        a = _read(A + i * strideA * dtype.itemsize, dtype, *a_shape, lda).astype(number)
        b = _read(B + i * strideB * dtype.itemsize, dtype, *b_shape, ldb).astype(number)
        if computeType == CUBLAS_COMPUTE_32F_FAST_TF32:
            a, b = _tf32(np.ascontiguousarray(a)), _tf32(np.ascontiguousarray(b))
        place = C + i * strideC * dtype.itemsize
        with np.errstate(all="ignore"):
            c = number(alpha) * np.matmul(a.T if transa else a, b.T if transb else b)
            if beta:  # with 0 the old C is not read: it may be NaN
                c = c + number(beta) * _read(place, dtype, m, n, ldc)
            _write(c.astype(dtype), place, ldc)
