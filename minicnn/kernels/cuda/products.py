"""Products of matrices by cuBLAS, and linear layers, which are one product each.

cuBLAS knows matrices by three numbers: where they begin, whether they are transposed, and how far
one line is from the next. A view of an array, such as ``w.T`` or one matrix repeated for a whole
batch (a step of 0), has these numbers, too: nothing is copied.

TF32 is off: sums and products have float32's 24 bits, as on the CPU. With ``allow_tf32(True)`` a
GPU from 2020 on reads the factors with 11 bits and is several times faster; the results then agree
with the CPU's to three digits instead of six.
"""

import functools
import math
from contextvars import ContextVar

import numpy as np

from minicnn.arrays import array_module
from minicnn.gpu import capturing
from minicnn.kernels.cuda import launching
from minicnn.kernels.cuda.cublas import gemm_in_capture
from minicnn.kernels.registry import register

_tf32 = ContextVar("minicnn_tf32", default=False)


def allow_tf32(allowed):
    """Let products of float32 matrices use TF32, from now on, in this context."""
    _tf32.set(bool(allowed))


def tf32_allowed():
    """Whether products of float32 matrices use TF32."""
    return _tf32.get()


def _layout(a):
    """(a, transposed, step from line to line) of (batch, rows, columns); copied if it has none."""
    _, rows, columns = a.shape
    down, right = (step // a.itemsize for step in a.strides[1:])
    if a.strides[0] < 0:  # the batch runs backwards
        a = launching.contiguous(a)
        return a, False, columns
    if (right == 1 or columns == 1) and (rows == 1 or down >= columns):
        return a, False, down if rows > 1 else columns
    if (down == 1 or rows == 1) and (columns == 1 or right >= rows):
        return a, True, right if columns > 1 else rows
    a = launching.contiguous(a)
    return a, False, columns


def multiply(a, b, out, accumulate=False):
    """out = a b, or out += a b, for each matrix of a batch; returns `out`.

    Args:
        a: (batch, rows, inner). b: (batch, inner, columns). Both may be views; a batch of one
            matrix serves all.
        out: (batch, rows, columns); its matrices lie in memory row by row.

    cuBLAS counts down the columns first, as Fortran does; read that way a row-major matrix is its
    own transpose. From (A B)ᵀ = Bᵀ Aᵀ follows that it needs B and A in exchange, and nothing else.
    """
    batch, rows, columns = out.shape
    inner = a.shape[2]
    if out.size == 0:
        return out
    if inner == 0:  # an empty sum
        if not accumulate:
            out[...] = 0
        return out
    a, a_transposed, a_line = _layout(a)
    b, b_transposed, b_line = _layout(b)
    assert columns == 1 or out.strides[2] == out.itemsize, "multiply: out must hold rows"
    out_line = out.strides[1] // out.itemsize if rows > 1 else columns
    cuda = launching.cupy().cuda
    library = cuda.cublas
    kind, reckoned, number = {
        "float16": (2, library.CUBLAS_COMPUTE_32F, np.float32),
        "float32": (0, library.CUBLAS_COMPUTE_32F, np.float32),
        "float64": (1, library.CUBLAS_COMPUTE_64F, np.float64),
    }[out.dtype.name]  # `kind` is CUDA_R_16F, CUDA_R_32F or CUDA_R_64F
    if kind == 0 and tf32_allowed():
        reckoned = library.CUBLAS_COMPUTE_32F_FAST_TF32
    # Read by cuBLAS from the host, before the call returns.
    one, kept = np.ones(1, number), np.full(1, accumulate, number)
    gemm = functools.partial(gemm_in_capture, cuda) if capturing() else library.gemmStridedBatchedEx
    gemm(
        cuda.get_cublas_handle(),
        int(b_transposed), int(a_transposed), columns, rows, inner, one.ctypes.data,
        launching.address(b), kind, b_line, _step(b), launching.address(a), kind, a_line, _step(a),
        kept.ctypes.data, launching.address(out), kind, out_line, _step(out),
        batch, reckoned, library.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip
    return out


def _step(a):
    """Entries from one matrix of a batch to the next; 0: the same for all."""
    return a.strides[0] // a.itemsize if len(a) > 1 else 0


def product(a, b):
    """a b, of two matrices."""
    out = array_module(a).empty((a.shape[0], b.shape[1]), a.dtype)
    multiply(a[None], b[None], out[None])
    return out


@register("matmul", "cuda")
def matmul(a, b):
    """The matrix product, also of two equal batches; CuPy's where batches are to be broadcast."""
    xp, batch = array_module(a), a.shape[:-2]
    if a.ndim < 2 or batch != b.shape[:-2] or b.ndim < 2 or a.dtype != b.dtype:
        return xp.matmul(a, b)
    out = xp.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)
    # (…, rows, columns) → (batch, rows, columns)
    multiply(*(m.reshape(math.prod(batch), *m.shape[-2:]) for m in (a, b, out)))
    return out


@register("linear", "cuda")
def linear(x, w, bias):
    """Z = X Wᵀ + b, eq. 1.10 for each row of X (rows, in); W (out, in)."""
    xp = array_module(x)
    z = xp.empty((x.shape[0], w.shape[0]), x.dtype)
    if bias is not None:
        z[...] = bias  # to which the product is added
    multiply(x[None], w.T[None], z[None], accumulate=bias is not None)
    return z


@register("linear_input_gradient", "cuda")
def linear_input_gradient(delta, w):
    """∂L/∂X = δ W."""
    return product(delta, w)


@register("linear_weight_gradient", "cuda")
def linear_weight_gradient(delta, x):
    """∂L/∂W = δᵀ X, the sum over the rows."""
    return product(delta.T, x)
