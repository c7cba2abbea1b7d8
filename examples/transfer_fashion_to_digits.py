"""What clothes teach a network about digits: transfer learning from Fashion-MNIST to few digits.

    python examples/transfer_fashion_to_digits.py                  all cells
    python examples/transfer_fashion_to_digits.py --data-dir DIR   where Fashion-MNIST's files are
    python examples/transfer_fashion_to_digits.py --source digits  without Fashion-MNIST
    python examples/transfer_fashion_to_digits.py --tune           compare learning rates instead

For each seed a LeNet-5 is trained on Fashion-MNIST. Then it gets a new head and learns to read 100
to 1,000 of the digits that come with minicnn, by several strategies, each in as many steps: the
head alone; all but the convolutions; everything, with rates that fall towards the input;
everything; and, to compare with, a new network from scratch. All are tested on the same 2,000 other
digits.

Each finished cell (strategy, number of digits, seed) is a line in OUT/cells.jsonl: a run that was
stopped goes on where it was. The table and the picture are written from these lines.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

import numpy as np
import transfer_report as report
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import checks, data, models, optim, training
from minicnn.serialization import atomic_write
from minicnn.training import transfer

STRATEGIES = {
    "head": "head only",
    "frozen": "convolutions frozen",
    "rates": "all, rates falling by half",
    "all": "all, one rate",
    "scratch": "from scratch",
}
SOURCES = {"fashion-mnist": ("Fashion-MNIST", 60_000), "digits": ("digits on their side", 4000)}
TUNED = (0.003, 0.01, 0.03, 0.1, 0.3)
# The best of these by --tune, on digits that no cell trains on or is tested on.
RATES = {
    "fashion-mnist": {"head": 0.3, "frozen": 0.03, "rates": 0.1, "all": 0.01, "scratch": 0.01},
    "digits": {"head": 0.03, "frozen": 0.03, "rates": 0.1, "all": 0.03, "scratch": 0.03},
}
MOMENTUM, WEIGHT_DECAY, BATCH = 0.9, 5e-4, 32
POOL = 6000  # of the bundled training digits; the other 2,000 are for choosing learning rates
FEW = 2000  # of those, where the others are the source
USER_ERRORS = (
    checks.ArgumentError,
    checks.DtypeError,
    checks.MissingPartError,
    training.DivergenceError,
    OSError,
)


# ---------------------------------------------------------------------------- the options


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description="Transfer learning from Fashion-MNIST to few digits, by several strategies.",
        epilog="Run it again with the same options after Ctrl-C, and it goes on.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--source", choices=SOURCES, default="fashion-mnist")
    parser.add_argument("--data-dir", help="where Fashion-MNIST's files are; default: data, /usr")
    parser.add_argument("--source-images", type=positive, default=60_000, help="to train on first")
    parser.add_argument("--source-epochs", type=positive, default=2)
    parser.add_argument("--sizes", type=positive, nargs="+", default=[100, 200, 500, 1000])
    parser.add_argument("--seeds", type=positive, default=5, help="how many of each cell")
    parser.add_argument("--steps", type=positive, default=600, help="of each cell, about")
    parser.add_argument("--tune", action="store_true", help="compare learning rates instead")
    parser.add_argument("--out", type=Path, help="default: runs/transfer-SOURCE")
    parser.add_argument("--results", type=Path, help="where table and picture go; default: OUT")
    arguments = parser.parse_args(argv)
    if max(arguments.sizes) > POOL:
        parser.error(f"argument --sizes: there are {POOL:,} digits to train on")
    if arguments.source == "digits" and max(arguments.sizes) > FEW:
        parser.error(f"argument --sizes: with --source digits there are {FEW:,} to train on")
    if arguments.tune and arguments.results:
        parser.error("--tune writes no results; leave out --results")
    return arguments


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


# ---------------------------------------------------------------------------- the data


def as_tensors(images, labels, mean, std):
    """Images (N, 28, 28) of uint8 as a data set of standardised ones (1, 28, 28)."""
    x = (images[:, None].astype("float32") / 255 - mean) / std
    return data.TensorDataset(mc.tensor(x.astype("float32")), mc.tensor(labels.astype("int64")))


def digits(train, chosen=slice(None)):
    whole = data.BundledMNIST(train)
    return as_tensors(whole.data.numpy()[chosen], whole.targets.numpy()[chosen], 0.1307, 0.3081)


def source_data(arguments):
    """(training, test) images to learn from first."""
    if arguments.source == "digits":
        # Those of the pool that no cell trains on, lying on their side: another task, a near one.
        whole = data.BundledMNIST()
        images = np.rot90(whole.data.numpy(), axes=(1, 2))
        parts = [slice(FEW, POOL), slice(POOL, None)]
        return [as_tensors(images[p], whole.targets.numpy()[p], 0.1307, 0.3081) for p in parts]
    parts = [fashion(arguments.data_dir, train) for train in (True, False)]
    return [as_tensors(p.data.numpy(), p.targets.numpy(), 0.2860, 0.3530) for p in parts]


def fashion(folder, train):
    for place in [folder] if folder else ["data", "/usr"]:
        try:
            return data.FashionMNIST(place, train)
        except data.MissingFilesError as error:
            found = error
    raise data.MissingFilesError(f"{found}. Or take --source digits, which needs no files")


def take(dataset, count):
    return data.TensorDataset(*[t[:count] for t in dataset.tensors])


# ---------------------------------------------------------------------------- training


def learn(model, parameters, dataset, lr, epochs, batch=BATCH, callbacks=()):
    """SGD with momentum, the rate falling to 0 along a cosine."""
    loader = data.DataLoader(dataset, batch, shuffle=True)
    sgd = optim.SGD(parameters, lr, MOMENTUM, weight_decay=WEIGHT_DECAY)
    cosine = optim.lr_scheduler.CosineAnnealingLR(sgd, epochs * len(loader))
    return training.fit(
        model, loader, F.cross_entropy, sgd, epochs,
        scheduler=cosine, step_scheduler="step", callbacks=list(callbacks),
    )  # fmt: skip


def lenet():
    return models.lenet5(activation="relu", pooling="max")


def weights_file(seed, arguments):
    kind = f"{arguments.source}-{arguments.source_images}-{arguments.source_epochs}"
    return arguments.out / f"pretrained-{kind}-seed-{seed}.safetensors"


def pretrained(seed, arguments, source, console):
    """The weights of a network that was trained on the source, and its test accuracy there."""
    path = weights_file(seed, arguments)
    if path.exists():
        stored = mc.load(path)
        return stored["weights"], stored["accuracy"]
    mc.manual_seed(seed)
    model, (train, test) = lenet(), source()
    console.print(f"seed {seed}: {arguments.source} first", highlight=False)
    checkpoint = path.with_name(f"checkpoint-of-{path.name}")
    callbacks = [
        training.TrainingMetrics(),
        training.Progress(console),
        training.Checkpoints(checkpoint, every_seconds=30),
    ]
    few = take(train, arguments.source_images)
    run = learn(model, model.parameters(), few, 0.05, arguments.source_epochs, 64, callbacks)
    if run.stopped:
        raise KeyboardInterrupt
    accuracy = training.evaluate(model, data.DataLoader(test, 500)).accuracy
    mc.save({"weights": model.state_dict(), "accuracy": accuracy}, path)
    checkpoint.unlink()
    return model.state_dict(), accuracy


def adapt(strategy, weights, dataset, lr, steps, seed, folder):
    """A network that learnt to read `dataset` by a strategy."""
    mc.manual_seed(1000 + seed)
    model = lenet()
    if strategy != "scratch":
        model.load_state_dict(weights)
        transfer.replace_head(model, num_classes=10)
    learner, parameters = model, model.parameters()
    if strategy == "rates":
        parameters = transfer.parameter_groups(model, lr, decay=0.5)
    elif strategy in ("head", "frozen"):
        transfer.freeze(model, first={"head": 4, "frozen": 2}[strategy])
        frozen, learner = transfer.split(model)
        dataset = transfer.activations(frozen, dataset, folder, progress=False)
        parameters = learner.parameters()
    epochs = max(1, round(steps / -(-len(dataset) // BATCH)))
    learn(learner, parameters, dataset, lr, epochs)
    return model


# ---------------------------------------------------------------------------- the cells


class Cells:
    """Finished cells, a line each in a file: dictionaries with their accuracy."""

    def __init__(self, path, options):
        self.path, self.options, self.done = path, options, []
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for number, line in enumerate(lines):
            try:
                cell = json.loads(line)
            except ValueError:
                if number < len(lines) - 1:
                    raise checks.ArgumentError(f"{path}: line {number + 1} is damaged") from None
                break  # the one that was being written when the power went
            if number == 0 and cell != options and len(lines) > 1:
                changed = ", ".join(k for k in options if options[k] != cell.get(k))
                raise checks.ArgumentError(
                    f"{path} is of a run with other options ({changed}); give another --out, or "
                    "remove it"
                )
            self.done += [cell] if number else []
        with atomic_write(path, "transfer") as file:
            for line in [options, *self.done]:
                file.write((json.dumps(line) + "\n").encode())

    def find(self, **key):
        return [c for c in self.done if all(c[k] == v for k, v in key.items())]

    def add(self, **cell):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(cell) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.done.append(cell)


def run_cells(cells, wanted, arguments, console):
    """All wanted cells (strategy, size, seed, lr) that are not done."""
    source = []

    def load():
        if not source:
            source.extend(source_data(arguments))
        return source

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    hidden = not console.is_terminal
    left = [key for key in wanted if not cells.find(**key)]
    test = digits(True, slice(POOL, None)) if arguments.tune else digits(False)
    for seed in dict.fromkeys(key["seed"] for key in left):
        own = [key for key in left if key["seed"] == seed]
        weights = None
        if any(key["strategy"] != "scratch" for key in own):
            weights, _ = pretrained(seed, arguments, load, console)
        pool = mc.Generator(seed).numpy.permutation(FEW if arguments.source == "digits" else POOL)
        bar = Progress(*columns, TimeRemainingColumn(), console=console, disable=hidden)
        with bar:
            task = bar.add_task(f"seed {seed}", total=len(own))
            for key in own:
                few = digits(True, pool[: key["size"]])
                model = adapt(
                    key["strategy"], weights, few, key["lr"], arguments.steps, seed,
                    arguments.out / "activations",
                )  # fmt: skip
                accuracy = training.evaluate(model, data.DataLoader(test, 500)).accuracy
                cells.add(**key, accuracy=accuracy)
                bar.advance(task)
                if hidden:
                    text = " ".join(f"{name} {value}" for name, value in key.items())
                    console.print(f"{text} accuracy {accuracy:.4f}", highlight=False)


# ---------------------------------------------------------------------------- the results


def accuracies(cells, arguments):
    """{strategy's name: {size: the accuracy of each seed}}."""
    found = {}
    for strategy, lr in RATES[arguments.source].items():
        name = STRATEGIES[strategy]
        found[name] = {}
        for size in sorted(arguments.sizes):
            done = cells.find(strategy=strategy, size=size, lr=lr)
            of_seed = {c["seed"]: c["accuracy"] for c in done}
            found[name][size] = [of_seed[seed] for seed in range(arguments.seeds)]
    return found


def write_results(cells, arguments, console):
    folder = arguments.results or arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    found, source = accuracies(cells, arguments), SOURCES[arguments.source][0]
    paths = [weights_file(seed, arguments) for seed in range(arguments.seeds)]
    on_source = report.mean_and_spread([mc.load(path)["accuracy"] for path in paths])
    chosen = RATES[arguments.source]
    rates = ", ".join(f"{name} {chosen[strategy]}" for strategy, name in STRATEGIES.items())
    images = min(arguments.source_images, SOURCES[arguments.source][1])
    recipe = (
        f"Before, each network learnt from {images:,} images of {source} for "
        f"{arguments.source_epochs} epochs, and reads {on_source} % of the test images there "
        f"rightly. Then about {arguments.steps} steps of {BATCH} digits: SGD with momentum "
        f"{MOMENTUM} and weight decay {WEIGHT_DECAY}, no augmentation; the rate falls to 0 along a "
        f"cosine, from a value that was chosen on other digits (`--tune`): {rates}."
    )
    text = report.page(source, found, recipe, command(arguments))
    name = "transfer" if arguments.source == "fashion-mnist" else f"transfer_{arguments.source}"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    console.print(report.table(found), highlight=False)
    try:
        report.draw(source, found, folder / f"{name}.png")
    except checks.MissingPartError as error:
        print(f"note: no picture was made: {error}", file=sys.stderr)
    console.print(f"table and picture are in {folder}")


def command(arguments):
    """What one types for the same results."""
    usual = parse_arguments([])
    words = ["python examples/transfer_fashion_to_digits.py"]
    for name in ("source", "source_images", "source_epochs", "sizes", "seeds", "steps"):
        value = getattr(arguments, name)
        if value != getattr(usual, name):
            value = " ".join(map(str, value)) if isinstance(value, list) else value
            words.append(f"--{name.replace('_', '-')} {value}")
    return " ".join(words)


def tune(arguments, console):
    """The mean accuracy of each learning rate on digits that are kept for it."""
    seeds, sizes = (100, 101), (min(arguments.sizes), max(arguments.sizes))
    cells = Cells(arguments.out / "tuning.jsonl", options_of(arguments))
    wanted = [
        {"strategy": strategy, "size": size, "seed": seed, "lr": lr}
        for seed in seeds for strategy in STRATEGIES for size in sizes for lr in TUNED
    ]  # fmt: skip
    run_cells(cells, wanted, arguments, console)
    for strategy, name in STRATEGIES.items():
        found = {
            lr: statistics.mean(c["accuracy"] for c in cells.find(strategy=strategy, lr=lr))
            for lr in TUNED
        }
        listed = "  ".join(f"{lr}: {100 * accuracy:.2f}" for lr, accuracy in found.items())
        best, used = max(found, key=found.get), RATES[arguments.source][strategy]
        console.print(f"{name:28} {listed}  best {best}, used {used}", highlight=False)


def options_of(arguments):
    names = ("source", "source_images", "source_epochs", "steps")
    return {name: getattr(arguments, name) for name in names}


def main(argv=None):
    arguments = parse_arguments(argv)
    arguments.out = arguments.out or Path("runs", f"transfer-{arguments.source}")
    console = Console(soft_wrap=True)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        if arguments.tune:
            tune(arguments, console)
            return 0
        cells = Cells(arguments.out / "cells.jsonl", options_of(arguments))
        wanted = [
            {"strategy": strategy, "size": size, "seed": seed, "lr": lr}
            for seed in range(arguments.seeds)
            for size in arguments.sizes
            for strategy, lr in RATES[arguments.source].items()
        ]
        run_cells(cells, wanted, arguments, console)
        write_results(cells, arguments, console)
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is left", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
