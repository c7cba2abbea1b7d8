"""Steps of optimisers, in one pass and for all parameters at once.

A step does little with each number, so it waits for memory: every pass that is saved counts. And a
network has hundreds of parameters, most of them with a few numbers: to start a kernel for each
would cost more than the kernel. So a kernel is given the *addresses* of all arrays. Their numbers,
in the order of the parameters, are cut into as many equal parts as there are threads.
"""

import numpy as np
from numba import carray
from numba.core import types
from numba.extending import intrinsic

from minicnn.kernels import plain_optimizers as plain
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.registry import register
from minicnn.kernels.threads import get_num_threads

LEAST = 2**13  # numbers that a thread is started for


@intrinsic
def _pointer(_, address, like):
    """The integer `address` as a pointer to numbers of the dtype of the array `like`."""

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(signature.return_type)
        return builder.inttoptr(arguments[0], kind)

    return types.CPointer(like.dtype)(types.intp, like), generate


@jit
def _sgd(thread, threads, addresses, sizes, undamped, options, kind, parts):
    """One step; kind 0: without momentum, 1: with it, 2: Nesterov's.

    Args:
        addresses: (parameters, 3), of the values, the gradients and the velocities.
        sizes: how many numbers each has. undamped: the gradients' shares in the velocities.
        options: lr, momentum, weight decay, and −1 to climb; all in the parameters' dtype.
        parts: into how many all numbers are cut.
    """
    lr, momentum, decay, sign = options[0], options[1], options[2], options[3]
    decays, zero = decay != 0, options.dtype.type(0)  # no decay: an infinite weight is no NaN
    total = sizes.sum()
    for part in own_part(parts, thread, threads):
        low, high, begin = total * part // parts, total * (part + 1) // parts, 0
        for i in range(len(sizes)):
            first, last = max(low - begin, 0), min(high - begin, sizes[i])
            begin += sizes[i]
            if first >= last:
                continue
            w = carray(_pointer(addresses[i, 0], options), last)
            grad = carray(_pointer(addresses[i, 1], options), last)
            v = carray(_pointer(addresses[i, 2], options), last)
            share = undamped[i]
            if kind == 0:
                for q in range(np.uint64(first), np.uint64(last)):
                    w[q] -= lr * (sign * grad[q] + (decay * w[q] if decays else zero))
                continue
            for q in range(np.uint64(first), np.uint64(last)):
                g = sign * grad[q] + (decay * w[q] if decays else zero)
                v[q] = momentum * v[q] + share * g
                w[q] -= lr * (g + momentum * v[q] if kind == 2 else v[q])


@jit
def _adam(thread, threads, addresses, sizes, corrections, options, largest, parts):
    """One step of Adam: as `_sgd`.

    Args:
        addresses: (parameters, 5), of the values, the gradients, m, v, and the largest v so far
            (which counts if `largest`).
        corrections: (parameters, 2), 1 − β₁ᵗ and √(1 − β₂ᵗ).
        options: lr, eps, what the values decay to, the decay that goes through the gradient, −1 to
            climb, β₁, 1 − β₁, β₂, 1 − β₂.
    """
    lr, eps, keep, decay, sign = options[0], options[1], options[2], options[3], options[4]
    beta1, rest1, beta2, rest2 = options[5], options[6], options[7], options[8]
    decays, zero = decay != 0, options.dtype.type(0)
    total = sizes.sum()
    for part in own_part(parts, thread, threads):
        low, high, begin = total * part // parts, total * (part + 1) // parts, 0
        for i in range(len(sizes)):
            first, last = max(low - begin, 0), min(high - begin, sizes[i])
            begin += sizes[i]
            if first >= last:
                continue
            w = carray(_pointer(addresses[i, 0], options), last)
            grad = carray(_pointer(addresses[i, 1], options), last)
            m = carray(_pointer(addresses[i, 2], options), last)
            v = carray(_pointer(addresses[i, 3], options), last)
            most = carray(_pointer(addresses[i, 4], options), last)
            of_m, of_root = corrections[i, 0], corrections[i, 1]
            for q in range(np.uint64(first), np.uint64(last)):
                g = sign * grad[q] + (decay * w[q] if decays else zero)
                m[q] = beta1 * m[q] + rest1 * g
                v[q] = beta2 * v[q] + rest2 * g * g
            if largest:
                for q in range(np.uint64(first), np.uint64(last)):
                    # NaN stays, on either side.
                    most[q] = most[q] if most[q] >= v[q] or most[q] != most[q] else v[q]
            root = most if largest else v
            for q in range(np.uint64(first), np.uint64(last)):
                w[q] = keep * w[q] - lr * (m[q] / of_m) / (np.sqrt(root[q]) / of_root + eps)


def _together(*lists):
    """The addresses (parameters, lists) and sizes of arrays that a kernel takes together, or None.

    It takes float32 or float64, all of one dtype, in memory that can be written to and has no gaps,
    each only once; and what belongs to a parameter has its shape. (NumPy refuses the rest, or does
    it more slowly: an address says nothing of how much memory there is.)
    """
    dtype = lists[0][0].dtype
    if dtype not in (np.float32, np.float64):
        return None
    addresses = []
    for arrays in lists:
        for a, parameter in zip(arrays, lists[0], strict=True):
            usable = a.flags.c_contiguous and a.flags.writeable and a.flags.aligned
            if a.dtype != dtype or a.shape != parameter.shape or not usable:
                return None
            addresses.append(a.__array_interface__["data"][0])
    count = len(lists[0])
    if len(set(addresses[:count])) < count:
        return None
    sizes = np.array([a.size for a in lists[0]])
    return np.array(addresses).reshape(-1, count).T.copy(), sizes


def _parts(sizes):
    return max(1, min(get_num_threads(), int(sizes.sum()) // LEAST))


@register("sgd_update", "cpu")
def sgd_update(
    parameters, gradients, velocities, undamped, lr, momentum, decay, nesterov, maximize
):
    # Without velocities their addresses are not looked at.
    found = _together(parameters, gradients, parameters if velocities is None else velocities)
    if found is None:
        plain.sgd_update(
            parameters, gradients, velocities, undamped, lr, momentum, decay, nesterov, maximize
        )
        return
    addresses, sizes = found
    dtype = parameters[0].dtype
    options = np.array([lr, momentum, decay, -1 if maximize else 1], dtype)
    kind = 0 if velocities is None else 2 if nesterov else 1
    _sgd(addresses, sizes, np.array(undamped, dtype), options, kind, _parts(sizes))


@register("adam_update", "cpu")
def adam_update(
    parameters,
    gradients,
    means,
    squares,
    largest,
    steps,
    lr,
    betas,
    eps,
    decay,
    decoupled,
    maximize,
):
    found = _together(
        parameters, gradients, means, squares, squares if largest is None else largest
    )
    if found is None:
        plain.adam_update(
            parameters, gradients, means, squares, largest, steps,
            lr, betas, eps, decay, decoupled, maximize,
        )  # fmt: skip
        return
    addresses, sizes = found
    dtype, (beta1, beta2) = parameters[0].dtype, betas
    corrections = np.array([(1 - beta1**t, (1 - beta2**t) ** 0.5) for t in steps], dtype)
    keep, through = (1 - lr * decay, 0) if decoupled else (1, decay)
    sign = -1 if maximize else 1
    options = [lr, eps, keep, through, sign, beta1, 1 - beta1, beta2, 1 - beta2]
    options = np.array(options, dtype)
    _adam(addresses, sizes, corrections, options, largest is not None, _parts(sizes))
