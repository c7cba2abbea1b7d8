"""How far float32 results are from float64's, operation by operation.

    python tests/hardening/precision.py          prints the table

The same calls (those of tests/parity) are made in float64 and in float32, with inputs that float32
holds exactly. The error of a result is measured in ε · s, where ε = 2⁻²³ is float32's and s the
largest number among 1, the inputs and the results: what one rounding may do. Gradients, for a
random δ, likewise.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":  # in a process of its own; the tests import this into theirs
    for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(_variable, "1")
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "parity")]

import numpy as np  # noqa: E402
from compared import Value, run  # noqa: E402
from drawn import D, Draw, T  # noqa: E402
from spoiled import replaced, sites  # noqa: E402
from table import TABLE  # noqa: E402

import minicnn as mc  # noqa: E402

EPS = float(np.finfo(np.float32).eps)
# No operation on floating-point numbers, or none with one result.
LEFT_OUT = {
    **dict.fromkeys(
        (
            "tensor", "as_tensor", "from_numpy", "zeros", "ones", "full", "empty", "zeros_like",
            "ones_like", "arange", "linspace", "eye", "rand", "randn", "randint", "randperm",
        ),
        "it makes tensors",
    ),
    **dict.fromkeys(
        (
            "argmax", "argmin", "argsort", "eq", "ne", "lt", "le", "gt", "ge", "isnan", "all",
            "any", "equal", "allclose", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not",
            "logical_and", "logical_or", "logical_xor", "logical_not", "nn.functional.one_hot",
        ),
        "its results are integers or truth values",
    ),
    "floor_divide": "a step: numbers beside an integer fall to either side",
    "remainder": "a step, as floor_divide",
    **dict.fromkeys(
        ("nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.stochastic_depth"),
        "random",
    ),
}  # fmt: skip


def operations():
    """The names of all functions, PyTorch's, whose results are rounded."""
    return [
        name
        for name in TABLE
        if " (" not in name
        and not name.startswith(
            ("Tensor.", "operator", "optim.", "autograd.", "nn.init.", "nn.utils.")
        )
        and name not in LEFT_OUT
        and TABLE[name].compare is None
    ]


def in_dtype(call, dtype):
    """The call with all floating-point tensors of one dtype, of values that float32 holds."""
    for path, value in sites(call):
        if isinstance(value, T) and value.values.dtype.kind == "f":
            values = value.values.astype(np.float32).astype(dtype)
            call = replaced(call, path, T(values, value.layout, value.grad))
        elif isinstance(value, D) and value.startswith("float"):
            call = replaced(call, path, D(dtype))
    return call


def arrays(values):
    return [v.array if isinstance(v, Value) else v for v in values if v is not None]


def error(name, seed):
    """(of the results, of the gradients) in ε · s; None where the call says nothing."""
    entry = TABLE[name]
    call = entry.draw(Draw([seed, *name.encode()]))
    found = []
    for dtype in ("float64", "float32"):
        with np.errstate(all="ignore"):
            failed, values, gradients, _ = run(mc, name, entry, in_dtype(call, dtype), seed)
        if failed is not None:
            return None
        found.append((arrays(values), arrays(gradients)))
    inputs = [v.values for _, v in sites(call) if isinstance(v, T) and v.values.dtype.kind == "f"]
    sizes = [float(abs(a).max()) for a in inputs if a.size and np.isfinite(a).all()]
    scale = max([1.0, *sizes])
    return tuple(distance(exact, rounded, scale) for exact, rounded in zip(*found, strict=True))


def distance(exact, rounded, scale):
    worst = 0.0
    for a, b in zip(exact, rounded, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype.kind != "f" or not a.size:
            continue
        finite = np.isfinite(a) & np.isfinite(b)
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            large = abs(a[~np.isfinite(b)]).max(initial=0)
            if large < 1e38:
                return float("inf")
        if finite.any():
            size = max(scale, float(abs(a[finite]).max()))
            worst = max(worst, float(abs(a - b.astype(np.float64))[finite].max()) / size / EPS)
    return worst


def largest(name, calls=40):
    """The largest errors of so many calls, and how many said something."""
    errors = [e for e in (error(name, seed) for seed in range(calls)) if e is not None]
    worst = [max((e[i] for e in errors), default=0.0) for i in range(2)]
    return worst, len(errors)


def main():
    print("| operation | results, ε | gradients, ε |\n|---|---:|---:|")
    for name in operations():
        (forward, backward), count = largest(name)
        print(f"| `{name}` | {forward:.1f} | {backward:.1f} |" + ("" if count else " nothing"))


if __name__ == "__main__":
    main()
