"""A tensor in another dtype, elsewhere, or as Python's and NumPy's kinds of numbers."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, GraphError
from minicnn.device import as_device
from minicnn.dtypes import as_dtype, is_floating
from minicnn.ops.arithmetic import Cast, Clone
from minicnn.tensor import Tensor, apply


def to(x, *args, dtype=None, device=None, copy=False):
    """The tensor in another dtype or on another device; itself where nothing changes."""
    for a in args:
        if isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, str) and a.split(":")[0] in ("cpu", "cuda"):
            device = a
        else:
            dtype = a
    if device is not None:
        as_device(device)
    if dtype is not None and as_dtype(dtype, "to") != x.dtype:
        return apply(Cast(as_dtype(dtype, "to")), x)
    return x.clone() if copy else x


def cpu(x):
    """The tensor in the computer's main memory."""
    return to(x, "cpu")


def cuda(x):
    """The tensor on the GPU."""
    return to(x, "cuda")


def _converter(name, dtype):
    def convert(x):
        return to(x, dtype)

    convert.__name__ = name
    convert.__doc__ = f"The tensor as {dtype.name}; itself where it is that already."
    return convert


DTYPE_METHODS = {
    name: _converter(name, np.dtype(dtype))
    for name, dtype in {
        "half": "float16",
        "float": "float32",
        "double": "float64",
        "int": "int32",
        "long": "int64",
        "bool": "bool",
    }.items()
}


def type_as(x, other):
    """The tensor in the dtype of another one."""
    return x.to(other.dtype)


def clone(x):
    """A copy in memory of its own, which gradients pass through."""
    return apply(Clone(), x)


def contiguous(x):
    """The tensor itself if its memory is in row-major order, else a copy that is."""
    return x if x.is_contiguous() else x.clone()


def item(x):
    """The value of a tensor of one element, as a Python number."""
    if x.numel() != 1:
        raise ArgumentError(
            f"item: only a tensor of one element is a number; this one has shape {x.shape}"
        )
    return x.array.item()


def tolist(x):
    """The values as nested lists of Python numbers."""
    return x.array.tolist()


def numpy(x):
    """The NumPy array on the same memory; refused where gradients would be lost unseen."""
    if x.requires_grad:
        raise GraphError(
            "numpy: this tensor requires grad, and NumPy would not carry its history; "
            "use x.detach().numpy()"
        )
    return x.array


def as_array(x, dtype=None, copy=None):
    array = x.numpy()
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array.copy() if copy else array


def as_dlpack(x, **options):
    return x.numpy().__dlpack__(**options)


def as_dlpack_device(x):
    return x.array.__dlpack_device__()


def as_float(x):
    return float(x.item())


def as_int(x):
    return int(x.item())


def as_index(x):
    if is_floating(x.dtype):
        raise DtypeError(f"a tensor of {x.dtype} cannot be used as an index")
    return int(x.item())


def as_bool(x):
    if x.numel() != 1:
        raise ArgumentError(
            f"the truth of a tensor with {x.numel()} elements is ambiguous; use .any() or .all()"
        )
    return bool(x.item())


def as_iter(x):
    if not x.ndim:
        raise DtypeError("a 0-d tensor cannot be iterated over")
    return (x[i] for i in range(len(x)))
