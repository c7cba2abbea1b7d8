"""Train LeNet-5 to read digits.

    python examples/lenet_mnist.py                    8,000 real digits that come with minicnn
    python examples/lenet_mnist.py --data-dir DIR     all 60,000 of MNIST, from its files in DIR
    python examples/lenet_mnist.py --dataset fashion-mnist
    python examples/lenet_mnist.py --resume runs/mnist-1
    mpiexec -n 2 python examples/lenet_mnist.py       two processes train together

A run leaves a folder: the weights, a line of metrics for each epoch, a checkpoint to resume from,
and pictures of the curves, the first layer's kernels, the confusion matrix and the mistakes.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import checks, data, distributed, nn, optim, plot, training
from minicnn.data import transforms as T
from minicnn.training.callbacks.log import write_log

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
CHECKPOINT = "checkpoint.safetensors"
USER_ERRORS = (
    checks.ArgumentError,
    checks.DtypeError,
    checks.IndexRangeError,
    checks.MissingPartError,
    checks.ShapeError,
    training.DivergenceError,
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
    parser.add_argument("--device", default="cpu", help="where to compute: cpu, cuda, cuda:1, …")
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


class RandomShift:
    """Moves an image by up to `most` pixels; what it leaves is background.

    As RandomCrop(28, padding=most) does, but with the numbers of `generator`.
    """

    def __init__(self, most, generator):
        self.most, self.generator = most, generator

    def __call__(self, image):
        top, left = (self.generator.numpy.integers(2 * self.most + 1) for _ in "yx")
        height, width = image.shape
        return np.pad(image, self.most)[top : top + height, left : left + width]


def make_loaders(options, generator):
    """Loaders for training, validation (or None) and test."""
    as_it_is = T.Compose([T.ToTensor(), T.Normalize(options["mean"], options["std"])])
    varied = as_it_is
    if options["shift"]:
        varied = T.Compose([RandomShift(options["shift"], generator), as_it_is])
    train, validation = load_images(options, True, varied), None
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


class SeedEpochs(training.Callback):
    """Order and shifts depend on seed and epoch alone."""

    def __init__(self, generator, seed):
        self.generator, self.seed = generator, seed

    def on_epoch_begin(self, run):
        self.generator.manual_seed(self.seed * 100_003 + run.epoch)


def train(model, loaders, generator, options, folder, console, plain):
    """All epochs that are left; returns the run."""
    loader, validation, _ = loaders
    optimizer = optim.SGD(
        model.parameters(), options["lr"], options["momentum"], 0, options["weight_decay"]
    )
    steps = options["epochs"] * len(loader)
    cosine = options["schedule"] == "cosine"
    callbacks = [
        SeedEpochs(generator, options["seed"]),
        training.TrainingMetrics(),
        *([training.Validation(validation)] if validation else []),
        training.Progress(console, plain),
        training.Log(folder / "metrics.jsonl"),
        training.Checkpoints(folder / CHECKPOINT, extra={"options": options}),
    ]
    return training.fit(
        model,
        loader,
        F.cross_entropy,
        optimizer,
        options["epochs"],
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, steps) if cosine else None,
        step_scheduler="step",
        callbacks=callbacks,
    )


# ---------------------------------------------------------------------------- the pictures


def write_pictures(folder, model, history, dataset, found):
    names = [name.split(" - ")[0] for name in dataset.classes]  # "7 - seven" as 7
    images, answers = dataset.data.numpy(), (found.targets, found.predicted)
    plot.curves(history, folder / "curves.png")
    plot.kernels(model.conv1.weight.detach(), folder / "kernels.png")
    plot.confusion_matrix(found.confusion, names, folder / "confusion.png")
    plot.mistakes(images, *answers, names, found.confidence, folder / "mistakes.png")


# ---------------------------------------------------------------------------- the run


def new_folder(arguments):
    folder = arguments.out
    if folder is None:
        n = 1
        while Path("runs", f"{arguments.dataset}-{n}").exists():
            n += 1
        folder = Path("runs", f"{arguments.dataset}-{n}")
    elif (folder / CHECKPOINT).exists():
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
        distributed.one_voice()  # of several processes that mpiexec has started
        return run_all(arguments, console)
    except USER_ERRORS as error:
        distributed.complain(f"error: {error}")
        return 1
    except KeyboardInterrupt:  # outside of training, or a second time
        print("interrupted; a run that had begun goes on with --resume", file=sys.stderr)
        return 130


def run_all(arguments, console):
    plain = arguments.plain or not console.is_terminal
    if arguments.resume:
        folder, options, position = distributed.from_first(stopped_run, arguments.resume)
    else:
        folder, options, position = None, options_of(arguments), None

    mc.manual_seed(options["seed"])
    generator = mc.Generator(options["seed"])
    loaders = [
        data.on_device(loader, arguments.device) for loader in make_loaders(options, generator)
    ]
    model = make_model(options).to(arguments.device)
    training_images, test = loaders[0].dataset, loaders[2].dataset
    if position:
        where = f"epoch {position['epoch'] + 1}, batch {position['batch'] + 1}"
        console.print(f"going on in {folder}, {where}")
    else:
        folder = distributed.from_first(new_folder, arguments)
        count = sum(p.numel() for p in model.parameters())
        console.print(
            f"LeNet-5 ({options['activation']}), {count:,} parameters, {len(training_images):,} "
            f"training images, {len(test):,} test images; results go to {folder}"
        )
    run = train(model, loaders, generator, options, folder, console, plain)
    if run.stopped:
        distributed.complain(
            f"interrupted in epoch {run.epoch + 1}; go on with: "
            f"python {sys.argv[0]} --resume {folder}"
        )
        return 130

    found = training.evaluate(model, loaders[2])
    if not distributed.is_first():
        return 0
    mc.save(model.state_dict(), folder / "lenet5.safetensors")
    figures = {"test_loss": found.loss, "test_accuracy": found.accuracy}
    write_log(folder / "metrics.jsonl", [*run.history, figures])
    try:
        write_pictures(folder, model.cpu(), run.history, test, found)
    except checks.MissingPartError as error:
        print(f"note: no pictures were made: {error}", file=sys.stderr)
    console.print(f"weights, metrics and pictures are in {folder}")
    print(f"test accuracy: {found.accuracy:.4f}")
    return 0


def stopped_run(path):
    """(folder, options, position) of the run that --resume names."""
    checkpoint = path / CHECKPOINT if path.is_dir() else path
    stored = mc.load(checkpoint)
    options = (stored.get("extra") or {}).get("options") if isinstance(stored, dict) else None
    if options is None:
        raise checks.ArgumentError(f"--resume: {checkpoint} was not written by this program")
    return checkpoint.parent, options, stored["position"]


if __name__ == "__main__":
    sys.exit(main())
