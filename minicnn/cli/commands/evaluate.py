"""``minicnn evaluate``."""

import json

import numpy as np

from minicnn.cli.command import Command, Mistake, is_plain, register, show, waiting
from minicnn.cli.datasets import add_data_arguments, load_part
from minicnn.cli.networks import mistakes, user_file
from minicnn.cli.runs import add_trained_arguments, trained

MOST = 30  # classes that a table of confusions has room for


@register
class Evaluate(Command):
    name = "evaluate"
    help = "accuracy of a trained network (top-1, top-5), and what it takes for what"
    examples = (
        ("evaluate runs/lenet5-digits-1", "a run of minicnn train, on its test images"),
        ("evaluate runs/lenet5-digits-1 --part train --json", "for other programs"),
        ("evaluate runs/lenet5-digits-1 --picture confusion.png", "the confusions as a picture"),
        ("evaluate resnet50 --weights DEFAULT --data photos", "published weights, your images"),
    )

    def add_arguments(self, parser):
        add_trained_arguments(parser, "the folder of a run, or a network, with --weights")
        add_data_arguments(parser, "the run's")
        parser.add_argument(
            "--part", choices=("train", "val", "test"), help="of the data (default: test)"
        )
        parser.add_argument("--batch-size", type=int, default=100, help="(default: 100)")
        parser.add_argument("--workers", type=int, default=0, help="threads that load images")
        parser.add_argument("--picture", metavar="PATH", help="write the confusions to a picture")
        parser.add_argument("--plain", action="store_true", help="print plain text")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def run(self, options):
        if options.batch_size < 1 or options.workers < 0:
            raise Mistake("--batch-size must be at least 1, --workers at least 0")
        with mistakes(user_file(options.network)):
            network = trained(options)
            part, dataset, classes = _data(options, network)
            with waiting(f"{len(dataset):,} images"):
                found = _evaluate(network.model, dataset, options)
        if options.picture:
            from minicnn.plot import confusion_matrix

            with mistakes():
                confusion_matrix(found.confusion, classes, options.picture)
        if options.json:
            print(json.dumps(_as_json(network, part, found, classes), ensure_ascii=False))
            return
        top = "  ".join(f"top-{k} {share:.4f}" for k, share in found.top.items())
        n = len(found.targets)
        print(f"{network.name} on {n:,} {part} images: {top}  loss {found.loss:.4f}")
        if len(classes) <= MOST:
            table = _table(found.confusion, classes)
            show(table) if not is_plain(options) else _print_plain(found.confusion, classes)
        for count, truth, taken in _worst(found.confusion, classes):
            print(f"{count:>6,} × {truth} taken for {taken}")


def _data(options, network):
    """The part's name, its images, and the names of the classes."""
    own = network.options or {}
    name = options.data or own.get("data")
    if name is None:
        raise Mistake("name the data: --data NAME|FOLDER")
    chosen = {
        "data": name,
        "data_dir": options.data_dir or own.get("data_dir"),
        "skip_corrupt": options.skip_corrupt or own.get("skip_corrupt"),
    }
    wanted = (options.part,) if options.part else ("test", "val", "train")
    for part in wanted:
        dataset = load_part(chosen, part, network.preprocessing)
        if dataset is not None:
            break
    else:
        raise Mistake(f"{name} has no part {options.part!r}")
    classes = list(dataset.classes)
    if network.classes and classes != list(network.classes):
        ours = f"{len(network.classes)} classes, such as {network.classes[0]!r}"
        raise Mistake(
            f"{network.name} knows {ours}, and {name} has {len(classes)}, such as {classes[0]!r}; "
            "the images must be of the network's classes, in the same order"
        )
    return part, dataset, classes


def _evaluate(model, dataset, options):
    from minicnn.data import DataLoader, on_device
    from minicnn.training import evaluate

    workers = {"num_workers": options.workers} if options.workers else {}
    loader = DataLoader(dataset, options.batch_size, **workers)
    return evaluate(model, on_device(loader, options.device))


def _as_json(network, part, found, classes):
    return {
        "network": network.name, "part": part, "images": len(found.targets), "loss": found.loss,
        **{f"top{k}": share for k, share in found.top.items()},
        "classes": classes, "confusion": found.confusion.tolist(),
    }  # fmt: skip


def _worst(confusion, classes, most=5):
    """The most frequent mistakes: (how often, the class, what it was taken for)."""
    mistaken = confusion.copy()
    np.fill_diagonal(mistaken, 0)
    order = np.argsort(-mistaken, axis=None, kind="stable")[:most]
    places = zip(*np.unravel_index(order, mistaken.shape), strict=True)
    return [(int(mistaken[i, j]), classes[i], classes[j]) for i, j in places if mistaken[i, j]]


def _short(classes):
    return [name.split(" - ")[0] for name in classes]  # "7 - seven" as 7


def _table(confusion, classes):
    from rich.table import Table

    names = _short(classes)
    table = Table("is \\ taken for", *names, title="confusions")
    for name, row in zip(names, confusion, strict=False):
        table.add_row(name, *[str(n) if n else "·" for n in row])
    return table


def _print_plain(confusion, classes):
    names = _short(classes)
    width = max(len(str(confusion.max())), *(len(n) for n in names)) + 2
    print(f"{'':{width}}" + "".join(f"{n:>{width}}" for n in names))
    for name, row in zip(names, confusion, strict=False):
        print(f"{name:>{width}}" + "".join(f"{n or '·':>{width}}" for n in row))
