"""Functions of elements: arithmetic, comparisons, logic."""

import math

from drawn import SPECIAL, Call, D, Entry, T, entries

NUMBERS = (2, -1, 0, 3, 2.5, -0.5, True)


def unary(low=-3, high=3, kinds="fi", special=0.1):
    def draw(d):
        return Call(d.t(d.shape(), d.dtype(kinds), low, high, special=special))

    return draw


def binary(low=-3, high=3, kinds="fi", numbers=NUMBERS, special=0.1, tensors_only=False):
    def draw(d):
        shape = d.shape()
        ties = d.chance(0.3)
        x = d.t(shape, d.dtype(kinds), low, high, ties, special)
        if d.chance(0.25) and not tensors_only:
            return Call(x, d.among(*numbers))
        y = d.t(d.broadcast_to(shape), d.dtype(kinds), -3, 3, ties, special)
        return Call(y, x) if d.chance(0.3) and low == -3 else Call(x, y)

    return draw


def with_alpha(d):
    call = binary()(d)
    if d.chance(0.4):
        call.named["alpha"] = d.among(*NUMBERS)
    return call


def quotient(d):
    call = binary()(d)
    if d.chance(0.4):
        call.named["rounding_mode"] = d.among("floor", "trunc", None)
    return call


def power(d):
    call = binary(0.3, numbers=NUMBERS[:-1], special=0)(d)  # x**True fails in PyTorch
    x, y = call.args
    if not isinstance(y, (int, float)) and x.grad and y.grad and d.chance(0.1):
        # Not with numbers: PyTorch takes 1/√x for x**−0.5, which differs at −∞.
        x.values, y.values = (d.rng.choice(SPECIAL, t.shape) for t in (x, y))
    if not isinstance(y, (int, float)) and y.values.dtype == bool:
        x.grad = False  # PyTorch's backward fails for these
    return call


def clamp(d):
    shape, ties = d.shape(), d.chance(0.5)
    x = d.t(shape, d.dtype(), ties=ties)
    if d.chance(0.5):
        low, high = (None if d.chance(0.3) else d.among(*NUMBERS, -2) for _ in range(2))
        return Call(x, low, high) if d.chance(0.5) else Call(x, min=low, max=high)
    low, high = (d.t(d.broadcast_to(shape), d.dtype(), ties=ties) for _ in range(2))
    return d.among(Call(x, min=low), Call(x, max=high), Call(x, low, high))


def where(d):
    shape = d.shape()
    condition = d.t(d.broadcast_to(shape), "bool", 0, 1)
    x, y = d.t(shape, d.dtype()), d.t(d.broadcast_to(shape), d.dtype())
    number = d.among(*NUMBERS)
    few = d.among(Call(condition, x, number), Call(condition, number, x), Call(condition))
    return few if d.chance(0.3) else Call(condition, x, y)


def masked_fill(d):
    shape = d.shape()
    mask, x = d.t(d.broadcast_to(shape), "bool", 0, 1), d.t(shape, d.dtype())
    if d.chance(0.4):
        value = d.t((), d.dtype())
        value.grad &= x.grad  # where PyTorch's backward fails
        return Call(x, mask, value)
    return Call(x, mask, d.among(*NUMBERS, math.inf, -math.inf, math.nan))


def softmax(d):
    shape = d.shape()
    options = {} if d.chance(0.8) else {"dtype": D(d.among("float64", "float32"))}
    return Call(d.t(shape, d.dtype("f"), -30, 30), d.dim(len(shape)), **options)


def nearly_equal(d):
    """Two tensors that are equal, nearly so, or not; of one dtype."""
    shape = d.shape()
    x = d.t(shape, d.among("float64", "float32", "int64", "bool", "uint8"), grad=False)
    y = d.t(shape, str(x.values.dtype), grad=False)
    if d.chance(0.8):
        y.values = x.values.copy()
        if d.chance(0.7) and y.values.dtype.kind == "f":
            step = d.rng.choice([0, 0, 1e-9, 1e-6, 1e-3, math.inf, math.nan], shape)
            y.values = (y.values + step).astype(y.values.dtype)
            x.values = y.values.copy() if d.chance(0.2) else x.values
    return Call(x, y)


def allclose(d):
    call = nearly_equal(d)
    call.named |= d.some(equal_nan=(True, False), rtol=(0.0, 1e-3), atol=(0.0, 1e-2))
    return call


def equal(d):
    call = nearly_equal(d)
    if d.chance(0.1):
        call.args = (call.args[0], d.t(d.shape(), str(call.args[0].values.dtype), grad=False))
    return call


NO_GRADIENT = {
    **dict.fromkeys(["isnan", "logical_not"], unary(special=0.3)),
    "bitwise_not": unary(kinds="i"),
    **dict.fromkeys(["eq", "ne", "lt", "le", "gt", "ge"], binary(special=0.3)),
    **dict.fromkeys(["logical_and", "logical_or", "logical_xor"], binary(tensors_only=True)),
    **dict.fromkeys(["bitwise_and", "bitwise_or", "bitwise_xor"], binary(kinds="i")),
    "equal": equal,
    "allclose": allclose,
}

CASES = {
    **dict.fromkeys(
        ["neg", "abs", "sign", "exp", "sin", "cos", "tanh", "sigmoid", "relu", "square"], unary()
    ),
    **dict.fromkeys(["log", "sqrt"], unary(0, 3)),
    "add": with_alpha,
    "sub": with_alpha,
    "mul": binary(),
    "div": quotient,
    "remainder": binary(special=0),  # PyTorch's vectors give NaN for x % 5e-324
    "pow": power,
    "maximum": binary(tensors_only=True),
    "minimum": binary(tensors_only=True),
    "clamp": clamp,
    "where": where,
    "masked_fill": masked_fill,
    "softmax": softmax,
    "log_softmax": softmax,
    # It has a value, but PyTorch refuses to go back through it, and so does minicnn.
    "floor_divide": Entry(lambda d: without_gradients(binary()(d)), gradient=False),
    **entries(NO_GRADIENT, gradient=False),
}


def special_values(d):
    """Pairs of NaN, infinities, zeros of both signs, very large and very small numbers."""
    return Call(*[T(d.rng.choice(SPECIAL, 3)) for _ in range(2)])


CASES |= {
    f"{name} (special values)": special_values
    for name in ("add", "mul", "div", "remainder", "pow", "maximum", "minimum")
}


def without_gradients(call):
    for a in call.args:
        if hasattr(a, "grad"):
            a.grad = False
    return call
