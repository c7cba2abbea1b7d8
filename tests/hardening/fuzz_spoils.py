"""Bad calls, made at random from good ones: arguments are spoiled in every way there is.

`spoiled` draws a call of the tables in tests/parity and changes up to three things: types, shapes,
dtypes, values, how an array lies in memory, options, and how many arguments there are.
"""

import math
from pathlib import Path

import numpy as np
from drawn import SPECIAL, Call, D, T
from spoiled import others, replaced, sites

import minicnn as mc

MEMORIES = (
    "part", "every second", "backwards", "turned", "read-only", "byte-swapped", "misaligned",
    "overlapping", "one element everywhere",
)  # fmt: skip
DTYPES = ("float64", "float32", "float16", "int64", "int32", "uint8", "bool")


class Given(T):
    """A tensor whose memory is as odd as `memory` says; for PyTorch the same values in rows."""

    def __init__(self, values, layout=0, grad=None, memory="rows"):
        super().__init__(values, layout, grad)
        self.memory = memory if self.values.ndim and self.values.size else "rows"
        if self.memory == "byte-swapped" and self.values.itemsize == 1:
            self.memory = "rows"
        self.source = self.values
        if self.memory in ("overlapping", "one element everywhere"):
            self.values = np.array(in_memory(self.values, self.memory))

    def build(self, module, built):
        if module is not mc:
            # PyTorch reads some strided arguments wrongly: it gets them in rows.
            tensor = super().build(module, built)
            return tensor.contiguous() if self.layout else tensor
        if self.memory == "rows":
            return super().build(module, built)
        make = mc.Tensor if self.memory == "backwards" else mc.from_numpy
        leaf = make(in_memory(self.source, self.memory))
        if self.grad:
            leaf.requires_grad_()
            built.leaves.append(leaf)
        return leaf

    def __repr__(self):
        return f"{super().__repr__()[:-1]}, {self.memory})"


def in_memory(values, memory):
    """An array of these values that lies in memory as `memory` says."""
    values = np.array(values)  # what a call writes into is its own
    if memory == "part":
        part = np.zeros([n + 2 for n in values.shape], values.dtype)[
            tuple(slice(1, n + 1) for n in values.shape)
        ]
        part[...] = values
        return part
    if memory == "every second":
        return np.repeat(values, 2, -1)[..., ::2]
    if memory == "backwards":
        back = (slice(None, None, -1),) * values.ndim
        return np.ascontiguousarray(values[back])[back]
    if memory == "turned":
        return np.ascontiguousarray(values.T).T
    if memory == "byte-swapped":
        return values.astype(values.dtype.newbyteorder())
    if memory == "misaligned":
        space = np.zeros(values.nbytes + 1, np.uint8)
        array = space[1:].view(values.dtype).reshape(values.shape)
        array[...] = values
        return array
    if memory == "overlapping":  # rows begin one number after the other
        strides = [values.itemsize] * values.ndim
        span = sum(n - 1 for n in values.shape) + 1
        flat = np.resize(values.reshape(-1), span)
        return np.lib.stride_tricks.as_strided(flat, values.shape, strides)
    if memory == "one element everywhere":
        return np.broadcast_to(values.reshape(-1)[0], values.shape)
    array = np.array(values)
    array.flags.writeable = False
    return array


class Raw:
    """Something that is the same for both libraries, made anew for each."""

    def __init__(self, text):
        self.text = text

    def build(self, module, built):
        names = {"np": np, "math": math, "Path": Path, "module": module, "mc": mc}
        return eval(self.text, names)

    def __repr__(self):
        return self.text


# What nobody would put there, and what somebody might.
JUNK = [
    Raw(text)
    for text in (
        "None", "True", "False", "0", "1", "-1", "2", "3", "-3", "10**13", "2**31", "2**63",
        "-2**63", "2**70", "-10**40", "0.5", "-0.5", "1.0", "2.0", "1e300", "-1e300", "5e-324",
        "math.nan", "math.inf", "-math.inf", "1j", "''", "'abc'", "'mean'", "'none'", "'same'",
        "'nearest'", "'cuda'", "'cpu'", "'float32'", "'x' * 10_000", "b'abc'", "()", "[]", "{}",
        "set()", "(1,)", "[1, 2]", "(2, 2)", "(1, 2, 3)", "[0.5, 1.5]", "(-1, -1)", "[[1], [2, 3]]",
        "[None]", "['a']", "(0, 0)", "(10**13, 10**13)", "[[[[[[1.0]]]]]]", "{'a': 1}", "{1, 2}",
        "range(3)", "slice(None)", "...", "object()", "object", "int", "float", "len",
        "lambda *a, **k: None", "iter([1, 2])", "(i for i in range(2))", "np.float32(2)",
        "np.int64(2)", "np.uint8(3)", "np.bool_(True)", "np.float64('nan')", "np.zeros(3)",
        "np.zeros(())", "np.zeros((0, 3))", "np.array('abc')", "np.array(None)",
        "np.array([1, 2], object)", "np.zeros(2, 'complex128')", "np.ones(2, 'uint16')",
        "np.datetime64('2020-01-01')", "np.zeros(2, [('a', 'f4')])", "np.dtype('float32')",
        "np.float32", "module.float32", "module.float64", "module.int64", "module.bool",
        "module.zeros(())", "module.tensor(2)", "module.tensor([1, 0])", "module.zeros(0)",
        "module.zeros(2, 3)", "module.tensor([[math.nan]])", "module.ones(2, 1, 3)",
        "module.zeros(2, requires_grad=True)", "module.Generator()", "module.nn.ReLU()",
        "module.nn.Parameter(module.ones(2))", "module", "Path('.')", "memoryview(b'abc')",
        "bytearray(3)", "Ellipsis", "NotImplemented", "(None, None)", "[True, False]",
        "-0.0", "1 << 62", "127", "255", "-128",
    )
]  # fmt: skip


def spoiled(call, form, rng):
    """(what was done, the bad call). `form` as in `spoiled.spoil`: what must stay a tensor."""
    if isinstance(call.extra, tuple):
        call = Call(*call.args, **call.named)
    done = []
    for _ in range(rng.choice([0, 1, 2, 3], p=[0.04, 0.6, 0.26, 0.1])):
        what, bad = _once(call, rng)
        # The object that has the method, or the operator.
        owners = bad.args[:1] if form == "Tensor" else bad.args
        if form != "function" and not any(isinstance(a, T) for a in owners):
            continue
        if form == "operator" and (len(bad.args), bad.named) != (len(call.args), call.named):
            continue
        call = bad
        done.append(what)
    return ", then ".join(done) or "nothing", with_rows(call)


def with_rows(call):
    """The call with a `Given` for every tensor."""
    for path, value in sites(call):
        if type(value) is T:
            call = replaced(call, path, Given(value.values, value.layout, value.grad))
    return call


def _once(call, rng):
    places = list(sites(call))
    kind = rng.choice(["other", "junk", "tensor", "count"], p=[0.35, 0.25, 0.35, 0.05])
    if not places or kind == "count":
        return _other_count(call, rng)
    tensors = [(path, v) for path, v in places if isinstance(v, T)]
    if kind == "tensor" and tensors:
        path, value = tensors[rng.integers(len(tensors))]
        what, new = _other_tensor(value, rng)
    else:
        path, value = places[rng.integers(len(places))]
        named_tuple = isinstance(value, tuple) and type(value) is not tuple
        choices = list(others(value)) if kind == "other" and not named_tuple else []
        if choices:
            what, new = choices[rng.integers(len(choices))]
        else:
            new = JUNK[rng.integers(len(JUNK))]
            what = f"junk {new!r}"
    return f"{'.'.join(map(str, path))}: {what}", replaced(call, path, new)


def _other_count(call, rng):
    kind = rng.integers(5)
    args, named = list(call.args), dict(call.named)
    junk = JUNK[rng.integers(len(JUNK))]
    if kind == 0 and args:
        return "without the last argument", Call(*args[:-1], extra=call.extra, **named)
    if kind == 1 and named:
        key = list(named)[rng.integers(len(named))]
        del named[key]
        return f"without {key}", Call(*args, extra=call.extra, **named)
    if kind == 2:
        return f"one more: {junk!r}", Call(*args, junk, extra=call.extra, **named)
    if kind == 3:
        return "no arguments", Call(extra=call.extra)
    return "an unknown keyword", Call(*args, extra=call.extra, **{**named, "keywrod": junk})


def _other_tensor(t, rng):
    values = t.values
    kind = rng.integers(5)
    if kind == 0:
        memory = MEMORIES[rng.integers(len(MEMORIES))]
        return memory, Given(values, 0, t.grad, memory)
    if kind == 1 and values.dtype.kind == "f" and values.size:
        changed = values.copy()
        share = rng.choice([0.1, 0.5, 1])
        chosen = np.asarray(rng.random(values.shape) < share)
        with np.errstate(all="ignore"):
            changed[chosen] = np.asarray(rng.choice(SPECIAL, int(chosen.sum()))).astype(
                values.dtype
            )
        return "special values", Given(changed, t.layout, t.grad)
    if kind == 2:
        dtype = DTYPES[rng.integers(len(DTYPES))]
        with np.errstate(all="ignore"):
            return f"as {dtype}", Given(values.astype(dtype), t.layout)
    if kind == 3:
        shape = tuple(int(n) for n in rng.integers(0, 5, rng.integers(0, 6)))
        return f"of shape {shape}", Given(np.resize(values, shape).astype(values.dtype), 0, t.grad)
    shape = list(values.shape)
    if shape:
        shape[rng.integers(len(shape))] = int(rng.choice([0, 1, 2, 7, 17]))
    return f"of shape {tuple(shape)}", Given(
        np.resize(values, shape).astype(values.dtype), 0, t.grad
    )


__all__ = ["D", "Given", "Raw", "in_memory", "spoiled", "with_rows"]
