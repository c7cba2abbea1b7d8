"""Train any of minicnn's networks on digits or pieces of clothing.

    python examples/train_network.py --model resnet20
    python examples/train_network.py --model mobilenet_v2 --images 8000 --epochs 4
    python examples/train_network.py --model googlenet --dataset fashion-mnist --data-dir DIR

The images have one channel and 28 × 28 pixels. They are enlarged to what the network can work with
and, where it reads colours, repeated in three channels. Each network is the published one, with ten
outputs; nothing in it is cut down.
"""

import argparse
import sys

from rich.console import Console

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import checks, data, optim, training
from minicnn.data import transforms as T

# How to train the networks whose name begins so; the longest beginning counts. Networks without
# batch normalisation need a smaller rate. Images are enlarged to a size that leaves something to
# look at after the last pooling.
RECIPES = {
    "": {"size": 32, "lr": 0.05, "epochs": 6},
    "lenet": {"size": 28, "lr": 0.05, "epochs": 10},
    "alexnet": {"size": 64, "lr": 0.02, "epochs": 10},
    "alexnet_paper": {"size": 227, "lr": 0.01, "epochs": 4},
    "vgg": {"size": 32, "lr": 0.01, "epochs": 6},
    "resnet": {"size": 28, "lr": 0.1, "epochs": 6},
    "resnext": {"size": 64, "lr": 0.02, "epochs": 6},
    "densenet": {"size": 64, "lr": 0.05, "epochs": 6},
    "plain": {"size": 28, "lr": 0.05, "epochs": 6},
    "googlenet": {"size": 64, "lr": 0.02, "epochs": 6},
    "googlenet_paper": {"size": 224, "lr": 0.01, "epochs": 4},
    "inception": {"size": 80, "lr": 0.02, "epochs": 5},
    "shufflenet": {"size": 48, "lr": 0.1, "epochs": 10},
    "mobilenet": {"size": 48, "lr": 0.05, "epochs": 8},
    # Its running statistics move by a hundredth a step: they need more steps to arrive.
    "mobilenet_v3": {"size": 48, "lr": 0.05, "epochs": 24},
    "efficientnet": {"size": 48, "lr": 0.05, "epochs": 8},
}
OPTIONS = {"inception_v3": {"aux_logits": False}, "googlenet": {"aux_logits": False}}
MEAN_STD = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}
USER_ERRORS = (
    checks.ArgumentError,
    checks.DtypeError,
    checks.MissingPartError,
    checks.ShapeError,
    training.DivergenceError,
    OSError,
)


def recipe_of(name):
    """The recipe of the network called `name`."""
    return RECIPES[max((b for b in RECIPES if name.startswith(b)), key=len)]


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description="Train a network of minicnn's on digits or pieces of clothing.",
        epilog="minicnn models lists the networks",
    )
    parser.add_argument("--model", default="resnet20", help="its name (default: %(default)s)")
    parser.add_argument("--dataset", choices=tuple(MEAN_STD), default="mnist")
    parser.add_argument("--data-dir", help="its files; without it, the bundled digits")
    parser.add_argument("--images", type=int, default=2000, help="training images to use")
    parser.add_argument("--test-images", type=int, default=1000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, help="the rate at the start; it falls along a cosine")
    parser.add_argument("--size", type=int, help="pixels to which the images are enlarged")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="where to compute: cpu, cuda, cuda:1, …")
    parser.add_argument("--save", metavar="PATH", help="where to write the weights")
    parser.add_argument("--plain", action="store_true", help="lines of text, no progress bar")
    arguments = parser.parse_args(argv)
    for name in ("images", "test_images", "epochs", "batch_size", "size"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"argument --{name.replace('_', '-')}: must be at least 1, got {value}")
    if arguments.seed < 0:
        parser.error(f"argument --seed: must be at least 0, got {arguments.seed}")
    for name, value in recipe_of(arguments.model).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def load_images(arguments, train):
    """The first so many images of a part of the data set."""
    transform = T.Compose([T.ToTensor(), T.Normalize(*MEAN_STD[arguments.dataset])])
    if arguments.dataset == "fashion-mnist":
        root = arguments.data_dir or "data"
        found = data.FashionMNIST(root, train, transform, download=arguments.data_dir is None)
    elif arguments.data_dir:
        found = data.MNIST(arguments.data_dir, train, transform)
    else:
        found = data.BundledMNIST(train, transform)
    wanted = arguments.images if train else arguments.test_images
    return data.Subset(found, range(min(wanted, len(found))))


def make_model(name):
    """The network with ten outputs."""
    return mc.models.get_model(name, num_classes=10, **OPTIONS.get(name, {}))


def preparation(model, size):
    """A function: images (N, 1, 28, 28) → (N, C, size, size), with the C that the model reads."""
    channels = next(p.shape[1] for p in model.parameters() if p.ndim == 4)

    def prepare(images):
        if size != images.shape[2]:
            images = F.interpolate(images, size=(size, size), mode="bilinear")
        return images.repeat(1, channels, 1, 1) if channels > 1 else images

    return prepare


def scores_of(result):
    """The class scores; networks with auxiliary heads give them first."""
    return result if hasattr(result, "shape") else result[0]


class Enlarge(training.Callback):
    """Makes of each batch of images what the network reads."""

    def __init__(self, prepare):
        self.prepare = prepare

    def on_batch_begin(self, run):
        run.inputs = self.prepare(run.inputs)


def train(model, loader, arguments, console):
    """Stochastic gradient descent with momentum; the rate falls along a cosine to 0."""
    optimizer = optim.SGD(model.parameters(), arguments.lr, momentum=0.9, weight_decay=1e-4)
    steps = arguments.epochs * len(loader)
    callbacks = [
        Enlarge(preparation(model, arguments.size)),
        training.TrainingMetrics(),
        training.Progress(console, arguments.plain or not console.is_terminal),
    ]
    training.fit(
        model,
        loader,
        lambda result, labels: F.cross_entropy(scores_of(result), labels),
        optimizer,
        arguments.epochs,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, steps),
        step_scheduler="step",
        callbacks=callbacks,
    )


def main(argv=None):
    arguments = parse_arguments(argv)
    console = Console(soft_wrap=True)
    try:
        mc.manual_seed(arguments.seed)
        model = make_model(arguments.model).to(arguments.device)
        images, test = load_images(arguments, True), load_images(arguments, False)
        count = sum(p.numel() for p in model.parameters())
        console.print(
            f"{arguments.model}, {count:,} parameters; {len(images):,} training images and "
            f"{len(test):,} test images of {arguments.size} × {arguments.size}",
            highlight=False,
        )
        loader = data.DataLoader(images, arguments.batch_size, shuffle=True, drop_last=True)
        train(model, data.on_device(loader, arguments.device), arguments, console)
        prepare = preparation(model, arguments.size)
        loader = data.on_device(data.DataLoader(test, 100), arguments.device)
        found = training.evaluate(model, loader, prepare=prepare)
        if arguments.save:
            mc.save(model.state_dict(), arguments.save)
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"test accuracy: {found.accuracy:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
