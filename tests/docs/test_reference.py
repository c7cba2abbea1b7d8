"""Every public name is documented: what it is, shapes or dtypes, errors, and where it comes from.

What holds for all functions of a file, or of a package, may stand once, in its docstring: the
reference shows that above them.
"""

import inspect
import re
import sys
import warnings

import pytest

pytest.importorskip("sphinx")
from building import public

import minicnn as mc
from minicnn import equations

NAMES = public.documented()
KEYS = "|".join(re.escape(key) for key in equations.keys())  # noqa: SIM118
SHAPES = re.compile(
    r"\b(shapes?|dtypes?|tensors?|arrays?|float\w*|integers?|int\d*|bools?|strings?|paths?|folder|"
    r"numbers?|True|False|None)\b|\((N|C|H|F|…)[,)]"
)
ERRORS = re.compile(r"\b[A-Z]\w*Error\b|UnknownEquation")
SOURCES = re.compile(
    rf"\b(19|20)\d\d\b|PyTorch|torch|timm|ONNX|[Ee]qs?\. |``({KEYS})``|[Ee]quation|minicnn's own"
)


def texts(name):
    """The name's own docstring, and with those of its file and of the package it is met in."""
    thing = NAMES[name]
    own = thing.__doc__ or ""
    if inspect.isclass(thing) and not own.startswith(f"{thing.__name__}("):  # as dataclasses write
        own += thing.__init__.__doc__ or ""
    module = sys.modules.get(thing.__module__)
    package = sys.modules[name.rpartition(".")[0]]
    return own, "\n".join([own, (module and module.__doc__) or "", package.__doc__ or ""])


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented(name):
    own, all_of_it = texts(name)
    first = own.strip().split("\n\n")[0]
    assert len(first.split()) >= 2, "no docstring"
    if not (inspect.isclass(NAMES[name]) and issubclass(NAMES[name], BaseException)):
        assert SHAPES.search(all_of_it), "no shapes, dtypes or types"
    assert ERRORS.search(all_of_it), "no errors"
    assert SOURCES.search(all_of_it), "no equation, paper or model"


def test_names_that_are_missing_are_noticed():
    """The patterns are no doormats: an empty promise satisfies none of them."""
    for pattern in (SHAPES, ERRORS, SOURCES):
        assert not pattern.search("Does the obvious thing with what it is given.")


def test_every_public_module_is_there():
    assert len(NAMES) > 500
    assert {name.rpartition(".")[0] for name in NAMES} == set(public.MODULES) - {
        "minicnn.autograd" if not any(n.startswith("minicnn.autograd.") for n in NAMES) else ""
    }


# What the packages' docstrings say about errors, tried on a few of their members.
PROMISES = [
    ("ShapeError", lambda: mc.zeros(2) + mc.zeros(3)),
    ("DtypeError", lambda: mc.add("a", 2)),
    ("IndexRangeError", lambda: mc.zeros(3).sum(dim=4)),
    ("ArgumentError", lambda: mc.clamp(mc.zeros(2))),
    ("ArgumentError", lambda: mc.nn.Conv2d(3, 4, 0)),
    ("DtypeError", lambda: mc.nn.Conv2d(3, 4, 3, stride="a")),
    ("ShapeError", lambda: mc.nn.Conv2d(3, 4, 3)(mc.zeros(1, 2, 5, 5))),
    ("DtypeError", lambda: mc.nn.Linear(3, 4)(mc.zeros(1, 3, dtype=mc.float64))),
    ("DtypeError", lambda: mc.optim.SGD([1], lr=0.1)),
    ("ArgumentError", lambda: mc.optim.SGD([mc.zeros(3, requires_grad=True)], lr=-1)),
    ("DtypeError", lambda: mc.optim.lr_scheduler.StepLR(3, 1)),
    ("IndexRangeError", lambda: mc.data.BundledMNIST()[10**6]),
    ("ArgumentError", lambda: mc.data.DataLoader(mc.data.BundledMNIST(), batch_size=0)),
    ("ArgumentError", lambda: mc.data.transforms.RandomCrop(-3)),
    ("DtypeError", lambda: mc.data.transforms.ToTensor()(3)),
    ("ArgumentError", lambda: mc.models.get_model("nothing")),
    ("ArgumentError", lambda: mc.models.lenet5(activation="nothing")),
    ("ShapeError", lambda: mc.models.lenet5()(mc.zeros(1, 3, 28, 28))),
    ("ArgumentError", lambda: mc.training.transfer.freeze(mc.models.lenet5(), first=99)),
    ("DtypeError", lambda: mc.training.transfer.freeze(3)),
    ("ArgumentError", lambda: mc.training.callbacks.WeightAveraging(decay=2)),
    ("ShapeError", lambda: mc.plot.make_grid(mc.zeros(3))),
    ("DtypeError", lambda: mc.plot.make_grid(3)),
    ("DtypeError", lambda: mc.nn.init.zeros_(3)),
    ("ShapeError", lambda: mc.nn.init.eye_(mc.zeros(3))),
    ("DtypeError", lambda: mc.nn.utils.parameters_to_vector([3])),
    ("UnknownEquation", lambda: equations.get("nothing")),
]


@pytest.mark.parametrize(("error", "call"), PROMISES)
def test_errors_are_those_that_are_promised(error, call):
    with warnings.catch_warnings(), pytest.raises(Exception) as raised:
        call()
    assert type(raised.value).__name__ == error


def test_docstrings_become_text_with_links_to_equations():
    from building.reference import escaped

    assert escaped("a*b |x| conv_ (equation ``relu``)") == r"a\*b \|x\| conv\_ (:eq:`relu`)"
    assert escaped("Eq. 1.6: `w` and ``δ``") == ":eq:`1.6`: ``w`` and ``δ``"
    assert escaped("eq. ``nothing``, version 1.17") == "eq. ``nothing``, version 1.17"
    assert escaped(">>> f(*x)\n*y\n\n*z*") == ">>> f(*x)\n*y\n\n\\*z\\*"
