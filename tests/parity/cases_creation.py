"""Functions that make tensors. What is random is compared in shape, dtype and range."""

import math

import numpy as np
from drawn import Call, D, Entry, entries

NAMES = ("float64", "float32", "int64", "int32", "uint8", "bool")


def some_dtype(d, names=NAMES, p=0.5):
    return {"dtype": D(d.among(*names))} if d.chance(p) else {}


def value(d):
    return d.among(0, 1, 2, -1, 7, 0.5, -2.5, 3.0)


def filled(d):
    sizes = [d.integer(0, 4) for _ in range(d.integer(1, 3))]
    args = [d.among(list, tuple)(sizes)] if d.chance(0.4) else sizes
    return Call(*args, **some_dtype(d), **d.some(requires_grad=(False,)))


def full(d):
    number = d.among(0, 1, 2, 7, 0.5, 3.0, True, 2**40)
    names = ("float64", "float32", "int64") if number == 2**40 else NAMES
    return Call(d.shape(), number, **some_dtype(d, names))


def like(d):
    return Call(d.t(d.shape(), d.dtype()), **some_dtype(d))


def arange(d):
    step = d.among(1, 2, 3, 0.5, 0.3, -1, -2, -0.5)
    start = d.among(0, 1, -3, 0.5, 2)
    end = start + math.copysign(d.among(0, 1, 4, 2.5, 7), step)
    args = d.among((abs(end),), (min(start, end), max(start, end)), (start, end, step))
    if any(isinstance(a, float) for a in args):
        return Call(*args, **some_dtype(d, ("float64", "float32")))
    return Call(*args, **some_dtype(d, NAMES[:4] if min(args) >= 0 else NAMES[:3]))


def linspace(d):
    return Call(value(d), value(d), d.integer(0, 8), **some_dtype(d, ("float64", "float32")))


def eye(d):
    return Call(*[d.integer(0, 5) for _ in range(d.integer(1, 2))], **some_dtype(d))


def nested(d, depth):
    """Nested lists of numbers of all kinds."""
    if not depth:
        return d.among(0, 1, 2, -1, 7, 0.5, -2.5, 3.0, True)
    result = [nested(d, depth - 1) for _ in range(d.integer(1, 3))]
    while depth > 1 and len({len(r) for r in result}) > 1:
        result = [r[: min(map(len, result))] for r in result]
    return result if d.chance(0.7) else tuple(result)


def data(d):
    kind = d.integer(0, 3)
    if kind == 0:
        return Call(d.t(d.shape(), d.dtype(), 0, 3).values, **some_dtype(d))
    return Call(nested(d, d.integer(0, 3)), **some_dtype(d, NAMES[:4] if kind == 1 else NAMES[:3]))


def array(d):
    t = d.t(d.shape(), d.dtype())
    values = t.values
    if t.layout == 1:
        values = np.asfortranarray(values)
    if t.layout == 2 and values.ndim:
        values = values[..., ::2]
    return Call(values)


def shared(module, function, built, call):
    """What the function gives, and that it lies on the same memory."""
    values = built.args[0].copy(order="K")
    tensor = function(values)
    if values.size:
        values.flat[0] = not values.flat[0]
    return tensor.clone(), tensor.is_contiguous()


def drawn(module, function, built, call):
    """Of a random tensor: what both libraries promise."""
    out = function(*built.args, **built.named)
    values = np.asarray(out)
    low, high = call.extra or (-math.inf, math.inf)
    inside = bool(((values >= low) & (values < high)).all())
    return [tuple(out.shape), module.zeros_like(out), inside, out.requires_grad]


def shape_only(module, function, built, call):
    return module.zeros_like(function(*built.args, **built.named))


def permuted(module, function, built, call):
    out = function(*built.args, **built.named)
    return module.zeros_like(out), module.sort(out, dim=0)[0]


def random(limits):
    def draw(d):
        call = filled(d)
        call.named |= some_dtype(d, ("float64", "float32"), 1.0)
        call.extra = limits
        return call

    return draw


def randint(d):
    low = d.integer(-20, 20)
    high = low + d.integer(1, 30)
    names = NAMES[:4] if low < 0 else NAMES[:5]
    call = Call(low, high, d.shape(), **some_dtype(d, names), extra=(low, high))
    if d.chance(0.3):
        call.args, call.extra = (abs(high) + 1, d.shape()), (0, abs(high) + 1)
        call.named = some_dtype(d, NAMES[:5])
    return call


def randperm(d):
    return Call(d.integer(0, 30), **some_dtype(d, NAMES[:4]))


MAKING = {
    "zeros": filled,
    "ones": filled,
    "full": full,
    "zeros_like": like,
    "ones_like": like,
    "arange": arange,
    "linspace": linspace,
    "eye": eye,
    "tensor": data,
    "as_tensor": data,
    "from_numpy": Entry(array, call=shared, gradient=False),
    "empty": Entry(filled, call=shape_only, gradient=False),
    "rand": Entry(random((0, 1)), call=drawn, gradient=False),
    "randn": Entry(random((-8, 8)), call=drawn, gradient=False),
    "randint": Entry(randint, call=drawn, gradient=False),
    "randperm": Entry(randperm, call=permuted, gradient=False),
}
CASES = entries(MAKING, gradient=False, tolerance=1e-6)
