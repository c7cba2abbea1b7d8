"""Activation functions and their slopes, element by element, in one pass each.

NumPy goes through memory once for every sign of a formula. A loop that the compiler turns into
vector instructions goes through it once, and needs an exponential that is made of such instructions
itself: `exponential`.

Small arrays, and dtypes without kernel, are left to NumPy: to start threads costs more.
"""

import math

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from minicnn.kernels import plain_activation as plain
from minicnn.kernels.cpu.jit import jit
from minicnn.kernels.cpu.parallel import places
from minicnn.kernels.registry import register

SMALL = 2**14  # elements

_ZERO, _ONE, _THREE, _SIX = (np.float32(v) for v in (0, 1, 3, 6))
_THIRD, _SIXTH, _HALF = np.float32(1 / 3), np.float32(1 / 6), np.float32(0.5)


@intrinsic
def exponential(_, x):
    """e^x in float32 for −104 ≤ x ≤ 88; what is smaller becomes 0, NaN stays.

    e^x = 2^n · e^r, where n is the integer nearest to x / ln 2 and r = x − n ln 2, so |r| ≤ 0.347.
    e^r is summed as its series, whose rest after r⁷/7! is below half of the last digit. 2^n is
    written into the exponent's bits, in two halves, since e^x may be below the smallest number
    whose exponent has all digits. Adding 1.5 · 2²³ rounds to an integer, and leaves that integer in
    the last bits.
    """
    signature = types.float32(types.float32)

    def generate(context, builder, signature, arguments):
        (x,) = arguments
        real, integer = ir.FloatType(), ir.IntType(32)

        def number(value):
            return ir.Constant(real, float(np.float32(value)))

        low = number(-104)
        below = builder.fcmp_ordered("<", x, low)
        inside = builder.select(below, low, x)
        magic = number(1.5 * 2**23)
        shifted = builder.fma(inside, number(1 / math.log(2)), magic)
        n = builder.fsub(shifted, magic)
        # ln 2 in two parts, of which the first has few digits: n times it is exact.
        r = builder.fma(n, number(-0.693359375), inside)
        r = builder.fma(n, number(0.693359375 - math.log(2)), r)
        total = number(1 / math.factorial(7))
        for k in range(6, -1, -1):
            total = builder.fma(total, r, number(1 / math.factorial(k)))
        bits = builder.sub(builder.bitcast(shifted, integer), builder.bitcast(magic, integer))
        first = builder.ashr(bits, ir.Constant(integer, 1))
        for half in (first, builder.sub(bits, first)):
            exponent = builder.shl(builder.add(half, ir.Constant(integer, 127)),
                                   ir.Constant(integer, 23))  # fmt: skip
            total = builder.fmul(total, builder.bitcast(exponent, real))
        total = builder.select(below, number(0), total)
        return builder.select(builder.fcmp_unordered("uno", x, x), x, total)

    return signature, generate


@jit
def _logistic(thread, threads, x, y):
    for i in places(x.size, thread, threads):
        v = x[i]
        e = exponential(-abs(v))
        y[i] = (e if v < _ZERO else _ONE) / (_ONE + e)


@jit
def _logistic_gradient(thread, threads, delta, y, dx):
    for i in places(y.size, thread, threads):
        dx[i] = delta[i] * (y[i] * (_ONE - y[i]))


@jit
def _relu(thread, threads, x, y):
    for i in places(x.size, thread, threads):
        y[i] = _ZERO if x[i] <= _ZERO else x[i]


@jit
def _relu_gradient(thread, threads, delta, y, dx):
    for i in places(y.size, thread, threads):
        dx[i] = _ZERO if y[i] <= _ZERO else delta[i]


@jit
def _relu6(thread, threads, x, y):
    for i in places(x.size, thread, threads):
        v = _ZERO if x[i] <= _ZERO else x[i]
        y[i] = _SIX if v >= _SIX else v


@jit
def _relu6_gradient(thread, threads, delta, x, dx):
    for i in places(x.size, thread, threads):
        outside = (x[i] <= _ZERO) | (x[i] >= _SIX)
        dx[i] = _ZERO if outside else delta[i]


@jit
def _silu(thread, threads, x, y):
    for i in places(x.size, thread, threads):
        v = x[i]
        e = exponential(-abs(v))
        y[i] = v * ((e if v < _ZERO else _ONE) / (_ONE + e))


@jit
def _silu_gradient(thread, threads, delta, x, dx):
    for i in places(x.size, thread, threads):
        v = x[i]
        e = exponential(-abs(v))
        inverse = _ONE / (_ONE + e)
        s = (e if v < _ZERO else _ONE) * inverse
        rest = (_ONE if v < _ZERO else e) * inverse  # 1 − σ, with all its digits
        dx[i] = delta[i] * (s * (_ONE + v * rest))


@jit
def _hardsigmoid(thread, threads, x, y):
    for i in places(x.size, thread, threads):
        v = x[i] + _THREE
        v = _ZERO if v <= _ZERO else v
        y[i] = (_SIX if v >= _SIX else v) / _SIX


@jit
def _hardsigmoid_gradient(thread, threads, delta, x, dx):
    for i in places(x.size, thread, threads):
        inside = (x[i] > -_THREE) & (x[i] < _THREE)
        dx[i] = delta[i] / _SIX if inside else _ZERO


@jit
def _hardswish(thread, threads, x, y):
    for i in places(x.size, thread, threads):
        v = x[i] + _THREE
        v = _ZERO if v <= _ZERO else v
        y[i] = x[i] * ((_SIX if v >= _SIX else v) / _SIX)


@jit
def _hardswish_gradient(thread, threads, delta, x, dx):
    for i in places(x.size, thread, threads):
        slope = delta[i] * (x[i] / _THREE + _HALF)
        value = slope if x[i] < _THREE else delta[i]
        dx[i] = _ZERO if x[i] <= -_THREE else value


def _suits(array):
    """Whether the kernels take the array: many numbers, float32, one after the other."""
    return array.size >= SMALL and array.dtype == np.float32 and array.flags.c_contiguous


def _register(name, function, gradient):
    """The kernels `name` and `name`_gradient; NumPy's where the arrays are not for them."""
    plain_function = getattr(plain, name)
    plain_gradient = getattr(plain, f"{name}_gradient")

    def forward(x, into=None):
        if not _suits(x):
            return plain_function(x) if into is None else plain_function(x, into)
        y = np.empty_like(x) if into is None else into
        function(x.reshape(-1), y.reshape(-1))
        return y

    def backward(delta, saved):
        if not _suits(saved):
            return plain_gradient(delta, saved)
        delta = np.ascontiguousarray(delta)
        dx = np.empty_like(delta)
        gradient(delta.reshape(-1), saved.reshape(-1), dx.reshape(-1))
        return dx

    register(name, "cpu")(forward)
    register(f"{name}_gradient", "cpu")(backward)


_register("logistic", _logistic, _logistic_gradient)
_register("relu", _relu, _relu_gradient)
_register("relu6", _relu6, _relu6_gradient)
_register("silu", _silu, _silu_gradient)
_register("hardsigmoid", _hardsigmoid, _hardsigmoid_gradient)
_register("hardswish", _hardswish, _hardswish_gradient)


@jit
def _normal_cdf(thread, threads, x, y):
    for i in places(x.size, thread, threads):
        y[i] = 0.5 * math.erfc(-x[i] / math.sqrt(2.0))


@register("normal_cdf", "cpu")
def normal_cdf(x):
    # In float64, which float16 needs (Numba computes none) and float32 can afford.
    flat = np.ascontiguousarray(x, np.float64).reshape(-1)
    y = np.empty_like(flat)
    _normal_cdf(flat, y)
    return y.reshape(x.shape).astype(x.dtype, copy=False)
