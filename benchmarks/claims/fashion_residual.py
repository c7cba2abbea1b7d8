"""A residual network trained on all 60,000 images of Fashion-MNIST, on the CPU.

    python benchmarks/claims/fashion_residual.py --data-dir /usr

`--validation 5000` keeps so many training images back and measures on them after each epoch, which
is how the network was chosen. Without it the network learns from all training images, and the test
images are looked at once, at the end, with the averaged weights: as they are, and with each image's
probabilities averaged with those of its mirror image.

The run may be stopped at any time, by Ctrl-C or ``kill -9``, and goes on with the same command.
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
from minicnn.optim.lr_scheduler import OneCycleLR

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
    mc.manual_seed(settings["seed"])
    network = SmallResNet(*(settings[k] for k in ("stem", "maps", "blocks", "strides")))
    train_set, held_out, test_set = load(root, settings, validation, images)
    loader = data.DataLoader(
        train_set, settings["batch_size"], shuffle=True, drop_last=True,
        num_workers=1, workers="processes", persistent_workers=True,
    )  # fmt: skip
    groups = small_resnet.parameter_groups(network, settings["weight_decay"])
    sgd = optim.SGD(groups, lr=settings["lr"], momentum=settings["momentum"], nesterov=True)
    steps = settings["epochs"] * len(loader)
    schedule = OneCycleLR(
        sgd, settings["lr"], total_steps=steps, pct_start=0.25, cycle_momentum=False
    )
    averaging = training.WeightAveraging(settings["averaging"])
    folder.mkdir(parents=True, exist_ok=True)
    callbacks = [
        training.TrainingMetrics(),
        averaging,
        training.ProgressiveResizing(
            training.ProgressiveLearning(settings["epochs"], 2, settings["image_size"]),
            dropout=False,
        ),
        training.Progress(experiment.CONSOLE),
        training.Log(folder / "metrics.jsonl"),
        training.Checkpoints(folder / "checkpoint.safetensors", every_seconds=120),
    ]
    if held_out is not None:
        measured = training.Validation(data.DataLoader(held_out, 250), averaging=averaging)
        callbacks.insert(2, measured)
    loss = nn.CrossEntropyLoss(label_smoothing=settings["label_smoothing"])
    run = training.fit(
        network, loader, loss, sgd, settings["epochs"],
        scheduler=schedule, step_scheduler="step", callbacks=callbacks,
    )  # fmt: skip
    network.load_state_dict(averaging.weights)
    return network, run, test_set


def main(argv=None):
    options = arguments(argv)
    settings = {**SETTINGS, "epochs": options.epochs, "seed": options.seed}
    network, run, test_set = train(
        options.data_dir, options.work, settings, options.validation, options.images
    )
    if run.stopped:
        raise SystemExit(f"{run.stopped}; the same command goes on")
    if options.validation:
        return
    found = {"as they are": tested(network, test_set)}
    both = data.FashionMNIST(options.data_dir, train=False, transform=with_mirror_image)
    found["with their mirror images"] = tested(training.CropAverage(network), both)
    write(options, settings, network, run, found)


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data-dir", default="/usr", help="where the files are")
    parser.add_argument("--epochs", type=int, default=SETTINGS["epochs"])
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


def write(options, settings, network, run, found):
    """The table of the run, the curve of its training and the figures of all epochs."""
    options.results.mkdir(parents=True, exist_ok=True)
    parameters = sum(p.numel() for p in network.parameters())
    per_image = multiplications(network, 28)
    images = len(run.loader) * settings["batch_size"]
    schedule = training.ProgressiveLearning(settings["epochs"], 2, settings["image_size"])
    # Forward, and twice as much backward; a multiplication with its addition counts as two.
    done = sum(
        len(stage.epochs) * multiplications(network, stage.image_size) for stage in schedule.stages
    )
    flops = 6 * images * done
    seconds = sum(images / figures["images_per_second"] for figures in run.history)
    rows = [[name, f"{accuracy:.2%}"] for name, accuracy in found.items()]
    text = experiment.table(["test images", "accuracy"], rows)
    text += (
        f"\n\n{parameters:,} parameters, {per_image / 1e6:.1f} million multiplications an image; "
        f"{settings['epochs']} epochs of {images:,} images, the first half at "
        f"{settings['image_size'][0]} × {settings['image_size'][0]} pixels; {flops / 1e12:,.0f} "
        f"TFLOP (forward and backward), {seconds / 60:,.0f} minutes with {mc.get_num_threads()} "
        f"thread(s) on a machine that did other work too: {flops / seconds / 1e9:.0f} GFLOP/s. "
        f"Seed {settings['seed']}."
    )
    history = [
        {k: v for k, v in figures.items() if k != "images_per_second"} for figures in run.history
    ]
    plot.curves(history, options.results / "fashion_residual.png")
    here = machine.description()
    (options.results / "fashion_residual.md").write_text(
        "# A residual network on Fashion-MNIST\n\nClaim: at least 94.5 % of the test images right, "
        f"trained on all 60,000 images on the CPU.\n\n{text}\n\n"
        "![curves](fashion_residual.png)\n\n"
        "`python benchmarks/claims/fashion_residual.py --data-dir /usr`\n\n"
        f"{machine.line(here)}\n",
        encoding="utf-8",
    )
    content = {
        "machine": here, "settings": settings, "test_accuracy": found, "parameters": parameters,
        "multiplications": per_image, "flops": flops, "seconds": round(seconds),
        "history": run.history,
    }  # fmt: skip
    text_of = json.dumps(content, indent=1, ensure_ascii=False)
    (options.results / "fashion_residual.json").write_text(text_of + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
