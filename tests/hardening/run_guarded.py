"""Every fast kernel with random arguments between forbidden pages, and compared with the plain one.

    python tests/hardening/run_guarded.py --side end --calls 200

For each call: the plain kernel, the fast one on ordinary arrays (which compiles it), and the fast
one where all it is given, makes and keeps lies beside forbidden pages. A kernel that reads or
writes beside its arrays ends the process; `faulthandler` and the last line say in which call. The
numbers are to be equal. `--overrun` adds a kernel that is wrong, to see that it is caught.
"""

import argparse
import faulthandler
import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from guarded_memory import (
    Guard,
    guard_what_numba_allocates,
    guarded_kernels,
    kernel_files,
    with_guards,
)
from kernel_calls import CALLS, Draw

from minicnn.kernels import registry

# Dtypes in which every sum is rounded.
TOLERANCE = {"float16": 2e-2, "float32": 2e-4, "float64": 1e-9}


def small_is_large():
    """Small arrays go through the kernels, too, which ordinarily only large ones do."""
    for module in kernel_files():
        for border in ("SMALL", "LARGE"):
            if hasattr(module, border):
                setattr(module, border, 1)


def ways_of_the_weight_gradient():
    """Which of its innermost loops is used depends on sizes; here a call says it."""
    from minicnn.kernels.cpu import rectangles, weight_gradient

    best = weight_gradient.best_kind
    kinds = len(rectangles.OUTERS)

    def choose(number):
        chosen = number % (2 * kinds)
        known = chosen < kinds
        weight_gradient.best_kind = (lambda maps, steps: chosen) if known else best

    return choose


def arrays_of(value):
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in arrays_of(v)]
    return []


def outcome(function, arguments, guard=None):
    """All arrays that came out, and those that were given, as they are afterwards."""
    with np.errstate(all="ignore"):
        result = with_guards(guard, function, arguments) if guard else function(*arguments)
    return [np.array(a) for a in (*arrays_of(result), *arrays_of(arguments))]


def tame(arguments):
    """Whether all numbers are such that the order of additions hardly matters."""
    floats = [a for a in arrays_of(arguments) if a.dtype.kind == "f"]
    return all(np.isfinite(a).all() and (not a.size or abs(a).max() < 1e4) for a in floats)


def compare(one, other, exact):
    if len(one) != len(other):
        return f"{len(one)} arrays instead of {len(other)}"
    for a, b in zip(one, other, strict=True):
        if a.shape != b.shape:
            return f"{a.shape} instead of {b.shape}"
        if exact:
            same = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        elif a.dtype.kind == "f":
            tolerance = TOLERANCE[str(b.dtype if b.dtype.kind == "f" else a.dtype)]
            scale = max(1, abs(b).max(initial=0))
            same = bool((abs(a.astype(b.dtype) - b) <= tolerance * scale).all())
        else:  # 256 levels, rounded after additions in another order
            levels = 1 if a.dtype == np.uint8 else 0
            same = bool((abs(a.astype(np.int64) - b.astype(np.int64)) <= levels).all())
        if not same:
            return f"{a.reshape(-1)[:8]} instead of {b.reshape(-1)[:8]}"
    return ""


def run(name, seed, guard, choose, guarded=True):
    """ "" or what is wrong with one call."""

    def arguments():  # made anew: kernels may write into them
        return CALLS[name](Draw([seed, *name.encode()]))

    choose(seed)
    fast, plain = (registry._kernels[name][variant] for variant in ("cpu", "plain"))
    ordinary = outcome(fast, arguments())
    if tame(arguments()) and name != "overrun":
        text = compare(ordinary, outcome(plain, arguments()), exact=False)
        if text:
            return f"the fast kernel gives {text}, the plain one's"
    if guarded:
        with guarded_kernels(guard):
            text = compare(outcome(fast, arguments(), guard), ordinary, exact=True)
        if text:
            return f"beside forbidden pages {text}"
    return ""


def overrunning_kernel(where):
    """Registers a kernel that goes one number too far: in what it is given, or what it makes."""
    from minicnn.kernels.cpu import channels
    from minicnn.kernels.cpu.jit import jit

    @jit
    def filled(thread, threads, x, y, more):
        for i in range(np.uint64(y.size + more)):  # unsigned: no index is looked at
            y[i] = x[np.uint64(0)]

    @jit
    def summed(thread, threads, x, y, more):
        own = np.zeros(x.size, np.float32)
        for i in range(np.uint64(x.size + more)):
            y[np.uint64(0)] += own[i]

    def overrun(x):
        x = x.copy() if where != "given" else x
        y = channels.np.empty_like(x) if where == "made by NumPy" else np.empty_like(x)
        # Only when it is guarded: the ordinary run has to end.
        more = 1 if channels.np is not np else 0
        if where == "given":
            filled(y, x, more)
        elif where == "made by NumPy":
            filled(x, y, more)
        else:
            summed(x, y, more)
        return y

    registry.register("overrun", "cpu")(overrun)
    registry.register("overrun", "plain")(lambda x: overrun(x))
    CALLS["overrun"] = lambda d: (np.arange(8, dtype=np.float32),)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--side", choices=("end", "start", "none"), default="end")
    parser.add_argument("--calls", type=int, default=100, help="of each kernel")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--kernel", action="append", help="these alone")
    places = ("given", "made by NumPy", "made by Numba")
    parser.add_argument("--overrun", choices=places, help="a wrong kernel instead, which must die")
    options = parser.parse_args()
    faulthandler.enable()
    guard = Guard("end" if options.side == "none" else options.side)
    guarded = options.side != "none"
    kept = guard_what_numba_allocates(guard) if guarded else None
    names = [n for n in registry.names() if "cpu" in registry.variants(n)]
    missing = set(names) ^ set(CALLS)
    if missing:
        raise SystemExit(f"kernels without calls, or calls without kernels: {sorted(missing)}")
    small_is_large()
    choose = ways_of_the_weight_gradient()
    if options.overrun:
        overrunning_kernel(options.overrun)
        names = ["overrun"]
    wrong, count, began = 0, 0, time.perf_counter()
    for name in options.kernel or names:
        for seed in range(options.first, options.first + options.calls):
            print(f"{name} {seed}", end="\r", flush=True)
            text = run(name, seed, guard, choose, guarded)
            count += 1
            if text:
                wrong += 1
                print(f"{name}, seed {seed}: {text}", flush=True)
    seconds = time.perf_counter() - began
    print(
        f"{count} calls of {len(options.kernel or names)} kernels, {guard.arrays} guarded arrays, "
        f"{wrong} wrong, {seconds:.0f} s"
    )
    del kept
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
