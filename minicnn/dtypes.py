"""The dtypes, and PyTorch's rule for the dtype of a result.

A dtype is NumPy's own: ``minicnn.float32`` is ``numpy.dtype("float32")``.
"""

import builtins

import numpy as np

from minicnn.checks import DtypeError

float16 = np.dtype("float16")
float32 = np.dtype("float32")
float64 = np.dtype("float64")
int32 = np.dtype("int32")
int64 = np.dtype("int64")
uint8 = np.dtype("uint8")
bool = np.dtype("bool")

DTYPES = (float32, float64, float16, int64, int32, uint8, bool)

_PYTHON_TYPES = {builtins.bool: bool, int: int64, float: float32}


def as_dtype(dtype, operation="dtype"):
    """`dtype` as one of minicnn's dtypes; names, NumPy scalars types and Python types are taken.

    >>> as_dtype("float64"), as_dtype(float)
    (dtype('float64'), dtype('float64'))
    """
    if isinstance(dtype, np.dtype) and dtype in DTYPES:
        return dtype
    try:
        # NumPy takes arrays for their dtype, and tuples for a structure: neither was meant here.
        known = isinstance(dtype, (str, type, np.dtype))
        found = np.dtype(dtype).newbyteorder("=") if known else None
    except (TypeError, ValueError):
        found = None
    # None first: NumPy holds np.dtype("float64") equal to None.
    if found is None or found not in DTYPES:
        names = ", ".join(d.name for d in DTYPES)
        raise DtypeError(f"{operation}: {dtype!r} is not a dtype of minicnn; it has {names}")
    return found


def is_floating(dtype):
    return dtype.kind == "f"


def _category(dtype):
    return {"b": 0, "u": 1, "i": 1, "f": 2}[dtype.kind]


def _promote(a, b):
    """Within one category the wider dtype, else the dtype of the higher category."""
    if a is None or a == b:
        return b
    if _category(a) != _category(b):
        return a if _category(a) > _category(b) else b
    return np.promote_types(a, b)


def _python_dtype(number):
    # By isinstance: members of an IntEnum are integers too.
    return next(d for kind, d in _PYTHON_TYPES.items() if isinstance(number, kind))


def result_type(*operands):
    """The dtype of an operation on `operands` (arrays and Python numbers), by PyTorch's rule.

    Arrays with dimensions decide first; a 0-d array, and after it a Python number, has a say only
    if it is of a higher category (bool < integer < floating). So ``float32 + 2.5`` stays float32,
    and ``int64 + 2.5`` is float32, not NumPy's float64.

    >>> result_type(np.ones(2, "int64"), 2.5)
    dtype('float32')
    >>> result_type(np.ones(2, "float32"), np.array(1.0))
    dtype('float32')
    """
    groups = [None, None, None]  # with dimensions, 0-d, Python numbers
    for x in operands:
        if isinstance(x, (builtins.bool, int, float)) and not isinstance(x, np.generic):
            rank, dtype = 2, _python_dtype(x)
        else:
            # Refuses strings, objects, complex numbers.
            rank, dtype = (0 if x.ndim else 1), as_dtype(x.dtype, "arithmetic")
        groups[rank] = _promote(groups[rank], dtype)
    result = None
    for dtype in groups:
        if dtype is not None and (result is None or _category(dtype) > _category(result)):
            result = dtype
    return result
