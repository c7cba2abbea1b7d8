"""Networks that a command line names: ``resnet50``, or ``file.py:function``."""

import ast
import importlib.util
import inspect
import os
import re
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

from minicnn.checks import (
    ArgumentError,
    DtypeError,
    GraphError,
    IndexRangeError,
    MissingPartError,
    ShapeError,
    closest,
)
from minicnn.cli.command import Mistake

OURS = (ArgumentError, DtypeError, GraphError, IndexRangeError, MissingPartError, ShapeError)

# The sizes that networks were made for, where it is not 224 × 224 and `compound_scaling` has not
# the paper's. (Published weights may have been trained for other ones.)
SIZES = {
    "inception_v3": 299,
    "inception_v4": 299,
    "inception_resnet_v2": 299,
    "efficientnet_v2_s": 384,
    "efficientnet_v2_m": 480,
    "efficientnet_v2_l": 480,
}


def add_network_arguments(parser):
    """The arguments by which a command is told of a network."""
    parser.add_argument(
        "network", metavar="NAME|FILE.py:FUNCTION", help="a name of `minicnn models`, or a file of "
        "yours and the function (or class) in it that makes the network",
    )  # fmt: skip
    parser.add_argument(
        "--option", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        help="options of the network, such as num_classes=10",
    )  # fmt: skip
    parser.add_argument("--weights", metavar="PATH", help="a file of weights to load")


def build_network(options):
    """The network that `add_network_arguments` was told of."""
    chosen = dict(_option(text) for text in options.option)
    path, function = _file(options.network)
    if path is None:
        return _by_name(options.network, chosen, options.weights)
    with mistakes(path):
        factory = _factory(path, function)
        model = factory(**chosen)
    from minicnn.nn import Module

    if not isinstance(model, Module):
        raise Mistake(
            f"{options.network} returned a {type(model).__name__}; it must return a Module"
        )
    if options.weights is not None:
        from minicnn.models.weights import find_weights
        from minicnn.serialization import load

        with mistakes():
            model.load_state_dict(load(find_weights(function, options.weights)))
    return model


@contextmanager
def mistakes(file=None, hint=""):
    """Inside, minicnn's errors are mistakes of the user's, and so is any error if it runs `file`.

    A `hint` is added to those about shapes.
    """
    try:
        yield
    except Mistake:
        raise
    except OURS as error:
        if not isinstance(error, ShapeError):
            hint = ""
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        raise Mistake(f"{error}{notes}{_line_of(error, file)}{hint}") from error
    except OSError as error:
        raise Mistake(_of_file(error)) from error
    except MemoryError as error:
        raise Mistake(f"there is not enough memory: {error}") from error
    except Exception as error:
        if file is None:
            raise
        what = f"{type(error).__name__}: {error}"
        raise Mistake(f"{what}{_line_of(error, file)}") from error


def _of_file(error):
    """An error of the operating system's, without its number."""
    if error.filename is None or error.strerror is None:
        return str(error)
    path = Path(os.fsdecode(error.filename))
    if isinstance(error, FileNotFoundError):
        missing = "file" if path.parent.is_dir() else "folder"
        return f"there is no {missing} {path if missing == 'file' else path.parent}"
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder; name a file"
    return f"{path}: {error.strerror}"


def _line_of(error, file):
    """Where in the user's file the error came from."""
    if file is None:
        return ""
    if isinstance(error, SyntaxError):
        return ""  # its own text has the place
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename) == file:
            return f" [{file.name}, line {frame.lineno}]"
    return f" [{file.name}]"


def _option(text):
    """("num_classes", 10) for ``num_classes=10``; what is no Python value is a string."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise Mistake(f"--option takes NAME=VALUE, such as num_classes=10; got {text!r}")
    known = {"true": True, "false": False, "none": None}
    if value.lower() in known:
        return name, known[value.lower()]
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return name, value


def _by_name(name, chosen, weights):
    from minicnn.models import get_model_builder, list_models

    if name not in list_models():
        raise Mistake(
            f"no network is called {name!r}{closest(name, list_models())}; "
            "minicnn models lists all, file.py:function names one of yours"
        )
    if "weights" in chosen:
        raise Mistake("weights are no --option; give --weights PATH")
    builder = get_model_builder(name)
    with mistakes():
        try:
            return builder(**({} if weights is None else {"weights": weights}), **chosen)
        except TypeError as error:
            raise _unknown_option(name, builder, error) from error


def _unknown_option(name, builder, error):
    """A `Mistake` for an option that the network does not have; other errors as they are."""
    fixed = re.search(r"got multiple values for (?:keyword )?argument '(\w+)'", str(error))
    if fixed is not None:
        return Mistake(f"{name}: {fixed[1]!r} is what makes it this network, and no option")
    found = re.search(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if found is None or isinstance(error, OURS):
        return error if isinstance(error, OURS) else Mistake(f"{name}: {error}")
    kind = getattr(builder, "__globals__", {}).get(found[1])
    known = list(inspect.signature(kind).parameters) if inspect.isclass(kind) else []
    return Mistake(
        f"{name} has no option {found[2]!r}{closest(found[2], known)}"
        + (f"; it has {', '.join(known)}" if known else "")
    )


def _file(network):
    """(path, name of the function) for ``file.py:function``; (None, "") for the name of a model."""
    head, dot, function = network.rpartition(".py:")
    if dot:
        return Path(head + ".py").resolve(), function
    if network.endswith(".py"):
        path = Path(network).resolve()
        raise Mistake(f"say which function of the file makes the network: {network}:{_any(path)}")
    return None, ""


def user_file(network):
    """The user's file in ``file.py:function``, or None."""
    return _file(network)[0]


def _any(path):
    """The first function or class that the file defines, for an example."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return "function"
    kinds = (ast.FunctionDef, ast.ClassDef)
    return next((node.name for node in tree.body if isinstance(node, kinds)), "function")


def _factory(path, function):
    if not path.is_file():
        raise Mistake(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"minicnn_user_{path.stem}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # so that the file finds those beside it
    spec.loader.exec_module(module)
    if not callable(getattr(module, function, None)):
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise Mistake(f"{path.name} has no function {function!r}{closest(function, known)}")
    return getattr(module, function)


def default_input(network, model):
    """The input that a network was made for, one image; for others, what the first layer reads."""
    from minicnn import nn
    from minicnn.models.compound_scaling import PUBLISHED

    first = next((m for m in model.modules() if hasattr(m, "weight")), None)
    if isinstance(first, nn.Linear):
        return (1, first.in_features)
    if isinstance(first, nn.Conv1d):
        return (1, first.in_channels, 224)
    channels = first.in_channels if isinstance(first, nn.Conv2d) else 3
    size = getattr(model, "image_size", None) or SIZES.get(network)
    if network in PUBLISHED:
        size = PUBLISHED[network].image_size
    if size is None:
        size = 32 if type(model).__name__.startswith("Cifar") else 224
    height, width = (size, size) if isinstance(size, int) else size
    return (1, channels, height, width)
