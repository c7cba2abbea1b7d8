"""Every public name is documented, each in its own docstring.

What it is, its arguments with their shapes or types, what it refuses, and where it comes from: an
equation, a paper, or the name that PyTorch has for it. And an example, which the doctests run.
"""

import dataclasses
import enum
import importlib
import inspect
import re
import sys
import types

import pytest

pytest.importorskip("sphinx")
from building import public

import minicnn as mc
from minicnn import equations
from minicnn.nn.module import Module

NAMES = public.documented()
KEYS = "|".join(re.escape(key) for key in equations.keys())  # noqa: SIM118
KINDS = re.compile(
    r"\b(shapes?|dtypes?|tensors?|arrays?|float\w*|integers?|int\d*|bools?|strings?|str|paths?|"
    r"folder|file|numbers?|True|False|None|images?|data set|functions?|callables?|modules?|lists?|"
    r"tuples?|pairs?|dictionar(y|ies)|devices?|optimiser|iterable|sampler|block|network)\b"
    r"|\((N|C|H|F|T|M|m|A|B|…)[,)]| of (one|any|the same) shape"
)
ERRORS = re.compile(
    r"\b[A-Z]\w*Error\b|UnknownEquation|[Rr]aises? nothing|[Nn]othing is raised|ValueError"
)
SOURCES = re.compile(
    rf"\b(19|20)\d\d\b|PyTorch|torch|timm|ONNX|[Ee]qs?\. |``({KEYS})``|[Ee]quation|minicnn's own"
)


def text_of(thing):
    """The name's own docstring, on one line; a class's with that of its ``__init__``."""
    text = thing.__doc__ or ""
    if inspect.isclass(thing) and "__init__" in vars(thing):
        text += "\n\n" + (thing.__init__.__doc__ or "")
    return text


def arguments(thing):
    try:
        found = inspect.signature(thing).parameters
    except ValueError:  # an exception without an __init__ of its own
        return []
    return [name for name in found if name not in ("self", "cls")]


def is_exception(thing):
    return inspect.isclass(thing) and issubclass(thing, BaseException)


def is_record(thing):
    """Whether a class only holds values: there is nothing to show of it but what made it."""
    return inspect.isclass(thing) and (
        dataclasses.is_dataclass(thing) or issubclass(thing, (tuple, enum.Enum))
    )


def unnamed(names, text):
    return [name for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]


# Those whose example needs several processes, or says something to the terminal.
NO_EXAMPLE = {
    "minicnn.distributed.Communicator",
    "minicnn.distributed.complain",
    "minicnn.distributed.one_voice",
    "minicnn.training.Run",  # which `fit` makes
}
BUILDERS = {mc.models.get_model_builder(name) for name in mc.models.list_models()}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name):
    thing, text = NAMES[name], " ".join(text_of(NAMES[name]).split())
    assert len(text_of(thing).strip().split("\n\n")[0].split()) >= 2, "no docstring"
    assert SOURCES.search(text), "no equation, paper, or name in PyTorch"
    if is_exception(thing):
        return
    assert ERRORS.search(text), "no errors, nor that there are none"
    if isinstance(thing, enum.EnumType):
        return  # its arguments are Python's
    assert unnamed(arguments(thing), text) == [], "arguments that are not explained"
    assert not arguments(thing) or KINDS.search(text), "no shapes, dtypes or types"


@pytest.mark.parametrize("name", sorted(set(NAMES) - NO_EXAMPLE))
def test_a_public_name_has_an_example(name):
    thing = NAMES[name]
    if not is_exception(thing) and not is_record(thing) and thing not in BUILDERS:
        assert ">>> " in text_of(thing)


def test_names_that_are_missing_are_noticed():
    """The patterns are no doormats: an empty promise satisfies none of them."""
    for pattern in (KINDS, ERRORS, SOURCES):
        assert not pattern.search("Does the obvious thing with what it is given.")
    assert unnamed(["p", "dim"], "the probability of dim_x, up") == ["p", "dim"]
    assert unnamed(["p"], "`p`: a number") == []


def test_every_public_module_is_there():
    assert len(NAMES) > 600
    assert {name.rpartition(".")[0] for name in NAMES} == set(public.MODULES)


def methods():
    """(dotted name, class, function) of every public method and property, each once."""
    seen = {id(thing) for thing in NAMES.values()}
    for name, thing in NAMES.items():
        for key, value in vars(thing).items() if inspect.isclass(thing) else ():
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            if key.startswith("_") or not inspect.isfunction(function) or id(function) in seen:
                continue
            if function.__module__.startswith("minicnn"):
                seen.add(id(function))
                yield f"{name}.{key}", thing, value


METHODS = {name: (thing, value) for name, thing, value in methods()}
# Those that a user calls, by the contract; other classes' methods are told of in a line each.
IN_FULL = (
    "minicnn.Tensor.", "minicnn.Generator.", "minicnn.nn.Module.", "minicnn.optim.",
    "minicnn.autograd.", "minicnn.trace.", "minicnn.data.DataLoader.", "minicnn.tracing.",
)  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_public_method_is_documented(name):
    """By a docstring of its own, or that of the method whose place it takes."""
    thing, value = METHODS[name]
    key = name.rpartition(".")[2]
    if key in ("forward", "extra_repr"):  # a module's are told of by its class, and by Module
        assert issubclass(thing, (Module, mc.autograd.Function)) or value.__doc__
        return
    bases = [*thing.__mro__, mc.distributed.Communicator] if "Alone" in name else thing.__mro__
    texts = [vars(c)[key].__doc__ for c in bases if key in vars(c)]
    text = next((t for t in texts if t), "")
    assert len(text.split()) >= 2, "no docstring"
    if name.startswith(IN_FULL) and not isinstance(value, property):
        function = getattr(value, "__func__", value)
        names = [n for n in inspect.signature(function).parameters if n not in ("self", "cls")]
        names = names if isinstance(value, staticmethod) else [n for n in names if n != "input"]
        assert unnamed(names, text) == [], "arguments that are not explained"


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_to_be_as_in_pytorch_is_there(name):
    """``torch.nn.ReLU`` in a docstring is something that PyTorch, or torchvision, really has."""
    pytest.importorskip("torch")
    # Its operators may not load beside this torch; nothing here needs them.
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("empty"))
    for cited in re.findall(r"``((?:torch|torchvision)\.[\w.]+)``", text_of(NAMES[name])):
        package, _, last = cited.rpartition(".")
        found = pytest.importorskip(cited.partition(".")[0])
        for part in package.split(".")[1:]:
            if not hasattr(found, part):
                importlib.import_module(f"{found.__name__}.{part}")
            found = getattr(found, part)
        assert hasattr(found, last), cited


def test_builders_say_how_many_parameters_there_are():
    from make_stages import without_computing

    for name in mc.models.list_models():
        builder = mc.models.get_model_builder(name)
        with without_computing():
            count = sum(p.numel() for p in builder().parameters())
        assert f"{count:,} parameters." in builder.__doc__, name


def test_the_reference_has_a_page_for_everything():
    from building.reference import page

    pages = {module: page(module, []) for module in public.MODULES}
    assert all(len(text.split()) > 5 for text in pages.values())


def test_docstrings_become_text_with_links_to_equations():
    from building.reference import escaped

    assert escaped("a*b |x| conv_ (equation ``relu``)") == r"a\*b \|x\| conv\_ (:eq:`relu`)"
    assert escaped("Eq. 1.6: `w` and ``δ``") == ":eq:`1.6`: ``w`` and ``δ``"
    assert escaped("eq. ``nothing``, version 1.17") == "eq. ``nothing``, version 1.17"
    assert escaped(">>> f(*x)\n*y\n\n*z*") == ">>> f(*x)\n*y\n\n\\*z\\*"


def test_no_example_shows_a_mistake_of_its_own():
    """An example that ends in a NameError passes as a doctest, and teaches nothing."""
    for name, thing in NAMES.items():
        assert "NameError" not in text_of(thing), name
