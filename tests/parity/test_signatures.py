"""The signatures of all functions, classes and methods that have PyTorch's names.

Names, order, defaults and kinds are compared with PyTorch's. What differs stands in
`differences.py`, with the reason; what stands there and no longer differs is an error, too.
"""

import ast
import importlib.util
import inspect
import re
import types
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest

import minicnn as mc

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

_place = Path(__file__).with_name("differences.py")
_spec = importlib.util.spec_from_file_location("differences", _place)
differences = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(differences)

SPACES = {
    "": (mc, torch),
    "autograd": (mc.autograd, torch.autograd),
    "data": (mc.data, torch.utils.data),
    "nn": (mc.nn, torch.nn),
    "nn.functional": (mc.nn.functional, torch.nn.functional),
    "nn.init": (mc.nn.init, torch.nn.init),
    "nn.utils": (mc.nn.utils, torch.nn.utils),
    "optim": (mc.optim, torch.optim),
    "optim.lr_scheduler": (mc.optim.lr_scheduler, torch.optim.lr_scheduler),
}

REQUIRED = inspect.Parameter.empty


class Parameter(NamedTuple):
    """One parameter of a signature."""

    name: str
    kind: str  # "", "keyword", "*" or "**"
    default: object = REQUIRED
    # PyTorch: one of several overloads does not have it, so that it need not be required.
    optional: bool = False


# ------------------------------------------------------------------- PyTorch's signatures


def from_inspect(function):
    """The parameters, or None where Python does not know them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    kinds = {
        inspect.Parameter.KEYWORD_ONLY: "keyword",
        inspect.Parameter.VAR_POSITIONAL: "*",
        inspect.Parameter.VAR_KEYWORD: "**",
    }
    return [Parameter(p.name, kinds.get(p.kind, ""), p.default) for p in found]


def split(text):
    """The parts of ``a, b=(1, 2), c: Dict[int, str] = None`` between the outer commas."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and not depth:
            parts.append(text[start:i])
            start = i + 1
    return [p.strip() for p in (*parts, text[start:]) if p.strip()]


def value(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def from_text(text):
    """Parameters as docstrings and TorchScript's schemas write them; None if it is no signature."""
    found, keyword = [], False
    for part in split(text.replace("\\*", "*")):
        if part in ("*", "/"):
            keyword = part == "*"
            continue
        head, equals, default = part.partition("=")
        name, _, annotation = head.partition(":")
        name = name.strip()
        kind = "keyword" if keyword else ""
        while name.startswith("*"):
            kind, name = ("*" if kind in ("", "keyword") else "**"), name[1:]
        if not name.isidentifier() or name in ("int", "float", "bool"):
            return None  # no signature, or one that names types only
        if not equals and annotation.strip().startswith("Optional"):
            equals, default = "=", "None"
        found.append(Parameter(name, kind, value(default.strip()) if equals else REQUIRED))
    return found


def closing(text, start):
    """Where the bracket that opens at `start` is closed."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if not depth:
            return i
    return None


def from_docstring(name, function):
    """All signatures ``name(…)`` that begin a line of the docstring."""
    doc, found = function.__doc__ or "", []
    start = rf"^\s*(?:\.\. \w+:: *)?(?!torch\.return_types)(?:\w+\.)*{name}\("
    for match in re.finditer(start, doc, re.MULTILINE):
        end = closing(doc, match.end() - 1)
        # A line that goes on in another way is an example, or text.
        if end is not None and re.match(r" *(->[^\n]*|:[^\n]*)?(\n|$)", doc[end + 1 :]):
            parameters = from_text(doc[match.end() : end])
            if parameters is not None:
                found.append(parameters)
    return found


def from_schemas(name):
    """Signatures of the operator, as TorchScript knows it: types before names, self for input."""
    found = []
    for schema in torch._C._jit_get_schemas_for_operator(f"aten::{name}"):
        if not schema.arguments or str(schema.arguments[0].type) not in ("Tensor", "List[Tensor]"):
            continue  # TorchScript's arithmetic on numbers and strings
        parameters = []
        for a in schema.arguments:
            default = a.default_value if a.has_default_value() else REQUIRED
            own = "input" if a.name == "self" else a.name
            parameters.append(Parameter(own, "keyword" if a.kwarg_only else "", default))
        if not any(p.name == "out" for p in parameters):
            found.append(parameters)
    return found


def theirs(name, function):
    """Every signature of PyTorch's `function` that is known, in a list for each source."""
    found = from_inspect(function)
    hands_on = found and {p.kind for p in found} <= {"*", "**"} and len(found) == 2
    if found is not None and (isinstance(function, type) or not hands_on):
        return [[found]]
    # Docstrings leave things out, and call them otherwise than the function does.
    sources = [from_docstring(name, function), from_schemas(name)]
    return [s for s in sources if s]


# -------------------------------------------------------------------------- the comparison


def without(parameters, dropped):
    return [p for p in parameters if p.name not in dropped]


def with_overloads(variants):
    """Mark in each signature what another one can do without."""
    return [
        [p._replace(optional=any(p.name not in {q.name for q in v} for v in variants)) for p in own]
        for own in variants
    ]


def same_default(mine, other):
    if other.optional and other.default is REQUIRED:
        return True
    if (mine.default is REQUIRED) != (other.default is REQUIRED):
        return False
    a, b = mine.default, other.default
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return tuple(a) == tuple(b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b and isinstance(a, bool) == isinstance(b, bool)
    if type(a).__name__ == type(b).__name__ == "Generator":  # either library's default one
        return True
    return a is b or repr(a) == repr(b) or a == b or str(a) == str(b).removeprefix("torch.")


def shown(default):
    if default is REQUIRED:
        return "required"
    return "an object" if " at 0x" in repr(default) else repr(default)


def lines(mine, other):
    """What distinguishes two signatures, in lines."""
    found = []
    kinds = {p.kind for p in mine}
    if kinds == {"*", "**"} and kinds != {p.kind for p in other}:
        return ["hands on what it is given"]
    own, known = ({p.name: p for p in s if p.kind not in ("*", "**")} for s in (mine, other))
    for kind in ("*", "**"):
        has = [any(p.kind == kind for p in s) for s in (mine, other)]
        if has[0] != has[1]:
            found.append(f"{'adds' if has[0] else 'lacks'} {kind}arguments")
    found += [f"lacks {name}" for name in known if name not in own]
    found += [f"adds {name}" for name in own if name not in known]
    common = [name for name in known if name in own]
    for name in common:
        a, b = own[name], known[name]
        if not same_default(a, b):
            found.append(f"{name} is {shown(a.default)}, not {shown(b.default)}")
        if a.kind != b.kind:
            found.append(f"{name} is {a.kind or 'positional'}, not {b.kind or 'positional'}")
    if [n for n in own if n in common] != common:
        found.append("order: " + ", ".join(n for n in own if n in common))
    return found


def compared(name, mine, function, method=False):
    """(lines of difference to the nearest of PyTorch's signatures, parameters left out)."""
    own, sources = from_inspect(mine), theirs(name, function)
    if own is None or not sources:
        return ["not comparable"], set()
    if method:
        # The object itself: the first parameter, under whichever name.
        own = own[1:]
        sources = [
            [v[1:] if v and v[0].name in ("self", "input") else v for v in s] for s in sources
        ]
    known = {p.name for s in sources for v in s for p in v}
    dropped = known & set(differences.LEFT_OUT) - {p.name for p in own}
    variants = [
        variant for s in sources for variant in with_overloads([without(v, dropped) for v in s])
    ]
    return min((lines(own, v) for v in variants), key=len), dropped


def methods(mine, other):
    """Public methods that a class defines itself and PyTorch's class has."""
    for name, function in vars(mine).items():
        public = not name.startswith("_") or name == "__call__"
        if public and callable(function) and callable(getattr(other, name, None)):
            yield name, function, getattr(other, name)


def pairs():
    """(full name, name, ours, theirs, is it a method) of all that has one of PyTorch's names."""
    seen = set()  # what is imported elsewhere too is compared once
    yield "gradcheck", "gradcheck", mc.gradcheck, torch.autograd.gradcheck, False
    for space, (ours, others) in SPACES.items():
        for name in dir(ours):
            mine, other = getattr(ours, name), getattr(others, name, None)
            if name.startswith("_") or isinstance(mine, types.ModuleType):
                continue
            if not callable(mine) or not callable(other) or (id(mine), id(other)) in seen:
                continue
            seen.add((id(mine), id(other)))
            full = f"{space}.{name}".lstrip(".")
            if full in differences.OTHER_THINGS:
                continue
            yield full, name, mine, other, False
            if isinstance(mine, type) and isinstance(other, type):
                for method, function, their in methods(mine, other):
                    yield f"{full}.{method}", method, function, their, True


def found():
    """{full name: lines of difference} of all that differs, and the dropped parameters."""
    result, dropped = {}, set()
    for full, name, mine, other, method in pairs():
        differing, left_out = compared(name, mine, other, method)
        dropped |= left_out
        if differing:
            result[full] = tuple(differing)
    return result, dropped


FOUND, DROPPED = found()
LISTED = {}
for _reason, _entries in differences.DIFFERENCES.items():
    for _name, _lines in _entries.items():
        LISTED.setdefault(_name, []).extend((line, _reason) for line in _lines)


def test_enough_is_compared():
    names = [p[0] for p in pairs()]
    assert len(names) == len(set(names))
    assert len(names) > 350
    for name in (
        "add",
        "Tensor.sum",
        "autograd.grad",
        "nn.Conv2d",
        "nn.Module.state_dict",
        "nn.functional.conv2d",
        "nn.init.xavier_uniform_",
        "nn.utils.clip_grad_norm_",
        "optim.AdamW",
        "optim.Optimizer.step",
        "optim.lr_scheduler.OneCycleLR",
        "optim.lr_scheduler.ReduceLROnPlateau.step",
    ):
        assert name in names


def test_everything_that_differs_is_listed():
    new = [
        f"{name}: {line}"
        for name, differing in FOUND.items()
        for line in differing
        if line not in [listed for listed, _ in LISTED.get(name, ())]
    ]
    assert not new, "signatures that differ from PyTorch's, unlisted:\n" + "\n".join(new)


def test_everything_that_is_listed_differs():
    gone = [
        f"{name}: {line}"
        for name, listed in LISTED.items()
        for line, _ in listed
        if line not in FOUND.get(name, ())
    ]
    assert not gone, "listed in differences.py, but no longer there:\n" + "\n".join(gone)


def test_every_difference_has_one_reason():
    for name, listed in LISTED.items():
        only = [line for line, _ in listed]
        assert len(only) == len(set(only)), f"{name} is listed twice"
    for reason in (*differences.DIFFERENCES, *differences.LEFT_OUT.values()):
        assert len(reason) > 20 and not reason.endswith("."), reason


def test_what_is_left_out_everywhere():
    gone = set(differences.LEFT_OUT) - DROPPED
    assert not gone, f"left out of nothing, or no longer: {gone}"


# ------------------------------------------------------------------ the comparison, checked


@pytest.mark.parametrize(
    ("mine", "other", "expected"),
    [
        ("a, b=1", "a, b=1", []),
        ("a, b=1", "a, b=1.0", []),
        ("a, b=True", "a, b=1", ["b is True, not 1"]),
        ("a, b=1", "a, b=2", ["b is 1, not 2"]),
        ("a, b", "a, b=2", ["b is required, not 2"]),
        ("a, b", "b, a", ["order: a, b"]),
        ("a", "a, b", ["lacks b"]),
        ("a, c", "a", ["adds c"]),
        ("a, *, b", "a, b", ["b is keyword, not positional"]),
        ("a, b", "a, *, b", ["b is positional, not keyword"]),
        ("*a", "*size", []),
        ("a", "*size", ["lacks *arguments", "adds a"]),
        ("*args, **options", "a, b", ["hands on what it is given"]),
        ("*args, **options", "*a, **b", []),
        ("a='x'", "a: Literal['x', 'y'] = 'x'", []),
    ],
)
def test_lines(mine, other, expected):
    assert lines(from_text(mine), from_text(other)) == expected


def test_overloads():
    variants = with_overloads([from_text("x"), from_text("x, dim, keepdim=False")])

    def nearest(mine):
        return min((lines(from_text(mine), v) for v in variants), key=len)

    assert nearest("x, dim=None, keepdim=False") == []
    assert nearest("x, keepdim=False, dim=None") == ["order: x, keepdim, dim"]


def test_pytorchs_signatures_are_read():
    known = {
        "add": ["input, other, *, alpha=1, out=None"],
        "sum": ["input, *, dtype=None", "input, dim, keepdim=False, *, dtype=None"],
    }
    for name, texts in known.items():
        assert from_docstring(name, getattr(torch, name)) == [from_text(t) for t in texts]
    assert from_schemas("relu") == [from_text("input")]
    assert from_text("values=tensor([1, 2]), int") is None
    pool = theirs("max_pool2d", torch.nn.functional.max_pool2d)[0][0]
    assert [p.name for p in pool][:3] == ["input", "kernel_size", "stride"]
    adam = theirs("Adam", torch.optim.Adam)[0][0]
    assert Parameter("fused", "keyword", None) in adam


def test_a_new_difference_is_noticed():
    def sum(input, dim, keepdim=True, *, dtype=None):
        pass

    assert compared("sum", sum, torch.sum)[0] == ["keepdim is True, not False"]

    class SGD:
        def __init__(self, params, lr=0.001, momentum=0):
            pass

    assert "lacks nesterov" in compared("SGD", SGD, torch.optim.SGD)[0]
    assert compared("SGD", mc.optim.SGD, torch.optim.SGD)[0] == []
