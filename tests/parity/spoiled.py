"""Bad calls, made mechanically from good ones: one argument at a time is spoiled."""

import numpy as np
from cases_optim import Optimizer, P, Schedule
from drawn import Call, D, T

HUGE = 10**13
KINDS = ("float64", "float32", "int64", "uint8", "bool")


def spoil(call, form="function"):
    """All (what was done, bad call) of `call`; some of them may be as good as it was.

    Of a method, `form` "Tensor", the first argument stays a tensor: it is the object that has it.
    So it does of an "operator", which has as many arguments as it has.
    """
    if isinstance(call.extra, tuple):  # what a good call's result must keep to
        call = Call(*call.args, **call.named)
    for path, value in sites(call):
        for what, other in others(value):
            bad = replaced(call, path, other)
            if form != "function" and path == (0,) and not isinstance(other, T):
                continue
            if form != "function" and not any(isinstance(a, T) for a in bad.args):
                continue
            yield f"{'.'.join(map(str, path))}: {what}", bad
    if form == "operator":
        return
    if len(call.args) > 1:
        yield "without the last argument", Call(*call.args[:-1], extra=call.extra, **call.named)
        yield "an unknown keyword", Call(*call.args, extra=call.extra, **call.named, keywrod=1)
        more = (*call.args, *[None] * 12)
        yield "too many arguments", Call(*more, extra=call.extra, **call.named)


def sites(call):
    """(path, value) of every argument and of every element of sequences."""
    for i, value in enumerate(call.args):
        yield from within((i,), value)
    for key, value in call.named.items():
        yield from within((key,), value)


def within(path, value):
    yield path, value
    if type(value) in (list, tuple) and len(value) < 5:
        for i, v in enumerate(value):
            yield from within((*path, i), v)


def replaced(call, path, other):
    args, named = list(call.args), dict(call.named)
    place = named if isinstance(path[0], str) else args
    place[path[0]] = inside(place[path[0]], path[1:], other)
    return Call(*args, extra=call.extra, **named)


def inside(value, path, other):
    if not path:
        return other
    parts = list(value)
    parts[path[0]] = inside(parts[path[0]], path[1:], other)
    return type(value)(parts)


def others(value):
    """(what it is, a value) to stand in the place of `value`."""
    if isinstance(value, T):
        yield from other_tensors(value)
        yield from (("a list", value.values.tolist()), ("a string", "abc"), ("None", None))
    elif isinstance(value, (Optimizer, Schedule, P)):
        yield from (("a string", "abc"), ("None", None), ("a number", 3), ("a list", [3]))
    elif isinstance(value, D):
        yield from (("a string", "float31"), ("a number", 3), ("text", "abc"))
        yield from ((kind, D(kind)) for kind in KINDS if kind != value)
    elif isinstance(value, bool):
        yield from (("a string", "abc"), ("None", None), ("a number", 1.5), ("a list", [value]))
    elif isinstance(value, int):
        yield from other_numbers(value)
        yield from (("a half", value + 0.5), ("a float", float(value)))
    elif isinstance(value, float):
        yield from other_numbers(value)
        yield from (("nan", float("nan")), ("inf", float("inf")), ("an integer", 1))
    elif isinstance(value, str):
        yield from (("misspelt", f"{value}x"), ("empty", ""), ("None", None), ("a number", 3))
        yield "a list", [value]
    elif isinstance(value, (list, tuple)):
        yield from other_sequences(value)
    elif value is None:
        yield from (("a string", "abc"), ("a fraction", 3.7), ("a list", ["x"]))
    elif isinstance(value, dict):
        return
    elif callable(value):
        yield from (("None", None), ("a number", 3), ("a string", "abc"))


def other_tensors(t):
    v = t.values
    for kind in KINDS:
        if kind != str(v.dtype):
            with np.errstate(all="ignore"):
                yield f"as {kind}", T(v.astype(kind), t.layout)
    yield "one dimension more", T(v[None], t.layout)
    for axis, size in enumerate(v.shape):
        if size:
            yield f"one dimension less ({axis})", T(v.take(0, axis), t.layout)
            # Not the same once more: what is equal PyTorch may put into any order.
            more = np.concatenate(
                [v, v.take([0], axis) + (v.dtype.type(0.37) if v.dtype.kind == "f" else 0)], axis
            )
            yield f"longer along {axis}", T(more, t.layout)
        if size > 1:
            yield f"shorter along {axis}", T(v.take(range(size - 1), axis), t.layout)
        yield f"empty along {axis}", T(v.take([], axis), t.layout)
    if v.dtype.kind == "i" and v.size:
        yield "large numbers", T(v + 100)
        yield "negative numbers", T(v - 100)


def other_numbers(value):
    yield from (("negative", -1 - abs(value)), ("zero", value * 0), ("huge", HUGE))
    yield from (("beyond 64 bits", 2**70), ("a string", "2"), ("None", None))
    yield from (("a bool", True), ("a list", [value]), ("a tensor", T(np.ones((2, 3)))))


def other_sequences(values):
    kind = type(values)
    if values:
        yield "one too few", values[:-1]
        yield "one too many", kind([*values, values[-1]])
        if not isinstance(values[0], P):  # with gradients of their own shapes
            yield "the same twice", kind([values[0]] * len(values))
    yield from (("empty", kind()), ("a string", "abc"), ("None", None))
    yield from (("a number", 3), ("a float", 2.5), ("a set", {1}))
