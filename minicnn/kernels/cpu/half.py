"""float16, which Numba does not compute with on a CPU."""

from functools import wraps

import numpy as np


def _converted(value, old, new):
    is_old = isinstance(value, np.ndarray) and value.dtype == old
    return value.astype(new) if is_old else value


def through_float32(kernel):
    """A kernel that takes float16 arrays: it works on float32 copies and rounds what it returns."""

    @wraps(kernel)
    def run(*arguments):
        if arguments[0].dtype != np.float16:
            return kernel(*arguments)
        result = kernel(*[_converted(a, np.float16, np.float32) for a in arguments])
        if isinstance(result, tuple):
            return tuple(_converted(r, np.float32, np.float16) for r in result)
        return _converted(result, np.float32, np.float16)

    return run
