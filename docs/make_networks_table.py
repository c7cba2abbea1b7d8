"""Write docs/networks.md: parameters, smallest image and paper of every network.

    python docs/make_networks_table.py            write it
    python docs/make_networks_table.py --check    only say whether it is up to date

Nothing in the tables is typed in. Every network of `models.list_models()` is built, though without
drawing its weights, and its parameters are counted. The images it takes are what its forward hands
to `check_images`, the paper is the first paragraph of its file.
"""

import inspect
import re
import sys
from pathlib import Path
from unittest import mock

import minicnn as mc
from minicnn.nn import init

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "networks.md"

INTRODUCTION = """# The networks

Written by `docs/make_networks_table.py`, oldest paper first. Each family is one file in
`minicnn/models`, with a table of its stages. `models.get_model(name, **options)` builds a network;
with another number of classes it has other parameters. The smallest image is the smallest with
which, after `eval()`, every layer has something to read; it is no good size to learn from, and
auxiliary heads, which work in training, may need more. "Only" means that the fully connected layers
take no other.
"""


class Seen(Exception):
    """Ends a forward at its first line, with the arguments of `check_images`."""


def see(network, x, channels, smallest=1, size=None):
    raise Seen(channels, smallest, size)


def images(model):
    """What images `model` takes, as text: channels × height × width."""
    namespace = type(model).forward.__globals__
    found = []
    for training in (False, True):
        with mock.patch.dict(namespace, check_images=see):
            try:
                model.train(training)(mc.zeros(1, 1, 1, 1))
            except Seen as seen:
                channels, smallest, size = seen.args
        height, width = (smallest if size is None else size,) * 2
        if isinstance(height, tuple):
            height, width = height
        text = f"{channels} × {height} × {width}" + (" only" if size is not None else "")
        found.append(text)
    return found[0] if found[0] == found[1] else f"{found[0]}, in training {found[1]}"


def row(name):
    """The cells of one network."""
    model = mc.models.get_model(name)
    classes = inspect.signature(type(model)).parameters["num_classes"].default
    count = sum(p.numel() for p in model.parameters())
    return [f"`{name}`", f"{count:,}", f"{classes:,}", images(model)]


def family(module, names):
    """The section of the networks of one file."""
    first = inspect.getdoc(module).split("\n\n")[0].replace("\n", " ")
    title, paper = first.split(": ", 1)
    rows = [["network", "parameters", "classes", "smallest image"], ["---", "---:", "---:", "---"]]
    rows += [row(name) for name in sorted(names, key=_natural)]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in rows)
    path = Path(module.__file__).relative_to(ROOT)
    return f"## {title}\n\n{paper} [{path.name}](../{path.as_posix()})\n\n{table}\n"


def _natural(name):
    """Sorts vgg9 before vgg11."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def page():
    """The whole text."""
    files = {}
    for name in mc.models.list_models():
        module = sys.modules[mc.models.get_model_builder(name).__module__]
        files.setdefault(module, []).append(name)

    def age(module):
        return re.search(r"\b(?:19|20)\d\d\b", module.__doc__).group(), module.__name__

    undrawn = {name: lambda t, *args, **options: t for name in ("uniform_", "normal_")}
    undrawn["trunc_normal_"] = undrawn["uniform_"]
    with mock.patch.multiple(init, **undrawn):
        sections = [family(module, files[module]) for module in sorted(files, key=age)]
    return "\n".join([INTRODUCTION, *sections])


def main():
    new = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.is_file() or new != PAGE.read_text(encoding="utf-8"):
            sys.exit("docs/networks.md is out of date; run docs/make_networks_table.py")
        return
    PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
