"""What PyTorch has no name for, or compares with elsewhere: cases made of the docstrings' examples.

Every public function has an example that runs. It is run up to the first call of the function, and
that call's arguments are spoiled. So there is a case for every public name; those that have none
stand in `ELSEWHERE`, with the reason.
"""

import ast
import contextlib
import doctest
import inspect
import io
import os
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np
from drawn import Built, Call, T
from fuzz_layers import LAYERS
from fuzz_spoils import Given, in_memory
from table import TABLE

import minicnn as mc

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
from building import public  # noqa: E402

RECORD = "a record of results, which minicnn makes"
ERROR = "an error, which minicnn raises"
ELSEWHERE = {
    "minicnn.get_num_threads": "it takes nothing",
    "minicnn.is_grad_enabled": "it takes nothing",
    **dict.fromkeys(
        ("minicnn.data.WorkerInfo", "minicnn.training.Evaluation", "minicnn.training.Run"), RECORD
    ),
    "minicnn.training.PrincipalComponents": RECORD,
    "minicnn.training.ProgressiveStage": RECORD,
    "minicnn.distributed.Communicator": "the interface of all communicators, tests/distributed",
    "minicnn.distributed.complain": "it writes what it is given for the user to see",
    "minicnn.distributed.one_voice": "a context manager around prints, tests/distributed",
    "minicnn.distributed.init_process_group": "it starts MPI, tests/distributed",
}


_PICTURE = np.arange(5 * 6 * 3, dtype=np.uint8).reshape(5, 6, 3)
_PLANES = np.arange(48, dtype=np.float32).reshape(3, 4, 4) / 48
# Where the example makes no call of it, or one without arguments: (args, named).
CALLS = {
    "expand": ((mc.zeros(2, 1), 2, 3), {}),
    "view": ((mc.zeros(2, 3), 3, 2), {}),
    "repeat": ((mc.zeros(2, 1), 1, 3), {}),
    "data.BundledMNIST": ((), {"train": True}),
    "data.FashionMNIST": (("folder",), {}),
    "data.CIFAR100": (("folder",), {}),
    "data.transforms.Grayscale": ((1,), {}),
    "optim.Optimizer": (([mc.zeros(2, requires_grad=True)], {}), {}),
    "data.transforms.functional.elastic_transform": ((_PICTURE, np.zeros((1, 5, 6, 2))), {}),
    "data.transforms.functional.five_crop": ((_PICTURE, (3, 3)), {}),
    "data.transforms.functional.ten_crop": ((_PICTURE, (3, 3)), {}),
    "data.transforms.functional.get_image_size": ((_PICTURE,), {}),
    "data.transforms.functional.normalize": ((mc.tensor(_PLANES), [0.5] * 3, [0.5] * 3), {}),
    "data.transforms.functional.pil_to_tensor": ((_PICTURE,), {}),
    "data.transforms.functional.resized_crop": ((_PICTURE, 1, 1, 3, 3, (4, 4)), {}),
    "data.transforms.functional.to_pil_image": ((_PICTURE,), {}),
    "data.transforms.functional.to_tensor": ((_PICTURE,), {}),
}


class Array(Given):
    """A NumPy array, for minicnn alone."""

    def build(self, module, built):
        odd = self.memory != "rows"
        return in_memory(self.source, self.memory) if odd else np.array(self.values)


class Found(Exception):
    """The call that an example makes."""


class Catch(ast.NodeTransformer):
    """Leads every call through the function ``_call_``."""

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            return node  # Python looks for that very word
        name = ast.copy_location(ast.Name("_call_", ast.Load()), node)
        return ast.copy_location(ast.Call(name, [node.func, *node.args], node.keywords), node)


class Example:
    """The example of one public name, as a source of calls; an `Entry` for the fuzzer."""

    compare = call = None
    gradient, tolerance = False, 0

    def __init__(self, name, thing):
        self.name, self.thing = name, thing
        text = inspect.getdoc(thing) or ""
        if inspect.isclass(thing) and ">>>" not in text:
            text = inspect.getdoc(thing.__init__) or ""
        self.code = []
        for example in doctest.DocTestParser().get_examples(text):
            tree = ast.fix_missing_locations(Catch().visit(ast.parse(example.source)))
            self.code.append(compile(tree, f"<example of {name}>", "exec"))

    def arguments(self):
        """(args, named) of the first call in the example; (), {} where it has none."""
        if self.name.removeprefix("minicnn.") in CALLS:
            return CALLS[self.name.removeprefix("minicnn.")]

        def call(function, *args, **named):
            if function is self.thing:
                raise Found(args, named)
            return function(*args, **named)

        names = {"__name__": "example", "_call_": call, "mc": mc, "np": np, "minicnn": mc}
        module = sys.modules.get(getattr(self.thing, "__module__", ""))
        names = {**vars(module), **names} if module else names
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                for code in self.code:
                    exec(code, names)
        except Found as found:
            if found.args != ((), {}):
                return found.args
        builds = "num_classes" in str(inspect.signature(self.thing)) or "kwargs" in str(
            inspect.signature(self.thing)
        )
        return ((), {"num_classes": 10} if ".models." in self.name and builds else {})

    def draw(self, d):
        """A `Call` with this call's arguments."""
        mc.manual_seed(d.integer(0, 99))
        args, named = self.arguments()
        return Call(*map(described, args), **{k: described(v) for k, v in named.items()})

    def make(self, call):
        """The error that the call raises, or None."""
        try:
            built = Built(mc, call)
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                self.thing(*built.args, **built.named)
        except Exception as error:
            return error
        return None


def described(value):
    """What can be spoiled; the value itself where it is something else."""
    if isinstance(value, mc.Tensor) and type(value) is mc.Tensor and value.grad_fn is None:
        return T(np.array(value.array), 0, value.requires_grad)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return Array(np.array(value), 0, False)
    if type(value) in (list, tuple):
        return type(value)(described(v) for v in value)
    return value


def alone():
    """Nothing is fetched from a network, and what is written goes into a folder of its own."""

    def refuse(*_, **__):
        raise OSError("the fuzzer has no network")

    socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
    os.chdir(tempfile.mkdtemp(prefix="minicnn-fuzz-"))


def others():
    """{dotted name without "minicnn.": Example} of all public names that nobody else compares."""
    compared = {f"minicnn.{n.split(' (')[0]}" for n in TABLE}
    compared |= {f"minicnn.nn.{n}" for n in LAYERS}
    names = dict(public.documented())
    functional = mc.data.transforms.functional
    for name in public.names_of(functional.__name__):
        names.setdefault(f"{functional.__name__}.{name}", getattr(functional, name))
    found = {}
    for name, thing in names.items():
        error = inspect.isclass(thing) and issubclass(thing, BaseException)
        record = name.startswith("minicnn.tracing.") and inspect.isclass(thing)
        if name not in compared and name not in ELSEWHERE and not error and not record:
            found[name.removeprefix("minicnn.")] = Example(name, thing)
    return found


OTHERS = others()
