"""Three searches and the distribution of random cells, at the same budget.

    python examples/nas/compare.py                     ten to twelve minutes on two quiet cores
    python examples/nas/compare.py --budget 6000 --images 500 --seeds 2 --cells 12    a first look

1. Each method searches, once a seed, with `--budget` training images: those of the search and
   those of one training of what it found.
2. What was found, and `--cells` random cells that no search had to do with, are trained from
   scratch in the same way: `--images` images, the same `--repeats` seeds for all of them. The mean
   of their accuracies on the test images, looked at here for the first time, is what is compared.

Whatever is done is in `--out` as JSON lines; the same command goes on after an interruption. The
table goes to benchmarks/results/nas.md, with the numbers in nas.json, the picture to
docs/pictures/nas.png.
"""

import argparse
import json
import multiprocessing
import signal
import sys
import time
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np
import report
from commands import METHODS, add_budget, check_budget, find_cell, guarded, progress, seen
from evaluate import RECIPE, accuracy, load_parts, trained
from journal import Journal, as_json, cell_of, read_records
from rich.console import Console
from space import SPACE

import minicnn as mc
from minicnn import checks

ROOT = Path(__file__).resolve().parents[2]
# The random cells of the distribution, and the trainings that are compared, have seeds that no
# search uses.
CELLS_SEED, TRAINING_SEED = 2**31, 2**31


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description="Random search, an RNN controller and DARTS against random cells, "
        "at the same budget of training images."
    )
    add_budget(parser, budget=54_000, images=1_500)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each method")
    parser.add_argument("--cells", type=int, default=60, help="random cells to compare with")
    parser.add_argument("--repeats", type=int, default=2, help="trainings of each compared cell")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/nas"), help="what was done so far (%(default)s)"
    )
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--pictures", type=Path, default=ROOT / "docs" / "pictures")
    arguments = parser.parse_args(argv)
    for name, least in (("seeds", 1), ("cells", 4), ("repeats", 1), ("workers", 1)):
        value = getattr(arguments, name)
        if value < least:
            parser.error(f"argument --{name}: must be at least {least}, got {value}")
    check_budget(parser, arguments)
    return arguments


# ------------------------------------------------------------------ tasks, each with its own file


def search_task(path, on_append, arguments, method, seed):
    """One search."""
    parts = load_parts(arguments.data_dir)
    journal = Journal(path, on_append)
    find_cell(method, parts, arguments.budget, arguments.images, seed, journal)


def measure_task(path, on_append, arguments, cell):
    """The trainings of one cell whose accuracies are compared."""
    parts, journal = load_parts(arguments.data_dir), Journal(path, on_append)
    for seed in range(TRAINING_SEED, TRAINING_SEED + arguments.repeats):
        key = {"cell": as_json(cell), "seed": seed, "images": arguments.images}
        if journal.find(**key) is None:
            start = time.perf_counter()
            model = trained(cell, parts, arguments.images, seed)
            journal.append(
                **key,
                validation=accuracy(model, parts.validation),
                test=accuracy(model, parts.test),
                seconds=round(time.perf_counter() - start, 3),
            )


def random_cells(count):
    """The cells of the distribution."""
    rng = np.random.default_rng(CELLS_SEED)
    return [SPACE.sample(rng) for _ in range(count)]


def search_path(out, method, seed):
    return out / f"{method.replace(' ', '-').lower()}-{seed}.jsonl"


def measure_path(out, cell):
    return out / "cells" / ("-".join(str(n) for n in SPACE.numbers(cell)) + ".jsonl")


# ------------------------------------------------------------------ running them


def run_tasks(title, tasks, arguments, total, console):
    """Run tasks, (function, path, *what it needs) each, and show how many images they have seen."""
    with progress(console) as bar:
        shown = bar.add_task(title, total=total)

        def update():
            paths = [path for _, path, *_ in tasks if path.exists()]
            bar.update(shown, completed=sum(seen(read_records(path)[0]) for path in paths))

        if arguments.workers == 1:
            for function, path, *rest in tasks:
                function(path, update, arguments, *rest)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(arguments.workers, context, prepare_worker) as pool:
            running = {pool.submit(f, path, None, arguments, *rest) for f, path, *rest in tasks}
            try:
                while running:
                    done, running = wait(running, 0.5, FIRST_EXCEPTION)
                    for task in done:
                        task.result()
                    update()
            except BaseException:  # whatever the workers are doing, they need not finish
                pool.shutdown(wait=False, cancel_futures=True)
                for process in multiprocessing.active_children():
                    process.terminate()
                raise


def prepare_worker():
    """One thread; the interruption of the whole group is the first process's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mc.set_num_threads(1)


def check_settings(arguments, parts):
    """Refuse a folder with the results of another comparison."""
    path = arguments.out / "settings.json"
    mine = {
        "data": parts.name,
        "budget": arguments.budget,
        "images": arguments.images,
        "recipe": RECIPE,
        "questions": [[name, list(answers)] for name, answers in SPACE.questions],
    }
    if path.exists():
        try:
            theirs = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            theirs = {}
        different = [
            key for key in mine if not isinstance(theirs, dict) or theirs.get(key) != mine[key]
        ]
        if different:
            raise checks.ArgumentError(
                f"{arguments.out} holds a comparison with other settings "
                f"({', '.join(different)}); delete it or give another folder with --out"
            )
    else:
        arguments.out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(mine) + "\n", encoding="utf-8")


def compare(arguments, console):
    """Run what is not done yet, then write table and picture."""
    parts = load_parts(arguments.data_dir)
    check_settings(arguments, parts)
    searches = {
        (method, seed): search_path(arguments.out, method, seed)
        for method in ("DARTS", "controller", "random search")  # the longest first
        for seed in range(arguments.seeds)
    }
    tasks = [(search_task, path, *key) for key, path in searches.items()]
    total = len(tasks) * (arguments.budget - arguments.images)
    run_tasks("searching", tasks, arguments, total, console)

    journals = {key: Journal(path).records for key, path in searches.items()}
    found = {key: cell_of(records[-1]) for key, records in journals.items()}
    drawn = random_cells(arguments.cells)
    cells = list(dict.fromkeys([*drawn, *found.values()]))
    tasks = [(measure_task, measure_path(arguments.out, cell), cell) for cell in cells]
    total = len(cells) * arguments.repeats * arguments.images
    run_tasks("training the cells to compare", tasks, arguments, total, console)

    measured = {cell: Journal(path).records for _, path, cell in tasks}
    first, last = TRAINING_SEED, TRAINING_SEED + arguments.repeats
    measured = {
        cell: [r for r in records if first <= r["seed"] < last]
        for cell, records in measured.items()
    }
    result = report.Result(arguments, parts.name, METHODS, journals, found, drawn, measured)
    report.write(result, console)


def main(argv=None):
    arguments = parse_arguments(argv)
    return guarded(compare, arguments, Console(soft_wrap=True, highlight=False))


if __name__ == "__main__":
    sys.exit(main())
