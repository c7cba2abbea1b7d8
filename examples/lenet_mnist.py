"""Train LeNet-5 to read digits.

    python examples/lenet_mnist.py                    8,000 real digits that come with minicnn
    python examples/lenet_mnist.py --data-dir DIR     all 60,000 of MNIST, from its files in DIR
    python examples/lenet_mnist.py --dataset fashion-mnist
    python examples/lenet_mnist.py --resume runs/mnist-1

A run leaves a folder: the weights, a line of metrics for each epoch, a checkpoint to resume from,
and pictures of the curves, the first layer's kernels, the confusion matrix and the mistakes.
"""

import argparse
import json
import math
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import checks, data, nn, optim, plot
from minicnn.data import transforms as T
from minicnn.training import DivergenceError, check_loss, load_checkpoint, save_checkpoint

# The digits' recipe was tuned on a validation split of the training images, never on the test
# images. The other one is the LeNet of the textbooks, which its published figures belong to; it
# differs only in the standardised input, which was seen to help on a validation split.
RECIPES = {
    "mnist": {
        "activation": "tanh",
        "epochs": 20,
        "batch_size": 64,
        "lr": 0.05,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "cosine",
        "init": "default",
        "shift": 2,  # training images are moved by up to so many pixels
        "validation": 0.1,
        "mean": 0.1307,
        "std": 0.3081,
    },
    "fashion-mnist": {
        "activation": "sigmoid",
        "epochs": 10,
        "batch_size": 256,
        "lr": 0.9,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "schedule": "constant",
        "init": "xavier",
        "shift": 0,
        "validation": 0.0,
        "mean": 0.2860,
        "std": 0.3530,
    },
}
USER_ERRORS = (
    checks.ArgumentError,
    checks.DtypeError,
    checks.IndexRangeError,
    checks.MissingPartError,
    checks.ShapeError,
    DivergenceError,
    OSError,
)


# ---------------------------------------------------------------------------- the options


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description="Train LeNet-5 to read digits (or pieces of clothing).",
        epilog="examples:\n"
        "  python examples/lenet_mnist.py\n"
        "  python examples/lenet_mnist.py --activation relu --epochs 5 --seed 1\n"
        "  python examples/lenet_mnist.py --resume runs/mnist-1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", choices=RECIPES, default="mnist")
    parser.add_argument(
        "--data-dir", help="where the data set's files are; without it, the bundled digits"
    )
    parser.add_argument("--epochs", type=at_least_one, help="times through the training images")
    parser.add_argument("--batch-size", type=at_least_one, help="images a step")
    parser.add_argument("--lr", type=float, help="the learning rate at the start")
    parser.add_argument("--activation", choices=("tanh", "sigmoid", "relu"))
    parser.add_argument("--seed", type=int, default=0, help="same seed, same weights")
    parser.add_argument("--device", default="cpu", help="where to compute (cpu)")
    parser.add_argument("--out", type=Path, help="the run's folder; default: runs/DATASET-NUMBER")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with a stopped run")
    parser.add_argument(
        "--plain", action="store_true", help="a line of text an epoch, no progress bar"
    )
    arguments = parser.parse_args(argv)
    if arguments.resume:
        # The run goes on as it began: with the options that its checkpoint holds.
        fixed = ("epochs", "batch_size", "lr", "activation", "out", "data_dir")
        given = [f"--{n.replace('_', '-')}" for n in fixed if getattr(arguments, n) is not None]
        given += [
            f"--{n}" for n in ("dataset", "seed") if getattr(arguments, n) != parser.get_default(n)
        ]
        if given:
            parser.error(
                f"--resume goes on with the run's own options; leave out {', '.join(given)}"
            )
    if arguments.seed < 0:
        parser.error(f"argument --seed: must be at least 0, got {arguments.seed}")
    if arguments.lr is not None and not 0 <= arguments.lr < math.inf:
        parser.error(f"argument --lr: must be a number of at least 0, got {arguments.lr}")
    return arguments


def at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def options_of(arguments):
    """All that decides how the run goes, as it is written into its checkpoint."""
    options = {"dataset": arguments.dataset, "data_dir": arguments.data_dir, "seed": arguments.seed}
    options.update(RECIPES[arguments.dataset])
    for name in ("epochs", "batch_size", "lr", "activation"):
        if getattr(arguments, name) is not None:
            options[name] = getattr(arguments, name)
    return options


# ---------------------------------------------------------------------------- the data


def load_images(options, train, transform=None):
    if options["dataset"] == "fashion-mnist":
        root, download = options["data_dir"] or "data", options["data_dir"] is None
        return data.FashionMNIST(root, train, transform, download=download)
    if options["data_dir"]:
        return data.MNIST(options["data_dir"], train, transform)
    return data.BundledMNIST(train, transform)


def make_loaders(options, generator):
    """Loaders for training, validation (or None) and test."""
    to_input = [T.ToTensor(), T.Normalize(options["mean"], options["std"])]
    moved = [T.RandomCrop(28, padding=options["shift"], generator=generator)]
    as_it_is, training = (
        T.Compose(to_input),
        T.Compose((moved if options["shift"] else []) + to_input),
    )
    train, validation = load_images(options, True, training), None
    if options["validation"]:
        # The same images for every seed: a generator of its own, always started alike.
        parts = [
            data.stratified_split(d, options["validation"], mc.Generator(0))
            for d in (train, load_images(options, True, as_it_is))
        ]
        train, validation = parts[0][0], parts[1][1]
    test = load_images(options, False, as_it_is)
    return (
        data.DataLoader(train, options["batch_size"], shuffle=True, generator=generator),
        validation and data.DataLoader(validation, 500),
        data.DataLoader(test, 500),
    )


# ---------------------------------------------------------------------------- training


def make_model(options):
    model = mc.models.lenet5(activation=options["activation"])
    if options["init"] == "xavier":
        for p in model.parameters():
            if p.ndim > 1:
                nn.init.xavier_uniform_(p)
    return model


def train_epoch(model, loader, optimizer, scheduler, run, show):
    """One epoch, or what is left of it; False if it was interrupted."""
    model.train()
    for batch, (images, labels) in enumerate(loader):
        if batch < run.batch:
            continue  # done before the run was stopped; loading it used up its random numbers
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        check_loss(loss.item(), model, images, step=run.epoch * len(loader) + batch + 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()
        run.count(loss.item(), logits, labels)
        show(run, len(loader))
        if run.interrupted:
            return False
    return True


@mc.no_grad()
def evaluate(model, loader):
    """The mean loss, the accuracy, and for each image (true class, predicted, confidence)."""
    model.eval()
    loss, truth, predicted, confidence = 0.0, [], [], []
    for images, labels in loader:
        logits = model(images)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        best, classes = mc.softmax(logits, 1).max(1)
        truth += labels.tolist()
        predicted += classes.tolist()
        confidence += best.tolist()
    truth, predicted = np.array(truth), np.array(predicted)
    accuracy = float((truth == predicted).mean())
    return loss / len(truth), accuracy, (truth, predicted, np.array(confidence))


class Run:
    """Where a run stands, and what it has measured."""

    def __init__(self):
        self.epoch = 0
        self.history = []
        self.interrupted = False
        self.start_epoch()

    def start_epoch(self):
        self.batch = self.images = self.correct = 0
        self.loss = 0.0
        self.seen_now = 0  # images since the clock started; not those before a resume
        self.clock = time.perf_counter()

    def count(self, loss, logits, labels):
        self.batch += 1
        self.images += len(labels)
        self.seen_now += len(labels)
        self.loss += loss * len(labels)
        self.correct += int((logits.argmax(1) == labels).sum())

    @property
    def rate(self):
        return self.seen_now / max(time.perf_counter() - self.clock, 1e-9)

    def metrics(self):
        return {
            "epoch": self.epoch + 1,
            "train_loss": self.loss / self.images,
            "train_accuracy": self.correct / self.images,
            "images_per_second": round(self.rate, 1),
        }

    def position(self):
        names = ("epoch", "batch", "images", "correct", "loss")
        return {name: getattr(self, name) for name in names}

    def go_to(self, position, history):
        self.start_epoch()
        self.history = history
        for name, value in position.items():
            setattr(self, name, value)


@contextmanager
def finishing_the_step(run):
    """Ctrl-C asks the run to stop after the step it is in; a second one stops at once."""

    def ask(*_):
        if run.interrupted:
            raise KeyboardInterrupt
        run.interrupted = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def train(model, loaders, options, run, save, console, plain):
    """All epochs that are left; False if the run was interrupted."""
    training, validation, _, generator, optimizer, scheduler = loaders
    with nullcontext() if plain else progress_bar(console) as bar, finishing_the_step(run):
        show = make_show(bar, options["epochs"], len(training))
        while run.epoch < options["epochs"]:
            # Order and shifts depend on seed and epoch alone, so a resumed epoch is the same one.
            generator.manual_seed(options["seed"] * 100_003 + run.epoch)
            if train_epoch(model, training, optimizer, scheduler, run, show):
                metrics = run.metrics()
                if validation:
                    metrics["val_loss"], metrics["val_accuracy"], _ = evaluate(model, validation)
                run.history.append(metrics)
                console.print(epoch_line(metrics, options["epochs"]), highlight=False)
                run.epoch += 1
                run.start_epoch()
            save()
            if run.interrupted:
                return False
    return True


# ---------------------------------------------------------------------------- what is shown


def progress_bar(console):
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def make_show(bar, epochs, batches):
    """A function that shows where a run stands."""
    if bar is None:
        return lambda run, _: None
    task = bar.add_task("compiling kernels (once)", total=epochs * batches, figures="")

    def show(run, batches):
        bar.update(
            task,
            description=f"epoch {run.epoch + 1}/{epochs}",
            completed=run.epoch * batches + run.batch,
            figures=f"loss {run.loss / run.images:.4f}  accuracy {run.correct / run.images:.4f}  "
            f"{run.rate:,.0f} images/s",
        )

    return show


def epoch_line(m, epochs):
    text = f"epoch {m['epoch']:>{len(str(epochs))}}/{epochs}  loss {m['train_loss']:.4f}"
    text += f"  accuracy {m['train_accuracy']:.4f}"
    if "val_accuracy" in m:
        text += f"  validation {m['val_accuracy']:.4f}"
    return f"{text}  {m['images_per_second']:,.0f} images/s"


def write_metrics(folder, lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")


def write_pictures(folder, model, run, images, classes, answers):
    truth, predicted, confidence = answers
    names = [name.split(" - ")[0] for name in classes]  # "7 - seven" as 7
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (truth, predicted), 1)
    plot.curves(run.history, folder / "curves.png")
    plot.kernels(model.conv1.weight.detach(), folder / "kernels.png")
    plot.confusion_matrix(counts, names, folder / "confusion.png")
    plot.mistakes(images, truth, predicted, names, confidence, folder / "mistakes.png")


# ---------------------------------------------------------------------------- the run


def new_folder(arguments):
    folder = arguments.out
    if folder is None:
        n = 1
        while Path("runs", f"{arguments.dataset}-{n}").exists():
            n += 1
        folder = Path("runs", f"{arguments.dataset}-{n}")
    elif (folder / "checkpoint.safetensors").exists():
        raise checks.ArgumentError(
            f"--out: {folder} already holds a run; choose another folder, or go on with it by "
            f"--resume {folder}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(argv=None):
    arguments = parse_arguments(argv)
    console = Console(soft_wrap=True)
    try:
        return run_all(arguments, console)
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # outside of training, or a second time
        print("interrupted; a run that had begun goes on with --resume", file=sys.stderr)
        return 130


def run_all(arguments, console):
    plain = arguments.plain or not console.is_terminal
    checkpoint = None
    if arguments.resume:
        folder = arguments.resume
        checkpoint = folder / "checkpoint.safetensors" if folder.is_dir() else folder
        folder = checkpoint.parent
        stored = mc.load(checkpoint)
        options = (stored.get("extra") or {}).get("options") if isinstance(stored, dict) else None
        if options is None:
            raise checks.ArgumentError(f"--resume: {checkpoint} was not written by this program")
    else:
        options = options_of(arguments)

    mc.manual_seed(options["seed"])
    generator = mc.Generator(options["seed"])
    training, validation, test = make_loaders(options, generator)
    model = make_model(options).to(arguments.device)
    optimizer = optim.SGD(
        model.parameters(), options["lr"], options["momentum"], 0, options["weight_decay"]
    )
    steps = options["epochs"] * len(training)
    cosine = options["schedule"] == "cosine"
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if cosine else None
    run = Run()
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    if checkpoint:
        loaded = load_checkpoint(checkpoint, **parts)
        run.go_to(loaded["position"], loaded["extra"]["history"])
        console.print(f"going on in {folder}, epoch {run.epoch + 1}, batch {run.batch + 1}")
    else:
        folder = new_folder(arguments)
        count = sum(p.numel() for p in model.parameters())
        console.print(
            f"LeNet-5 ({options['activation']}), {count:,} parameters, {len(training.dataset):,} "
            f"training images, {len(test.dataset):,} test images; results go to {folder}"
        )

    def save():
        extra = {"options": options, "history": run.history}
        path = folder / "checkpoint.safetensors"
        save_checkpoint(path, **parts, position=run.position(), extra=extra)
        write_metrics(folder, run.history)

    loaders = (training, validation, test, generator, optimizer, scheduler)
    if not train(model, loaders, options, run, save, console, plain):
        print(
            f"interrupted in epoch {run.epoch + 1}; go on with: "
            f"python {sys.argv[0]} --resume {folder}",
            file=sys.stderr,
        )
        return 130

    loss, accuracy, answers = evaluate(model, test)
    mc.save(model.state_dict(), folder / "lenet5.safetensors")
    write_metrics(folder, [*run.history, {"test_loss": loss, "test_accuracy": accuracy}])
    try:
        dataset = test.dataset
        write_pictures(folder, model, run, dataset.data.numpy(), dataset.classes, answers)
    except checks.MissingPartError as error:
        print(f"note: no pictures were made: {error}", file=sys.stderr)
    console.print(f"weights, metrics and pictures are in {folder}")
    print(f"test accuracy: {accuracy:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
