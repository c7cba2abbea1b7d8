"""What the scripts of this folder share: arguments, the methods by name, errors."""

import argparse
import sys
import time
from concurrent.futures import BrokenExecutor

import controller
import darts
import random_search
from evaluate import BATCH_SIZE, accuracy, count_weights, load_parts, trained
from journal import Evaluations, Journal, affordable, as_json, cell_of, smallest_budget
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from space import describe

import minicnn as mc
from minicnn import checks
from minicnn.training import DivergenceError

USER_ERRORS = (
    checks.ArgumentError,
    checks.MissingPartError,
    checks.ShapeError,
    BrokenExecutor,
    DivergenceError,
    OSError,
)
METHODS = ("random search", "controller", "DARTS")


def add_budget(parser, budget, images):
    """The arguments that say how much may be spent, and on what."""
    parser.add_argument(
        "--budget",
        type=int,
        default=budget,
        help="training images a method may see: the search and one training of what it found "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--images",
        type=int,
        default=images,
        help="training images that a cell is trained with (default: %(default)s)",
    )
    parser.add_argument(
        "--data-dir", help="a folder with Fashion-MNIST's files; without it, the bundled digits"
    )


def check_budget(parser, arguments):
    """End with one line if the budget does not allow anything."""
    if arguments.images < 1 or arguments.images % BATCH_SIZE:
        parser.error(
            f"argument --images: must be a multiple of {BATCH_SIZE}, the size of a batch; "
            f"got {arguments.images}"
        )
    least = smallest_budget(arguments.images)
    if arguments.budget < least:
        parser.error(
            f"argument --budget: must be at least {least:,}, for the least search and one training "
            f"of what it found with {arguments.images:,} images; got {arguments.budget:,}"
        )


def find_cell(method, parts, budget, images, seed, journal):
    """Let a method search; what it finds is the journal's last record.

    Args:
        method: one of `METHODS`.
        parts: the images.
        budget: the training images it may see, including `images` for one more training of what
            it found.
        images: how many each training of a cell sees.
        seed: of this run.
        journal: a `Journal`, which may be that of an interrupted run.

    Returns:
        The cell.
    """
    for record in journal.records:
        if "found" in record:
            return cell_of(record)
    if method == "DARTS":
        cell = darts.search(parts, budget - images, seed, journal)
    else:
        search = {"random search": random_search, "controller": controller}[method].search
        evaluations = Evaluations(parts, images, seed, journal)
        cell = search(evaluations, affordable(budget, images), seed)
    journal.append(found=method, cell=as_json(cell))
    return cell


def seen(records):
    """The training images that a search has seen, from its records."""
    return sum(record.get("images", 0) for record in records)


def guarded(function, *arguments):
    """The exit status of `function`; a user's mistake is one line, as is an interruption.

    It runs in one thread: maps this small are not worth dividing.
    """
    threads = mc.get_num_threads()
    mc.set_num_threads(1)
    try:
        function(*arguments)
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; with --out, the same command goes on from here", file=sys.stderr)
        return 130
    finally:
        mc.set_num_threads(threads)
    return 0


def progress(console):
    """A bar for counted images."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def run_search(method, description, argv=None):
    """The command of one method: search, train what was found once more, show the accuracy."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    add_budget(parser, budget=20_000, images=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="a file of JSON lines: with it, an interrupted run goes on")
    arguments = parser.parse_args(argv)
    check_budget(parser, arguments)
    if arguments.seed < 0:
        parser.error(f"argument --seed: must be at least 0, got {arguments.seed}")
    return guarded(_search, method, arguments, Console(soft_wrap=True, highlight=False))


def _search(method, arguments, console):
    parts = load_parts(arguments.data_dir)
    start = time.perf_counter()
    with progress(console) as bar:
        task = bar.add_task(method, total=arguments.budget)
        journal = Journal(arguments.out, lambda: bar.update(task, completed=seen(journal.records)))
        images = arguments.images
        cell = find_cell(method, parts, arguments.budget, images, arguments.seed, journal)
        model = trained(cell, parts, images, arguments.seed)
    console.print(f"{method} found  {describe(cell)}  ({count_weights(cell):,} weights)")
    console.print(
        f"after {seen(journal.records):,} training images of search and {images:,} of training: "
        f"validation accuracy {accuracy(model, parts.validation):.3f}, "
        f"test accuracy {accuracy(model, parts.test):.3f}; "
        f"{time.perf_counter() - start:.0f} s"
    )
