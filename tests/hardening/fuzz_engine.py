"""One fuzzed call, made and judged; and a process that makes batches of them.

    python fuzz_engine.py place     reads lines "name first count", answers each with one of JSON

The process notes in the file `place` which call it is in: what ends it is known that way.
"""

# ruff: noqa: E402 (the environment comes first)
import faulthandler
import json
import mmap
import os
import re
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

if __name__ == "__main__":  # in a process of its own; the tests import this into theirs
    for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(_variable, "1")
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "parity")]

import numpy as np
import torch
from compared import Value, differs, run
from drawn import Draw
from fuzz_exceptions import excepted
from fuzz_judge import documented, in_the_tests, named, shown
from fuzz_layers import LAYERS
from fuzz_others import OTHERS, alone
from fuzz_spoils import spoiled
from table import TABLE

import minicnn as mc

SECONDS = 20  # of the processor's time, for one call
MEMORY = 12 * 2**30  # of addresses; more is refused by the system
HUGE = re.compile(r"\d{6}|\*\*|<<|huge|e300")
TOLERANCES = {"float16": 2e-2, "float32": 2e-4}

NAMES = [*TABLE, *[f"nn.{name}" for name in LAYERS], *OTHERS]


class Place:
    """Where the call that is being made is written down, so that it survives the process."""

    SIZE = 512

    def __init__(self, path):
        path.write_bytes(b" " * self.SIZE)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), self.SIZE)

    def note(self, name, seed, phase):
        text = f"{name}\t{seed}\t{phase}".encode()[: self.SIZE]
        self._map[:] = text.ljust(self.SIZE)

    @staticmethod
    def read(path):
        """(name, seed, "ours" or "theirs")."""
        name, seed, phase = path.read_bytes().decode().strip().split("\t")
        return name, int(seed), phase


class Nowhere:
    def note(self, *_):
        pass


def drawn(name, seed):
    """(what was spoiled, the call, its entry)."""
    rng = np.random.default_rng([seed, 99, *name.encode()])
    entry = entry_of(name)
    call = entry.draw(Draw([seed, *name.encode()]))
    form = next((f for f in ("Tensor", "operator") if name.startswith(f)), "function")
    for _ in range(20):
        what, bad = spoiled(call, form, rng)
        # A network of 10¹³ layers is built, as asked for, until the memory is full.
        text = f"{what} {bad!r}"
        building = name.startswith("models.") and HUGE.search(text)
        drawing = name.startswith("rand") and "2**31" in text  # 2³¹ random numbers take a minute
        if not building and not drawing:
            break
    return what, bad, entry


def entry_of(name):
    if name in OTHERS:
        return OTHERS[name]
    return LAYERS[name[3:]] if name.startswith("nn.") and name[3:] in LAYERS else TABLE[name]


def judge(name, seed, place=None):
    """(what became of it, the call in words, what was found)."""
    place = place or Nowhere()
    place.note(name, seed, "drawing")
    with np.errstate(all="ignore"):
        what, call, entry = drawn(name, seed)
        text = f"{what}: {call!r:.300}"
        if name in OTHERS:
            return judge_other(name, seed, entry, call, text, place)
        place.note(name, seed, "ours")
        if entry.compare:
            try:
                found = entry.compare(name, call, seed)
            except Exception as error:  # of the comparison itself
                if in_the_tests(error):
                    return "not called", text, ""
                raise
            mine, theirs, difference = found.mine, found.theirs, found.difference
        else:
            mine, *values = run(mc, name, entry, call, seed)[:3]
            if mine is not None and not in_the_tests(mine):
                wrong = wrong_error(mine, name)
                if wrong and not excepted("text", name, what, wrong):
                    return "finding", text, wrong
            place.note(name, seed, "theirs")
            theirs, *their_values = run(torch, name, entry, call, seed)[:3]
            difference = ""
            if mine is None and theirs is None:
                difference = results_differ(values, their_values, entry)
    if mine is not None and in_the_tests(mine):
        return "not called", text, ""
    if mine is not None:
        wrong = wrong_error(mine, name)
        if wrong and not excepted("text", name, what, wrong):
            return "finding", text, wrong
        return ("both refuse" if theirs is not None else "minicnn refuses"), text, ""
    if theirs is not None:
        if excepted("accepted", name, what, shown(theirs)):
            return "harmless", text, ""
        return "finding", text, f"PyTorch refuses it: {shown(theirs)}"
    if difference and not excepted("differs", name, what, difference):
        return "finding", text, difference
    return ("harmless" if difference else "equal"), text, ""


def wrong_error(error, name):
    """ "" or what is wrong with it."""
    text = documented(error, name)
    if text:
        return f"{text}: {shown(error)}"
    if not named(error, name):
        return f"the operation is not named: {shown(error)}"
    return ""


def results_differ(mine, theirs, entry):
    """ "" or how values and gradients differ."""
    (values, gradients), (others, their_gradients) = mine, theirs
    dtypes = [v.dtype for v in values if isinstance(v, Value)]
    dtypes += [str(g.dtype) for g in gradients if g is not None]
    tolerance = max([entry.tolerance, 1e-8, *(TOLERANCES.get(d, 0) for d in dtypes)])
    if len(values) != len(others):
        return f"{len(values)} results, PyTorch gives {len(others)}"
    for i, (a, b) in enumerate(zip(values, others, strict=True)):
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
            return f"result {i} is {a!r}, PyTorch's {b!r}"
    for i, (a, b) in enumerate(zip(gradients, their_gradients, strict=True)):
        if a is None and b is None:
            continue
        a = np.zeros_like(b) if a is None else a
        b = np.zeros_like(a) if b is None else b
        text = differs(a, b, tolerance, f"gradient {i}")
        if text:
            return text
    return ""


def judge_other(name, seed, entry, call, text, place):
    """minicnn's own: an answer, or a documented error."""
    place.note(name, seed, "ours")
    error = entry.make(call)
    if error is None:
        return "answered", text, ""
    if in_the_tests(error):
        return "not called", text, ""
    if documented(error, name) and not excepted("text", name, text, shown(error)):
        return "own error", text, shown(error)
    return "minicnn refuses", text, ""


def batch(name, first, count, place=None):
    """{kinds: how many}, and the findings."""
    kinds, findings, began = Counter(), [], time.process_time()
    for seed in range(first, first + count):
        kind, call, found = judge(name, seed, place)
        kinds[kind] += 1
        if kind in ("finding", "own error"):
            findings.append(
                {"kind": kind, "name": name, "seed": seed, "call": call, "found": found}
            )
    seconds = round(time.process_time() - began, 2)
    return {"name": name, "kinds": dict(kinds), "findings": findings, "seconds": seconds}


def limit():
    """A call that takes too long, or too much memory, ends the process, with a traceback."""
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(place):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    limit()
    alone()
    noted = Place(place)

    class WithAlarm:
        def note(self, *what):
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            noted.note(*what)

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is printed by others is no answer
    for line in sys.stdin:
        name, first, count = line.rstrip("\n").split("\t")
        answer = batch(name, int(first), int(count), WithAlarm())
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
