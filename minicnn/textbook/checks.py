"""What every function of the textbook does first: look at its arguments."""

import numpy as np


def array(function, name, value, axes):
    """`value` as float64, all arithmetic is done in that; ValueError unless it has these axes.

    >>> array("conv2d", "b", [1, 2], "F")
    array([1., 2.])
    >>> array("conv2d", "x", [1, 2], "N C H W")
    Traceback (most recent call last):
    ...
    ValueError: conv2d: x must have 4 axes (N, C, H, W), got shape (2,)
    """
    value = real(function, name, value)
    names = axes.split()
    if value.ndim != len(names):
        raise ValueError(
            f"{function}: {name} must have {len(names)} axes ({', '.join(names)}), "
            f"got shape {value.shape}"
        )
    return value


def real(function, name, value):
    """`value` as float64, of any shape."""
    try:
        value = np.asarray(value)
    except (ValueError, TypeError):
        raise ValueError(
            f"{function}: {name} must hold real numbers, in lists of one length, got {value!r}"
        ) from None
    if value.dtype.kind not in "biuf":
        raise ValueError(f"{function}: {name} must hold real numbers, got dtype {value.dtype}")
    return value.astype(np.float64)


def dtype_of(value):
    """The dtype of the result: that of the input if it is floating, float64 for integers.

    >>> dtype_of(np.zeros(3, np.float32)), dtype_of([1, 2])
    (dtype('float32'), dtype('float64'))
    """
    try:
        dtype = np.asarray(value).dtype
    except (ValueError, TypeError):  # what it is not, `real` says by name
        return np.dtype(np.float64)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def shape(function, name, value, expected):
    """ValueError unless `value` has the expected shape."""
    if value.shape != tuple(expected):
        raise ValueError(f"{function}: {name} must have shape {tuple(expected)}, got {value.shape}")


def integer(function, name, value, least):
    """`value` as an int; ValueError unless it is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{function}: {name} must be an integer ≥ {least}, got {value!r}")
    return int(value)


def pair(function, name, value, least):
    """`value` as (h, w); ValueError unless it is two whole numbers of at least `least`.

    >>> pair("conv2d", "stride", 2, 1)
    Traceback (most recent call last):
    ...
    ValueError: conv2d: stride must be a pair (h, w) of integers ≥ 1, got 2
    """
    if isinstance(value, tuple | list) and len(value) == 2:
        whole = [isinstance(v, int | np.integer) and not isinstance(v, bool) for v in value]
        if all(whole) and min(value) >= least:
            return int(value[0]), int(value[1])
    raise ValueError(
        f"{function}: {name} must be a pair (h, w) of integers ≥ {least}, got {value!r}"
    )
