"""The folder of a training run, and the network that comes out of it."""

import argparse
import inspect
import json
from dataclasses import dataclass
from pathlib import Path

from minicnn.cli.command import Mistake
from minicnn.cli.datasets import Preprocessing, preprocessing_for
from minicnn.cli.networks import build_network, default_input, mistakes
from minicnn.device import as_device

VERSION = 1


@dataclass
class Trained:
    """A network, and what one needs to use it.

    Attributes:
        name: what the command line calls it.
        model: in evaluation mode.
        preprocessing: a function from an image to what the model reads.
        classes: their names.
        options: those of the run it came from; None for others.
    """

    name: str
    model: object
    preprocessing: object
    classes: list
    options: dict | None = None


def add_device_argument(parser, default=None):
    """``--device``."""
    parser.add_argument(
        "--device", default=default, metavar="DEVICE",
        help="where to compute: cpu, cuda (a GPU), cuda:1, … (default: cpu)",
    )  # fmt: skip


def add_trained_arguments(parser, what):
    """The arguments by which a command is told of a trained network, and where to use it."""
    add_device_argument(parser, "cpu")
    parser.add_argument("network", metavar="RUN|NAME|FILE.py:FUNCTION", help=what)
    parser.add_argument(
        "--option", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        help="options of a network that is no run, such as num_classes=10",
    )  # fmt: skip
    parser.add_argument(
        "--weights", metavar="PATH|NAME",
        help="a file of weights; for a network of `minicnn models` also the name of published "
        "ones, such as DEFAULT",
    )  # fmt: skip


def trained(options):
    """The network that `add_trained_arguments` was told of, on the device that it named."""
    device = as_device(options.device)  # whether there is one is known sooner than the rest
    found = _trained(options)
    found.model.to(device)
    return found


def _trained(options):
    folder = Path(options.network)
    if (folder / "run.json").is_file():
        return _of_run(folder, options)
    if folder.is_dir():
        raise Mistake(
            f"the folder {folder} holds no run of minicnn train; weights in it are used with their "
            "network: NAME --weights PATH"
        )
    if options.weights is None:
        raise Mistake(
            f"{options.network} is no folder of a run, so its weights must be named: --weights PATH"
        )
    model = build_network(options)
    named = _published(options.network, options.weights)
    if named is not None:
        return Trained(options.network, model, named.transforms(), named.meta["categories"])
    _, channels, *size = default_input(options.network, model)
    # Nobody says how its images were prepared: as `minicnn train` does it for the data that is
    # named, else for digits where the network reads grey images, and for photographs.
    data = getattr(options, "data", None) or ("digits" if channels == 1 else "")
    return Trained(options.network, model, preprocessing_for(data, channels, size), [])


def _published(network, weights):
    from minicnn.models import list_models
    from minicnn.models.weights import named_weights

    return named_weights(network, weights) if network in list_models() else None


def _of_run(folder, options):
    from minicnn.serialization import load

    if options.option:
        raise Mistake("--option is for networks that are no run; a run has its own")
    about = read_run(folder)
    model = build_for(about["options"], len(about["classes"]))
    weights = Path(options.weights) if options.weights else folder / "weights.safetensors"
    with mistakes():
        if weights.is_file():
            model.load_state_dict(load(weights))
        elif options.weights:
            raise Mistake(f"there is no file {weights}")
        else:
            from minicnn.training import load_checkpoint

            checkpoint = folder / "checkpoint.safetensors"
            if not checkpoint.is_file():
                raise Mistake(f"{folder} has no weights yet")
            load_checkpoint(checkpoint, model=model)
    preprocessing = Preprocessing(**about["preprocessing"])
    return Trained(str(folder), model.eval(), preprocessing, about["classes"], about["options"])


# ---------------------------------------------------------------- what a run writes


def write_run(folder, options, preprocessing, classes):
    """Note what a run is made of."""
    from minicnn.serialization import atomic_write

    about = {
        "version": VERSION,
        "options": options,
        "preprocessing": preprocessing.as_dict(),
        "classes": list(classes),
    }
    with atomic_write(folder / "run.json", "train") as file:
        file.write(json.dumps(about, indent=2, ensure_ascii=False).encode())


def read_run(folder):
    """What `write_run` noted."""
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise Mistake(f"{folder} holds no run of minicnn train (there is no {path})")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        version = about["version"]
        if version == VERSION:
            about["options"], about["preprocessing"], about["classes"]
    except (ValueError, KeyError, TypeError) as error:
        raise Mistake(f"{path} is damaged: {error!r}") from error
    if version != VERSION:
        raise Mistake(f"{path} is of version {version}, this minicnn reads version {VERSION}")
    return about


def build_for(options, classes):
    """The network of a run, with as many outputs as there are classes."""
    given = [text.partition("=")[0] for text in options["option"]]
    chosen = list(options["option"])
    if "num_classes" not in given and _takes_num_classes(options["network"]):
        chosen.append(f"num_classes={classes}")
    return build_network(
        argparse.Namespace(
            network=options["network"], option=chosen, weights=options.get("weights")
        )
    )


def _takes_num_classes(network):
    """Whether the network's builder has an option for the number of classes."""
    from minicnn.cli.networks import _factory, _file
    from minicnn.models import list_models

    path, function = _file(network)
    if path is None:
        return network in list_models()
    with mistakes(path):
        parameters = inspect.signature(_factory(path, function)).parameters.values()
    return any(p.name == "num_classes" or p.kind is p.VAR_KEYWORD for p in parameters)
