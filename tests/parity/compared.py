"""Makes a described call with both libraries, and compares what comes out."""

from typing import NamedTuple

import numpy as np
import torch
from drawn import Built

import minicnn as mc

TOLERANCES = {"float16": 2e-2, "float32": 3e-5}


class Found(NamedTuple):
    """What a comparison found. A `difference` is a text; an error is what was raised."""

    mine: object = None  # the error, or None
    theirs: object = None
    difference: str = ""
    forward: bool = False  # values were compared
    backward: bool = False  # gradients were compared, for a random δ


def function_of(module, name):
    """The function named ``"nn.functional.relu"``; methods are looked up on their object."""
    found = module
    for part in name.split("."):
        found = getattr(found, part)
    return found


def base(name):
    """The function's name: "sort (NaN)" is about sort."""
    return name.split(" (")[0]


def called(module, name, built):
    name = base(name)
    if name.startswith("Tensor."):
        method = getattr(built.args[0], name.removeprefix("Tensor."))
        return method(*built.args[1:], **built.named)
    return function_of(module, name)(*built.args, **built.named)


class Value(NamedTuple):
    dtype: str
    array: np.ndarray


def flat(out):
    if isinstance(out, dict):
        return [v for k in sorted(out) for v in flat(out[k])]
    if isinstance(out, (list, tuple)):
        return [v for part in out for v in flat(part)]
    return [out]


def as_value(module, v):
    if isinstance(v, module.Tensor):
        return Value(str(v.dtype).removeprefix("torch."), np.asarray(v.detach()).copy())
    if isinstance(v, np.ndarray):
        return Value(str(v.dtype), np.array(v))
    return v


def run(module, name, entry, call, seed):
    """(error, values, gradients, whether backward ran) of the call in one library."""
    built = None
    try:
        built = Built(module, call)
        if entry.call:
            out = entry.call(module, function_of_entry(module, name), built, call)
        else:
            out = called(module, name, built)
        outputs = flat(out)
        wanted = [o for o in outputs if isinstance(o, module.Tensor) and o.requires_grad]
        values = [as_value(module, o) for o in outputs]
        if wanted:
            rng = np.random.default_rng([seed, 7])
            deltas = [module.tensor(rng.standard_normal(tuple(o.shape))) for o in wanted]
            deltas = [d.to(o.dtype) for d, o in zip(deltas, wanted, strict=True)]
            module.autograd.backward(wanted, deltas)
    except Exception as error:  # which of them are documented, the refusals' test says
        return error, None, None, False
    gradients = [None if t.grad is None else np.asarray(t.grad).copy() for t in built.leaves]
    return None, values, gradients, bool(wanted)


def function_of_entry(module, name):
    name = base(name)
    return None if name.startswith(("Tensor.", "operator")) else function_of(module, name)


def compared(name, entry, call, seed):
    """A `Found` for one call."""
    if entry.compare:
        return entry.compare(name, call, seed)
    error, values, gradients, backward = run(mc, name, entry, call, seed)
    their_error, their_values, their_gradients, _ = run(torch, name, entry, call, seed)
    if error is not None or their_error is not None:
        return Found(error, their_error)
    dtypes = [v.dtype for v in values if isinstance(v, Value)]
    dtypes += [str(g.dtype) for g in gradients if g is not None]
    tolerance = max([entry.tolerance, *(TOLERANCES.get(d, 0) for d in dtypes)])
    text = difference(values, their_values, tolerance)
    if not text:
        for i, (a, b) in enumerate(zip(gradients, their_gradients, strict=True)):
            # No gradient at all and one of zeros mean the same.
            a = np.zeros_like(b) if a is None and b is not None else a
            b = np.zeros_like(a) if b is None and a is not None else b
            if a is not None:
                text = text or differs(a, b, tolerance, f"gradient {i}")
    return Found(None, None, text, True, backward)


def difference(mine, theirs, tolerance):
    if len(mine) != len(theirs):
        return f"{len(mine)} results, PyTorch gives {len(theirs)}"
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        if isinstance(a, Value) and isinstance(b, Value):
            if a.dtype != b.dtype:
                return f"result {i} is {a.dtype}, PyTorch's {b.dtype}"
            text = differs(a.array, b.array, tolerance, f"result {i}")
            if text:
                return text
        elif isinstance(a, float) and isinstance(b, float):
            if differs(np.asarray(a), np.asarray(b), tolerance, ""):
                return f"result {i} is {a!r}, PyTorch's {b!r}"
        elif type(a) is not type(b) or a != b:
            return f"result {i} is {a!r} ({type(a).__name__}), PyTorch's {b!r}"
    return ""


def differs(a, b, tolerance, what):
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{what}: {a.dtype}{a.shape}, PyTorch's {b.dtype}{b.shape}"
    if a.dtype.kind != "f":
        return "" if np.array_equal(a, b) else f"{what}: {a.tolist()}, PyTorch's {b.tolist()}"
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= tolerance * (1 + np.abs(b))
        same = near | (a == b) | ((a != a) & (b != b))
    if same.all():
        return ""
    return f"{what}: {a[~same][:4]} for PyTorch's {b[~same][:4]}"
