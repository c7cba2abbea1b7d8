"""A residual network trained on all 60,000 images of Fashion-MNIST, on the CPU.

    python benchmarks/claims/fashion_residual.py --data-dir /usr

The recipe is a common one for small images, and was not tuned. `--validation 5000` is there for
that: it keeps so many training images back and measures on them after each epoch. Without it the
network learns from all training images, and the test images are looked at once, at the end, with
the averaged weights: as they are, and with each image's probabilities averaged with those of its
mirror image.

The run may be stopped at any time, by Ctrl-C or ``kill -9``, and goes on with the same command.
Where there is not enough time for all epochs, ``--end-in 3`` goes on from the last checkpoint with
so many epochs more, in which the learning rate falls to 0 in a straight line.
"""

import argparse
import json
from pathlib import Path

import experiment
import machine
import small_resnet
from small_resnet import SmallResNet

import minicnn as mc
from minicnn import data, nn, optim, plot, training
from minicnn.data import transforms as T
from minicnn.optim.lr_scheduler import LinearLR, OneCycleLR
from minicnn.training.checkpoint import read_checkpoint

MEAN, STD = 0.2860, 0.3530  # of the training images
SETTINGS = {
    "stem": 32,
    "maps": (64, 128, 256),
    "blocks": (1, 2, 1),
    "strides": (2, 2, 2),
    "epochs": 16,
    "image_size": (24, 28),  # in the first half of the epochs, and in the second
    "batch_size": 128,
    "lr": 0.2,  # the highest, after a quarter of the run; then it falls to 0
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "label_smoothing": 0.1,
    "padding": 2,  # images are moved by up to so many pixels
    "erasing": 0.25,  # how often a rectangle is erased
    "averaging": 0.998,
    "seed": 0,
}


to_input = T.Compose([T.ToTensor(), T.Normalize(MEAN, STD)])


def with_mirror_image(image):
    image = to_input(image)
    return mc.stack([image, T.functional.hflip(image)])


def tested(network, dataset):
    return training.evaluate(network, data.DataLoader(dataset, 250)).accuracy


def load(root, settings, validation, images):
    """The training, validation and test sets; the validation set may be None."""
    varied = T.Compose(
        [
            T.RandomCrop(28, padding=settings["padding"]),
            T.RandomHorizontalFlip(),
            to_input,
            T.RandomErasing(settings["erasing"], scale=(0.02, 0.2)),
        ]
    )
    train, held_out = data.FashionMNIST(root, transform=varied), None
    if validation:
        same = data.FashionMNIST(root, transform=to_input)
        rest, chosen = data.stratified_split(same, validation / len(same), mc.Generator(0))
        held_out, train = chosen, data.Subset(train, rest.indices)
    if images:
        train = data.Subset(train, range(images))
    return train, held_out, data.FashionMNIST(root, train=False, transform=to_input)


def train(root, folder, settings, validation=0, images=None):
    """Train, or go on with it; the network with its averaged weights, and the run."""
    network, loader, held_out, test_set = prepare(root, settings, validation, images)
    sgd = optimizer(network, settings)
    steps = settings["epochs"] * len(loader)
    schedule = OneCycleLR(
        sgd, settings["lr"], total_steps=steps, pct_start=0.25, cycle_momentum=False
    )
    stages = training.ProgressiveLearning(settings["epochs"], 2, settings["image_size"])
    run = fit(network, loader, sgd, schedule, stages, settings, folder, held_out)
    return network, run, test_set


def end(root, folder, settings, epochs, images=None):
    """From the last checkpoint to the end in so many epochs; as `train`, and where that was."""
    network, loader, _, test_set = prepare(root, settings, 0, images)
    sgd = optimizer(network, settings)
    stored = read_checkpoint(folder / "checkpoint.safetensors")
    network.load_state_dict(stored["model"])
    sgd.load_state_dict(stored["optimizer"])
    for group in sgd.param_groups:
        group["initial_lr"] = group["lr"]
    schedule = LinearLR(sgd, 1.0, 0.0, total_iters=epochs * len(loader))
    stages = training.ProgressiveLearning(epochs, 1, settings["image_size"])
    run = fit(network, loader, sgd, schedule, stages, settings, folder / "ending")
    return network, run, test_set, stored["position"]


def prepare(root, settings, validation, images):
    mc.manual_seed(settings["seed"])
    network = SmallResNet(*(settings[k] for k in ("stem", "maps", "blocks", "strides")))
    train_set, held_out, test_set = load(root, settings, validation, images)
    loader = data.DataLoader(
        train_set, settings["batch_size"], shuffle=True, drop_last=True,
        num_workers=1, workers="processes", persistent_workers=True,
    )  # fmt: skip
    return network, loader, held_out, test_set


def optimizer(network, settings):
    groups = small_resnet.parameter_groups(network, settings["weight_decay"])
    return optim.SGD(groups, lr=settings["lr"], momentum=settings["momentum"], nesterov=True)


def fit(network, loader, sgd, schedule, stages, settings, folder, held_out=None):
    """The run; the network has its averaged weights afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    averaging = training.WeightAveraging(settings["averaging"])
    callbacks = [
        training.TrainingMetrics(),
        averaging,
        training.ProgressiveResizing(stages, dropout=False),
        training.Progress(experiment.CONSOLE),
        training.Log(folder / "metrics.jsonl"),
        training.Checkpoints(folder / "checkpoint.safetensors", every_seconds=120),
    ]
    if held_out is not None:
        measured = training.Validation(data.DataLoader(held_out, 250), averaging=averaging)
        callbacks.insert(2, measured)
    loss = nn.CrossEntropyLoss(label_smoothing=settings["label_smoothing"])
    run = training.fit(
        network, loader, loss, sgd, stages.epochs,
        scheduler=schedule, step_scheduler="step", callbacks=callbacks,
    )  # fmt: skip
    network.load_state_dict(averaging.weights)
    return run


def main(argv=None):
    options = arguments(argv)
    settings = {**SETTINGS, "epochs": options.epochs, "seed": options.seed}
    where = options.data_dir, options.work, settings
    if options.end_in:
        network, run, test_set, left = end(*where, options.end_in, options.images)
    else:
        network, run, test_set = train(*where, options.validation, options.images)
        left = None
    if run.stopped:
        raise SystemExit(f"{run.stopped}; the same command goes on")
    if options.validation:
        return
    found = {"as they are": tested(network, test_set)}
    both = data.FashionMNIST(options.data_dir, train=False, transform=with_mirror_image)
    found["with their mirror images"] = tested(training.CropAverage(network), both)
    write(options, settings, network, run, left, found)


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data-dir", default="/usr", help="where the files are")
    parser.add_argument("--epochs", type=int, default=SETTINGS["epochs"])
    parser.add_argument("--end-in", type=int, default=0, help="end a begun run in so many epochs")
    parser.add_argument("--seed", type=int, default=SETTINGS["seed"])
    parser.add_argument("--validation", type=int, default=0, help="images to keep back")
    parser.add_argument("--images", type=int, default=None, help="only so many, to try it out")
    parser.add_argument("--results", type=Path, default=experiment.RESULTS)
    parser.add_argument(
        "--work",
        type=Path,
        default=experiment.WORK / "fashion_residual",
        help="where the run is kept, and goes on from",
    )
    return parser.parse_args(argv)


def multiplications(network, size):
    """Of one forward pass of an image of size × size."""
    return mc.summary(network, (1, 1, size, size)).total.multiplications


def passes(settings, run, left):
    """How often all images were learned from at which size: pairs (epochs, size).

    `left` is where a run was left that was then ended early; None: it was not.
    """
    if left is None:
        schedule = training.ProgressiveLearning(settings["epochs"], 2, settings["image_size"])
        return [(len(stage.epochs), stage.image_size) for stage in schedule.stages]
    before = left["epoch"] + left["batch"] / left["batches"]
    small = min(before, settings["epochs"] / 2)
    first, second = settings["image_size"]
    return [(small, first), (before - small + run.epochs, second)]


def told(settings, stages, run, left):
    """How long the run was, in a sentence."""
    size, images = settings["image_size"][0], f"{len(run.loader) * settings['batch_size']:,} images"
    if left is None:
        half = stages[0][0]
        return f"{run.epochs} epochs of {images}, the first {half} at {size} × {size} pixels."
    before, after = sum(n for n, _ in stages) - run.epochs, run.epochs
    return (
        f"{before:.1f} of the {settings['epochs']} epochs of {images} that it was begun for, "
        f"{stages[0][0]:.3g} of them at {size} × {size} pixels; then, for want of time, {after} in "
        "which the learning rate fell to 0 in a straight line."
    )


def write(options, settings, network, run, left, found):
    """The table of the run, the curve of its training and the figures of all epochs."""
    options.results.mkdir(parents=True, exist_ok=True)
    parameters = sum(p.numel() for p in network.parameters())
    per_image = multiplications(network, 28)
    images = len(run.loader) * settings["batch_size"]
    stages, history = passes(settings, run, left), run.history
    if left is not None:
        history = [*left["history"], *history]
    # Forward, and twice as much backward; a multiplication with its addition counts as two.
    flops = 6 * images * sum(n * multiplications(network, size) for n, size in stages)
    seconds = sum(images / figures["images_per_second"] for figures in history)
    rows = [[name, f"{accuracy:.2%}"] for name, accuracy in found.items()]
    text = experiment.table(["test images", "accuracy"], rows)
    text += (
        f"\n\n{parameters:,} parameters, {per_image / 1e6:.1f} million multiplications an image; "
        f"{told(settings, stages, run, left)} {flops / 1e12:,.0f} TFLOP (forward and backward), "
        f"{seconds / 60:,.0f} minutes of whole epochs with {mc.get_num_threads()} thread(s) on a "
        f"machine that did other work too. Seed {settings['seed']}."
    )
    command = "python benchmarks/claims/fashion_residual.py --data-dir /usr"
    if left is not None:
        command += f" --end-in {run.epochs}"
    shown = [
        {k: v for k, v in figures.items() if k != "images_per_second"} | {"epoch": i}
        for i, figures in enumerate(history, 1)
    ]
    plot.curves(shown, options.results / "fashion_residual.png")
    here = machine.description()
    (options.results / "fashion_residual.md").write_text(
        "# A residual network on Fashion-MNIST\n\nClaim: at least 94.5 % of the test images right, "
        f"trained on all 60,000 images on the CPU.\n\n{text}\n\n"
        "![curves](fashion_residual.png)\n\n"
        f"`{command}`\n\n"
        f"{machine.line(here)}\n",
        encoding="utf-8",
    )
    content = {
        "machine": here, "settings": settings, "test_accuracy": found, "parameters": parameters,
        "multiplications": per_image, "flops": flops, "seconds": round(seconds),
        "history": history,
    }  # fmt: skip
    text_of = json.dumps(content, indent=1, ensure_ascii=False)
    (options.results / "fashion_residual.json").write_text(text_of + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
