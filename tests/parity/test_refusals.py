"""Whatever PyTorch refuses, minicnn refuses: bad calls, made mechanically from good ones.

`spoiled` changes one argument of a good call at a time. Where PyTorch raises, minicnn must raise
one of its documented errors, with a text that begins with the operation's name; where PyTorch takes
the call, minicnn gives the same result. What differs stands in `refusal_exceptions`, with reasons.
"""

import collections
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
# What both warn of is compared elsewhere.
pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("one_thread"),
]

from compared import base, compared  # noqa: E402
from drawn import Draw  # noqa: E402
from refusal_exceptions import EXCEPTIONS, LEFT_OUT, NOT_RUN  # noqa: E402
from spoiled import spoil  # noqa: E402
from table import TABLE  # noqa: E402

NAMES = [n for n in TABLE if base(n) == n and not any(re.fullmatch(p, n) for p in LEFT_OUT)]
DOCUMENTED = (TypeError, ValueError, IndexError, RuntimeError)
OPERATORS = {
    **{"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floor_divide", "%": "remainder"},
    **{"**": "pow", "@": "matmul", "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt"},
    **{">=": "ge", "&": "bitwise_and", "|": "bitwise_or", "^": "bitwise_xor", "-x": "neg"},
    **{"abs(x)": "abs", "~": "bitwise_not", "[]": "index", "[]=": r"x[index] = value"},
}
SEEN, COUNTS = collections.Counter(), collections.Counter()


def operation(name):
    """What the text of an error must begin with."""
    if name.startswith("operator"):
        symbol = name.split(" ")[1]
        return OPERATORS.get(symbol) or OPERATORS[symbol.removesuffix("=")]
    return base(name).rpartition(".")[2]


def named(error, name):
    short = re.escape(operation(name))
    if name == "operator []=" and str(error).startswith("index: "):
        return True
    inner = re.escape(operation(name).removesuffix("_"))  # add_ is add, written in place
    return re.match(rf"(Tensor\.)?({short}|{inner})_?[ :(.]", str(error)) is not None


def judged(name, found):
    """("", …) where all is well, else (kind, what is wrong)."""
    mine, theirs = found.mine, found.theirs
    if theirs is not None:
        if mine is None:
            return "accepted", f"PyTorch refuses it: {theirs!r}"
        if not isinstance(mine, DOCUMENTED) or type(mine).__module__.startswith("numpy"):
            return "text", f"{mine!r} is no documented error"
        if not named(mine, name):
            return "text", f"the text does not begin with the operation's name: {mine!r}"
        return "", ""
    if mine is not None:
        return "refused", f"{mine!r}, which PyTorch takes"
    return ("differs", found.difference) if found.difference else ("", "")


def exception(kind, name, what):
    for i, (known, names, whats, _) in enumerate(EXCEPTIONS):
        if kind == known and re.fullmatch(names, name) and re.search(whats, what):
            return i
    return None


def bad_calls(name):
    """(what is bad, the call, what was found), for calls made of a few good ones."""
    # Methods and operators are the functions once more.
    form = next((f for f in ("Tensor", "operator") if name.startswith(f)), "function")
    for seed in range(4 if form == "function" else 1):
        call = TABLE[name].draw(Draw([seed, *name.encode()]))
        for what, bad in spoil(call, form):
            if any(re.fullmatch(n, name) and re.search(w, what) for n, w in NOT_RUN):
                continue
            with np.errstate(all="ignore"):
                yield what, bad, compared(name, TABLE[name], bad, seed)


@pytest.mark.parametrize("name", NAMES)
def test_what_pytorch_refuses_is_refused(name):
    wrong = []
    for what, bad, found in bad_calls(name):
        kind, text = judged(name, found)
        place = exception(kind, name, what) if kind else None
        COUNTS["refused by both" if found.mine and found.theirs else "others"] += 1
        if place is not None:
            SEEN[place] += 1
        elif kind:
            wrong.append(f"{kind}: {what}: {bad}: {text}")
    assert not wrong, f"{name}:\n" + "\n".join(wrong)


def test_exceptions_are_needed():
    """Runs after the others; of a part of them it says nothing."""
    if sum(COUNTS.values()) < 10_000:
        return
    assert COUNTS["refused by both"] > 8_000
    unused = [e for i, e in enumerate(EXCEPTIONS) if i not in SEEN]
    assert not unused, f"in refusal_exceptions.py, but no longer needed: {unused}"
