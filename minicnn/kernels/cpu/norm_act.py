"""Batch normalisation, a shortcut and an activation, without going back to memory in between.

    y = f(z),  z = (x − μ) · a + β + r,  a = γ/√(σ² + ε)

One thread has a channel to itself and goes through it several times, for μ, for σ², for y; backward
for the sums, then for ∂L/∂x. A channel of a batch (N · H · W numbers) fits into the cache of a
core, so that only the first time waits for memory. Of everything in between nothing is written
down: backward computes z from x again.
"""

import math

import numpy as np
from numba import njit

from minicnn.kernels.cpu.activation import exponential
from minicnn.kernels.cpu.epilogue import (
    ACTIVATIONS,
    HARDSWISH,
    RELU,
    RELU6,
    SILU,
    activate,
)
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import own_part
from minicnn.kernels.registry import register

# For an array that there is none of. It has three axes, too: other types are compiled again.
_NOTHING = np.empty((0, 0, 0), np.float32)
_ZERO, _ONE, _THREE, _SIX, _HALF = (np.float32(v) for v in (0, 1, 3, 6, 0.5))

# Sums may run in several parts side by side; all other arithmetic is as it stands here, so that
# forward and backward find the same z.
_sums_in_parts = njit(fastmath={"reassoc", "contract", "nsz"})


@_sums_in_parts
def _sum(x, start, length):
    total = 0.0
    for q in range(np.uint64(length)):
        total += np.float64(x[start + q])
    return total


@_sums_in_parts
def _squares(x, start, length, mean):
    # Of what is centred: E[x²] − μ² would lose all digits where μ is large against σ.
    total = 0.0
    for q in range(np.uint64(length)):
        distance = np.float64(x[start + q] - mean)
        total += distance * distance
    return total


@_sums_in_parts
def _sum_and_product(d, x, start, length, mean):
    total, product = 0.0, 0.0
    for q in range(np.uint64(length)):
        value = np.float64(d[start + q])
        total += value
        product += value * np.float64(x[start + q] - mean)
    return total, product


@jit
def _forward(thread, threads, x, gamma, beta, eps, given, mean, var, act, residual, y):
    """Also writes μ and σ² unless they are `given`; an empty `residual` is none."""
    n, c, length = x.shape
    flat, flat_y, flat_r = x.reshape(-1), y.reshape(-1), residual.reshape(-1)
    for channel in own_part(c, thread, threads):
        if not given:
            total = 0.0
            for i in range(n):
                total += _sum(flat, np.uint64((i * c + channel) * length), length)
            mean[channel] = np.float32(total / (n * length))
            total = 0.0
            for i in range(n):
                start = np.uint64((i * c + channel) * length)
                total += _squares(flat, start, length, mean[channel])
            var[channel] = np.float32(total / (n * length))
        middle, shift = mean[channel], beta[channel]
        a = gamma[channel] / np.float32(math.sqrt(var[channel] + eps))
        for i in range(n):
            start = np.uint64((i * c + channel) * length)
            for q in range(np.uint64(length)):
                flat_y[start + q] = (flat[start + q] - middle) * a + shift
            activate(flat_y, start, length, flat_r, act)


@jit
def _backward(
    thread, threads, delta, x, y, gamma, beta, eps, given, mean, var, act, dx, dz, dgamma, dbeta
):
    """dx is where f'(z) ⊙ δ is kept until the sums are known; `dz`, unless empty, receives it, too.

    With a shortcut (then `dz` is not empty) z is not known: y is what ReLU's slope is read from.
    """
    n, c, length = x.shape
    flat_delta, flat, flat_y = delta.reshape(-1), x.reshape(-1), y.reshape(-1)
    flat_dx, flat_dz = dx.reshape(-1), dz.reshape(-1)
    for channel in own_part(c, thread, threads):
        middle, shift = mean[channel], beta[channel]
        inverse = _ONE / np.float32(math.sqrt(var[channel] + eps))
        a = gamma[channel] / np.float32(math.sqrt(var[channel] + eps))
        total, product = 0.0, 0.0
        for i in range(n):
            start = np.uint64((i * c + channel) * length)
            if act == RELU and len(flat_dz):
                for q in range(np.uint64(length)):
                    d = flat_delta[start + q]
                    flat_dx[start + q] = _ZERO if flat_y[start + q] <= _ZERO else d
            elif act == RELU:
                for q in range(np.uint64(length)):
                    z, d = (flat[start + q] - middle) * a + shift, flat_delta[start + q]
                    flat_dx[start + q] = _ZERO if z <= _ZERO else d
            elif act == RELU6:
                for q in range(np.uint64(length)):
                    z, d = (flat[start + q] - middle) * a + shift, flat_delta[start + q]
                    flat_dx[start + q] = _ZERO if (z <= _ZERO) | (z >= _SIX) else d
            elif act == SILU:
                for q in range(np.uint64(length)):
                    z, d = (flat[start + q] - middle) * a + shift, flat_delta[start + q]
                    e = exponential(-abs(z))
                    share = _ONE / (_ONE + e)
                    s = (e if z < _ZERO else _ONE) * share
                    rest = (_ONE if z < _ZERO else e) * share  # 1 − σ, with all its digits
                    flat_dx[start + q] = d * (s * (_ONE + z * rest))
            elif act == HARDSWISH:
                for q in range(np.uint64(length)):
                    z, d = (flat[start + q] - middle) * a + shift, flat_delta[start + q]
                    slope = d * (z / _THREE + _HALF) if z < _THREE else d
                    flat_dx[start + q] = _ZERO if z <= -_THREE else slope
            else:
                for q in range(np.uint64(length)):
                    flat_dx[start + q] = flat_delta[start + q]
            if len(flat_dz):
                for q in range(np.uint64(length)):
                    flat_dz[start + q] = flat_dx[start + q]
            one, other = _sum_and_product(flat_dx, flat, start, length, middle)
            total += one
            product += other
        dbeta[channel] = np.float32(total)
        dgamma[channel] = np.float32(product * inverse)
        # μ and σ² depend on every x of the channel: hence the two means. Constants have none.
        count = n * length
        first = _ZERO if given else np.float32(total / count)
        second = _ZERO if given else np.float32(product * inverse * inverse / count)
        for i in range(n):
            start = np.uint64((i * c + channel) * length)
            for q in range(np.uint64(length)):
                inner = flat_dx[start + q] - first - (flat[start + q] - middle) * second
                flat_dx[start + q] = a * inner


@register("norm_act", "cpu")
def norm_act(x, gamma, beta, eps, statistics, act, residual):
    """y, μ and σ² of x (N, C, L); all float32. `statistics`: (μ, σ²), or None for the batch's."""
    x, gamma, beta = (np.ascontiguousarray(a) for a in (x, gamma, beta))
    c = x.shape[1]
    mean, var = statistics or (np.empty(c, np.float32), np.empty(c, np.float32))
    residual = _NOTHING if residual is None else np.ascontiguousarray(residual)
    y = np.empty_like(x)
    given = statistics is not None
    _forward(x, gamma, beta, np.float32(eps), given, mean, var, ACTIVATIONS[act], residual, y)
    return y, mean, var


@register("norm_act_gradient", "cpu")
def norm_act_gradient(delta, x, y, gamma, beta, eps, given, mean, var, act, shortcut):
    """∂L/∂x, ∂L/∂γ, ∂L/∂β and, with a `shortcut`, what goes along it."""
    delta, x, gamma, beta = (np.ascontiguousarray(a) for a in (delta, x, gamma, beta))
    dx = np.empty_like(x)
    dz = np.empty_like(x) if shortcut else _NOTHING
    y = _NOTHING if y is None else np.ascontiguousarray(y)
    dgamma, dbeta = np.empty_like(gamma), np.empty_like(beta)
    _backward(
        delta, x, y, gamma, beta, np.float32(eps), given, mean, var, ACTIVATIONS[act],
        dx, dz, dgamma, dbeta,
    )  # fmt: skip
    return dx, dgamma, dbeta, dz if shortcut else None
