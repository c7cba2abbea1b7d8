"""The update of stochastic gradient descent in one pass: memory is what it waits for."""

import numpy as np
from numba import prange

from minicnn.kernels import plain
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.registry import register

BLOCK = 2**16  # numbers that one thread takes at a time


@jit
def _sgd(parameter, gradient, velocity, lr, momentum, undamped, decay, sign, kind):
    size = parameter.size
    for block in prange((size + BLOCK - 1) // BLOCK):
        start = np.uint64(block * BLOCK)
        count = np.uint64(min(BLOCK, size - block * BLOCK))
        if kind == 0:  # without momentum
            for q in range(count):
                g = sign * gradient[start + q] + decay * parameter[start + q]
                parameter[start + q] -= lr * g
        elif kind == 1:
            for q in range(count):
                g = sign * gradient[start + q] + decay * parameter[start + q]
                v = momentum * velocity[start + q] + undamped * g
                velocity[start + q] = v
                parameter[start + q] -= lr * v
        else:  # Nesterov's
            for q in range(count):
                g = sign * gradient[start + q] + decay * parameter[start + q]
                v = momentum * velocity[start + q] + undamped * g
                velocity[start + q] = v
                parameter[start + q] -= lr * (g + momentum * v)


@register("sgd_update", "cpu")
def sgd_update(parameter, gradient, velocity, lr, momentum, dampening, decay, nesterov, maximize):
    arrays = [a for a in (parameter, gradient, velocity) if a is not None]
    options = lr, momentum, dampening, decay, nesterov, maximize
    # Numbers of float32 or float64, in memory without gaps, as parameters are.
    kind = parameter.dtype.type
    same = kind in (np.float32, np.float64) and all(a.dtype == parameter.dtype for a in arrays)
    if not same or not all(a.flags.c_contiguous for a in arrays):
        plain.sgd_update(parameter, gradient, velocity, *options)
        return
    which = 0 if velocity is None else 2 if nesterov else 1
    parameter, gradient = parameter.reshape(-1), gradient.reshape(-1)
    velocity = parameter if velocity is None else velocity.reshape(-1)
    numbers = (kind(n) for n in (lr, momentum, 1 - dampening, decay, -1 if maximize else 1))
    _sgd(parameter, gradient, velocity, *numbers, which)
