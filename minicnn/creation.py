"""Making tensors."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.device import as_device
from minicnn.dtypes import DTYPES, as_dtype, float32, float64, int64
from minicnn.random import numpy_generator
from minicnn.tensor import Tensor


def _first_number(data):
    while isinstance(data, (list, tuple)) and len(data):
        data = data[0]
    return data


def _array(name, data, dtype):
    """`data` as an array of one of minicnn's dtypes, in memory of its own."""
    if isinstance(data, Tensor):
        data = data.array
    elif isinstance(data, (list, tuple)) and isinstance(_first_number(data), Tensor):
        data = _nested_arrays(data)
    known = isinstance(data, (np.ndarray, np.generic))
    try:
        array = np.array(data)
    except ValueError:
        raise ShapeError(
            f"{name}: the nested lists are ragged: all lists of one depth must have one length"
        ) from None
    if dtype is None:
        if known:
            dtype = array.dtype
        elif array.dtype == float64 and not isinstance(_first_number(data), np.generic):
            dtype = float32  # Python's floats: the default dtype
        elif not array.size:
            dtype = float32
        else:
            dtype = array.dtype
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"{name}: {type(data).__name__} of {array.dtype} is not a tensor of numbers"
        )
    return array.astype(as_dtype(dtype, name), order="C", copy=False)


def _nested_arrays(data):
    if isinstance(data, Tensor):
        return data.detach().array
    return [_nested_arrays(d) for d in data] if isinstance(data, (list, tuple)) else data


def tensor(data, *, dtype=None, device=None, requires_grad=False):
    """A tensor with a copy of `data`: a number, nested lists, an array or a tensor.

    Args:
        dtype: default: float32 for Python floats, int64 for integers, bool for truth values, and an
            array's own dtype.
        requires_grad: want gradients for it.

    Raises:
        ShapeError: nested lists are ragged.
        DtypeError: not numbers, or a dtype that minicnn does not have.

    >>> import minicnn as mc
    >>> mc.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    _device("tensor", device)
    return Tensor(_array("tensor", data, dtype), requires_grad)


def as_tensor(data, dtype=None, device=None):
    """As `tensor`, without a copy where `data` is a tensor or an array of the right dtype."""
    _device("as_tensor", device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray) and data.dtype in DTYPES:
        return from_numpy(data) if dtype is None else from_numpy(data).to(dtype)
    return tensor(data, dtype=dtype)


def from_numpy(array):
    """A tensor on the memory of a NumPy array: a change of one shows in the other."""
    if not isinstance(array, np.ndarray):
        raise DtypeError(f"from_numpy: expected a NumPy array, got {type(array).__name__}")
    if array.dtype not in DTYPES or not array.dtype.isnative:
        return Tensor(array.astype(as_dtype(array.dtype, "from_numpy")))
    return Tensor(array)


def _device(name, device):
    if device is not None:
        as_device(device)


def _shape(name, size):
    if len(size) == 1 and not hasattr(size[0], "__index__"):
        size = size[0]
    try:
        shape = tuple(s.__index__() for s in size)
    except (TypeError, AttributeError):
        raise DtypeError(f"{name}: sizes must be integers, got {size!r}") from None
    if min(shape, default=0) < 0:
        raise ArgumentError(f"{name}: sizes must be at least 0, got {shape}")
    return shape


def _made(name, array, dtype, device, requires_grad, default=float32):
    _device(name, device)
    dtype = default if dtype is None else as_dtype(dtype, name)
    return Tensor(array.astype(dtype, copy=False), requires_grad)


def zeros(*size, dtype=None, device=None, requires_grad=False):
    """A tensor of zeros."""
    return _made("zeros", np.zeros(_shape("zeros", size)), dtype, device, requires_grad)


def ones(*size, dtype=None, device=None, requires_grad=False):
    """A tensor of ones."""
    return _made("ones", np.ones(_shape("ones", size)), dtype, device, requires_grad)


def empty(*size, dtype=None, device=None, requires_grad=False):
    """A tensor whose values are whatever was in memory."""
    shape = _shape("empty", size)
    dtype = float32 if dtype is None else as_dtype(dtype, "empty")
    return _made("empty", np.empty(shape, dtype), dtype, device, requires_grad)


def full(size, fill_value, *, dtype=None, device=None, requires_grad=False):
    """A tensor of one number."""
    value = _array("full", fill_value, dtype)
    array = np.full(_shape("full", (size,)), value)
    return _made("full", array, value.dtype, device, requires_grad)


def zeros_like(input, *, dtype=None, requires_grad=False):
    """Zeros in the shape and dtype of another tensor."""
    return zeros(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def ones_like(input, *, dtype=None, requires_grad=False):
    """Ones in the shape and dtype of another tensor."""
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def arange(start, end=None, step=1, *, dtype=None, device=None, requires_grad=False):
    """start, start + step, … below end; ``arange(n)`` is 0 … n − 1."""
    if end is None:
        start, end = 0, start
    if not step or (end - start) / step < 0:
        raise ArgumentError(f"arange: steps of {step} do not lead from {start} to {end}")
    array = np.arange(start, end, step)
    default = float32 if array.dtype.kind == "f" else int64
    return _made("arange", array, dtype, device, requires_grad, default)


def eye(n, m=None, *, dtype=None, device=None, requires_grad=False):
    """The n × m matrix with ones on the diagonal."""
    return _made("eye", np.eye(n, m), dtype, device, requires_grad)


def _random_shape(name, positional, size):
    if size is not None and positional:
        raise ArgumentError(f"{name}: give the sizes once, as arguments or as size=")
    return _shape(name, (size,) if size is not None else positional)


def rand(*positional, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Uniformly random numbers in [0, 1); sizes as arguments or as ``size=(…)``."""
    shape = _random_shape("rand", positional, size)
    kept = float64 if dtype is not None and as_dtype(dtype) == float64 else float32
    array = numpy_generator(generator).random(shape, kept)
    return _made("rand", np.asarray(array), dtype, device, requires_grad)


def randn(*positional, size=None, generator=None, dtype=None, device=None, requires_grad=False):
    """Normally distributed random numbers, mean 0 and variance 1."""
    shape = _random_shape("randn", positional, size)
    kept = float64 if dtype is not None and as_dtype(dtype) == float64 else float32
    array = numpy_generator(generator).standard_normal(shape, kept)
    return _made("randn", np.asarray(array), dtype, device, requires_grad)


def randint(low, high=None, size=None, *, generator=None, dtype=None, device=None):
    """Random integers from `low` to `high` − 1; ``randint(high, size)`` starts at 0."""
    if size is None and hasattr(high, "__len__"):
        high, size = None, high
    if size is None:
        raise ArgumentError("randint: size is missing; randint(low, high, size)")
    if high is None:
        low, high = 0, low
    if low >= high:
        raise ArgumentError(f"randint: expected low < high, got low {low} and high {high}")
    array = numpy_generator(generator).integers(low, high, _shape("randint", (size,)))
    return _made("randint", array, dtype, device, False, int64)


def randperm(n, *, generator=None, dtype=None, device=None):
    """The numbers 0 … n − 1 in random order."""
    if not hasattr(n, "__index__") or n < 0:
        raise ArgumentError(f"randperm: n must be an integer ≥ 0, got {n!r}")
    return _made("randperm", numpy_generator(generator).permutation(n), dtype, device, False, int64)
