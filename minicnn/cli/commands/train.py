"""``minicnn train``."""

import argparse
import tomllib
from pathlib import Path

from minicnn.checks import closest
from minicnn.cli.command import Command, Mistake, Parser, register
from minicnn.cli.datasets import AUGMENTATIONS, add_data_arguments
from minicnn.cli.runs import add_device_argument

# What holds where neither a flag nor the file says otherwise.
DEFAULTS = {
    "option": [], "weights": None, "data": "digits", "data_dir": None, "skip_corrupt": False,
    "images": None,
    "validation": 0.1, "size": None, "augment": "none", "epochs": 10, "batch_size": 64,
    "optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "cosine",
    "label_smoothing": 0.0, "clip_norm": None, "accumulate": 1, "averaging": None,
    "patience": None, "workers": 0, "worker_kind": "threads", "save_every": 60.0, "seed": 0,
    "out": None, "device": "cpu",
}  # fmt: skip


@register
class Train(Command):
    name = "train"
    help = "train a network on a data set or a folder of images"
    examples = (
        ("train lenet5", "LeNet-5 on the 8,000 digits that come with minicnn"),
        ("train resnet20 --data fashion-mnist --epochs 20 --augment shift+flip", "clothes"),
        ("train resnet18 --data photos --size 96 --workers 2", "a folder with a folder a class"),
        ("train my_network.py:Net --optimizer adam --lr 0.001", "a network of your own"),
        ("train --config run.toml --epochs 3", "options from a file; flags win"),
        ("train resnet18 --data photos --device cuda", "on a GPU"),
        ("train --resume runs/lenet5-digits-1", "go on with a run that was stopped"),
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "network", nargs="?", metavar="NAME|FILE.py:FUNCTION",
            help="a name of `minicnn models`, or a file of yours and the function in it that makes "
            "the network",
        )  # fmt: skip
        add = parser.add_argument
        add("--config", metavar="FILE.toml", help="options by the names of these flags")
        add("--resume", metavar="RUN", type=Path, help="go on with the run in this folder")
        add("--out", metavar="RUN", help="its folder (default: runs/NETWORK-DATA-NUMBER)")
        add("--option", nargs="+", action="extend", metavar="NAME=VALUE",
            help="options of the network, such as activation=relu")  # fmt: skip
        add("--weights", metavar="PATH|NAME", help="what to start from (default: random weights)")
        add_data_arguments(parser, DEFAULTS["data"])
        add("--images", type=_count, help="use only so many training images")
        add("--validation", type=_share,
            help="the share of the training images kept for validation, where the data has no part "
            "for it; 0: none (default: 0.1)")  # fmt: skip
        add("--size", type=_count, help="pixels a side (default: what the network was made for)")
        add("--augment", choices=AUGMENTATIONS, help="how training images vary (default: none)")
        add("--epochs", type=_count, help="times through the training images (default: 10)")
        add("--batch-size", type=_count, help="images a batch (default: 64)")
        add("--optimizer", choices=("sgd", "adam", "adamw"), help="(default: sgd)")
        add("--lr", type=_positive, help="the learning rate at the start (default: 0.05)")
        add("--momentum", type=_share, help="of sgd (default: 0.9)")
        add("--weight-decay", type=_not_negative, help="(default: 0.0005)")
        add("--schedule", choices=("cosine", "constant"), help="of the rate (default: cosine)")
        add("--label-smoothing", type=_share, help="(default: 0)")
        add("--clip-norm", type=_positive, help="shorten gradients to this norm (default: never)")
        add("--accumulate", type=_count, help="batches that make a step (default: 1)")
        add("--averaging", type=_share, metavar="DECAY",
            help="use a moving average of the weights, such as 0.999")  # fmt: skip
        add("--patience", type=_whole, metavar="EPOCHS",
            help="stop when the validation loss has not improved for so long")  # fmt: skip
        add("--workers", type=_whole, help="threads or processes that load images (default: 0)")
        add("--worker-kind", choices=("threads", "processes"), help="(default: threads)")
        add("--save-every", type=_positive, metavar="SECONDS",
            help="save so often, beside each epoch's end (default: 60)")  # fmt: skip
        add("--seed", type=_whole, help="same seed, same weights (default: 0)")
        add_device_argument(parser)
        add("--plain", action="store_true", help="a line of text an epoch, no progress bar")

    def run(self, options):
        from minicnn.cli.networks import mistakes, user_file
        from minicnn.cli.training import go_on, start
        from minicnn.distributed import one_voice
        from minicnn.training import DivergenceError

        own = None if options.resume or not options.network else user_file(options.network)
        with mistakes(own, "; --size gives another size of the images"):
            one_voice()
            try:
                if options.resume is not None:
                    _refuse_others(options)
                    return go_on(options.resume, options.plain)
                return start(_chosen(self, options), options.plain)
            except DivergenceError as error:
                raise Mistake(str(error)) from error


def _refuse_others(options):
    """A run goes on with its own options."""
    given = [n for n in DEFAULTS if getattr(options, n) is not None]
    given = [f"--{n.replace('_', '-')}" for n in given]
    given += ["--config"] * (options.config is not None)
    given += [repr(options.network)] * (options.network is not None)
    if given:
        raise Mistake(f"--resume goes on with the run's own options; leave out {', '.join(given)}")


def _chosen(command, options):
    """All options: the flags', else the file's, else the defaults."""
    from_file = _read(command, options.config) if options.config else None
    chosen = {}
    for name in ("network", *DEFAULTS):
        values = [getattr(options, name), getattr(from_file, name, None), DEFAULTS.get(name)]
        chosen[name] = next((v for v in values if v is not None), None)
    if chosen["network"] is None:
        raise Mistake("name a network, such as lenet5; minicnn models lists all")
    if chosen["patience"] is not None and not _may_validate(chosen):
        raise Mistake("--patience looks at the validation loss; --validation 0.1 gives one")
    return chosen


def _may_validate(chosen):
    return chosen["validation"] > 0 or Path(chosen["data"]).is_dir()


def _read(command, path):
    """The options in a TOML file, checked as flags are: made into flags."""
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise Mistake(f"--config: {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Mistake(f"--config: {path} is not TOML: {error}") from error
    known = ("network", *DEFAULTS)
    networks, flags, network_options = [], [], []
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in known:
            raise Mistake(f"{path}: there is no option {key!r}{closest(name, known)}")
        if name == "option":
            if not isinstance(value, dict):
                raise Mistake(f"{path}: option must be a table, [option], got {value!r}")
            network_options = [f"{k}={v}" for k, v in value.items()]
        elif isinstance(value, bool) and name == "skip_corrupt":
            flags += ["--skip-corrupt"] if value else []
        elif isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise Mistake(f"{path}: {key} must be a number or a string, got {value!r}")
        elif name == "network":
            networks = [str(value)]
        else:
            flags.append(f"--{name.replace('_', '-')}={value}")
    if network_options:
        flags += ["--option", *network_options]
    parser = Parser(prog=f"minicnn {command.name}", allow_abbrev=False)
    command.add_arguments(parser)
    try:
        return parser.parse_args(networks + flags)
    except Mistake as mistake:
        raise Mistake(f"{path}: {mistake}") from mistake


def _number(convert, accepts, what):
    def read(text):
        try:
            value = convert(text)
        except ValueError:
            value = None
        if value is None or not accepts(value):
            raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}")
        return value

    return read


_count = _number(int, lambda n: n >= 1, "a whole number of at least 1")
_whole = _number(int, lambda n: n >= 0, "a whole number of at least 0")
_share = _number(float, lambda x: 0 <= x < 1, "at least 0 and less than 1")
_positive = _number(float, lambda x: 0 < x < float("inf"), "a number above 0")
_not_negative = _number(float, lambda x: 0 <= x < float("inf"), "a number of at least 0")
