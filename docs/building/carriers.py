"""What carries an equation: textbook functions, operations and kernels, each with its line.

The numbered equations have the exact lines, from `lines.py`. For the others the code says it
itself: a textbook function cites the key in its docstring, an operation in its `equations`, and the
source of an operation names its kernels.
"""

import importlib
import inspect
import pkgutil
import re
from functools import cache

from minicnn import equations, ops, textbook
from minicnn.kernels import find, kernels, variants
from minicnn.ops.base import Operation

from .lines import LINES
from .places import definition, line_in, place_of

KINDS = ("textbook", "operation", "kernel")


@cache
def carriers(key):
    """{"textbook": places, "operation": places, "kernel": places} of an equation.

    Raises LookupError where a line of `lines.py` is no longer in the sources.
    """
    equations.get(key)
    if key in LINES:
        return {
            kind: [line_in(*entry) for entry in entries]
            for kind, entries in zip(KINDS, LINES[key], strict=True)
        }
    operations = [o for o in _operations() if key in o.equations]
    return {
        "textbook": [
            definition(f"minicnn.textbook.{name}")
            for name in textbook.__all__
            if key in cited_by(getattr(textbook, name))
        ],
        "operation": [place_of(o, o.__name__) for o in operations] + _others(key),
        "kernel": _kernels(operations),
    }


def cited_by(function):
    """The keys that the docstring of a textbook function cites, as in "Eqs. lrn, 1.6: …"."""
    text = " ".join((inspect.getdoc(function) or "").split())
    cited = re.findall(r"[Ee]qs?\. ([\w.-]+(?:, [\w.-]+)*)", text)
    return {key.rstrip(".") for group in cited for key in group.split(", ")}


@cache
def _operations():
    """Every operation of `minicnn.ops` that names equations of its own."""
    found = []
    for module in pkgutil.iter_modules(ops.__path__):
        inside = vars(importlib.import_module(f"minicnn.ops.{module.name}")).values()
        found += [
            thing
            for thing in inside
            if inspect.isclass(thing) and issubclass(thing, Operation) and thing not in found
        ]
    return [o for o in found if o.__module__.startswith("minicnn.ops.")]


# What no operation or textbook function names: what optimisers, initialisations, summaries compute.
ELSEWHERE = {
    "wide-swap": ["minicnn.textbook.cross_correlate"],
    "add": ["minicnn.ops.arithmetic.Add"],
    "mul": ["minicnn.ops.arithmetic.Mul"],
    "residual": ["minicnn.models.resnet.BasicBlock"],
    "conv-size": ["minicnn.shapes.output_size"],
    "conv-transpose-size": ["minicnn.nn.functional.conv_transpose2d"],
    "bn-running": ["minicnn.nn.functional.batch_norm"],
    "parameter-count": ["minicnn.summary"],
    "conv-cost": ["minicnn.summary.cost"],
    "depthwise-cost": ["minicnn.summary.cost"],
    "receptive-field": ["minicnn.summary.field"],
    "compound-scaling": ["minicnn.models.compound_scaling"],
    "finite-difference": ["minicnn.checking.gradcheck"],
    "chain-rule": ["minicnn.Tensor.backward"],
    "pixel-shuffle": ["minicnn.nn.functional.pixel_shuffle"],
    "channel-shuffle": ["minicnn.nn.functional.channel_shuffle"],
    "lp-pool": ["minicnn.nn.functional.lp_pool2d"],
    "label-smoothing": ["minicnn.nn.functional.cross_entropy"],
    "mse": ["minicnn.nn.functional.mse_loss"],
    "l1": ["minicnn.nn.functional.l1_loss"],
    "conv1d-layer": ["minicnn.nn.functional.conv1d"],
    "sgd": ["minicnn.optim.SGD"],
    "sgd-momentum": ["minicnn.optim.SGD"],
    "nesterov": ["minicnn.optim.SGD"],
    "weight-decay": ["minicnn.optim.SGD"],
    "adam": ["minicnn.optim.Adam"],
    "adamw": ["minicnn.optim.AdamW"],
    "rmsprop": ["minicnn.optim.RMSprop"],
    "adagrad": ["minicnn.optim.Adagrad"],
    "xavier-init": ["minicnn.nn.init.xavier_uniform_"],
    "kaiming-init": ["minicnn.nn.init.kaiming_uniform_"],
}


def _others(key):
    return [definition(name) for name in ELSEWHERE.get(key, [])]


def _kernels(operations):
    found = []
    for operation in operations:
        names = re.findall(r'find\(\s*"(\w+)"', inspect.getsource(operation))
        for name in dict.fromkeys(names):
            for variant in [v for v in ("plain", "cpu") if v in variants(name)]:
                with kernels(variant):
                    place = _place_of_kernel(name, variant)
                if place not in found:
                    found.append(place)
    return found


def _place_of_kernel(name, variant):
    return place_of(find(name), name)
