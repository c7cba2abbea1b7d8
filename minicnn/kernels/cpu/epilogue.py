"""What follows a sum, done while it is still in the cache: y ← f((y − μ) · a + β + r)."""

import numpy as np
from numba import njit

from minicnn.kernels.cpu.activation import exponential

ACTIVATIONS = {None: 0, "relu": 1, "relu6": 2, "silu": 3, "hardswish": 4}
RELU, RELU6, SILU, HARDSWISH = 1, 2, 3, 4
_ZERO, _ONE, _THREE, _SIX = (np.float32(v) for v in (0, 1, 3, 6))

# Division as NumPy does it: one that asked whether to raise an error would not become vectors.
_inner = njit(error_model="numpy")


@_inner
def activate(y, start, length, residual, act):
    """y ← f(y + r), for `length` numbers from `start` on, which is unsigned.

    `residual` lies as y does, or is empty. `act`: one of the ACTIVATIONS.
    """
    if len(residual):
        for q in range(np.uint64(length)):
            y[start + q] += residual[start + q]
    if act == RELU:
        for q in range(np.uint64(length)):
            z = y[start + q]
            y[start + q] = _ZERO if z <= _ZERO else z
    elif act == RELU6:
        for q in range(np.uint64(length)):
            z = y[start + q]
            z = _ZERO if z <= _ZERO else z
            y[start + q] = _SIX if z >= _SIX else z
    elif act == SILU:
        for q in range(np.uint64(length)):
            z = y[start + q]
            e = exponential(-abs(z))
            y[start + q] = z * ((e if z < _ZERO else _ONE) / (_ONE + e))
    elif act == HARDSWISH:
        for q in range(np.uint64(length)):
            z = y[start + q]
            v = z + _THREE
            v = _ZERO if v <= _ZERO else v
            y[start + q] = z * ((_SIX if v >= _SIX else v) / _SIX)


@_inner
def finish(y, start, length, channel, after):
    """y ← f((y − μ) · a + β + r) for `length` numbers of one channel.

    `after` is (norm, residual, act), the last two as for `activate`; `norm` holds, one after the
    other, the μ, the a and the β of all channels, or nothing. Kernels take None for `after`, too:
    then nothing follows, and they are compiled without this.
    """
    norm, residual, act = after
    begin = np.uint64(start)
    if len(norm):
        middle, a, shift = norm[0, channel], norm[1, channel], norm[2, channel]
        if act == RELU and len(residual) == 0:  # the usual case, in a single pass
            for q in range(np.uint64(length)):
                z = (y[begin + q] - middle) * a + shift
                y[begin + q] = _ZERO if z <= _ZERO else z
            return
        for q in range(np.uint64(length)):
            y[begin + q] = (y[begin + q] - middle) * a + shift
    activate(y, begin, length, residual, act)
