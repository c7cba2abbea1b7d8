"""What a trained LeNet-5 has learnt to see, in pictures.

    python examples/look_inside.py                       train it first, a quarter of a minute
    python examples/look_inside.py --weights FILE        a network trained before
    python examples/look_inside.py --out docs/pictures --prefix inside_

Of the digits that come with minicnn, the test images: kernels.png (the first layer's kernels),
maps.png (what each convolution makes of one digit), grad_cam.png (where it sees the class),
similar.png (images whose features are near each other), features.png (all of them as points).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import checks, data, models, optim, plot, training
from minicnn.data import transforms as T

TO_INPUT = T.Compose([T.ToTensor(), T.Normalize(0.1307, 0.3081)])
USER_ERRORS = (
    checks.ArgumentError,
    checks.DtypeError,
    checks.MissingPartError,
    checks.ShapeError,
    OSError,
)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description="Pictures of what a trained LeNet-5 sees.",
        epilog="examples:\n  python examples/look_inside.py\n  python examples/look_inside.py "
        "--weights runs/mnist-1/lenet5.safetensors --activation tanh",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, help="a file of weights, of models.lenet5()")
    parser.add_argument("--activation", default="relu", choices=("tanh", "sigmoid", "relu"))
    parser.add_argument("--epochs", type=int, default=5, help="to train without --weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/inside"), help="where pictures go")
    parser.add_argument("--prefix", default="", help="what the pictures' names begin with")
    arguments = parser.parse_args(argv)
    if arguments.epochs < 1:
        parser.error(f"argument --epochs: must be at least 1, got {arguments.epochs}")
    if arguments.seed < 0:
        parser.error(f"argument --seed: must be at least 0, got {arguments.seed}")
    return arguments


def trained(arguments, console):
    """The network, from its file or after training."""
    if arguments.weights is not None:
        return models.lenet5(weights=arguments.weights, activation=arguments.activation)
    mc.manual_seed(arguments.seed)
    model = models.lenet5(activation=arguments.activation)
    varied = T.Compose([T.RandomCrop(28, padding=2), TO_INPUT])
    loader = data.DataLoader(data.BundledMNIST(transform=varied), 64, shuffle=True)
    sgd = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    cosine = optim.lr_scheduler.CosineAnnealingLR(sgd, arguments.epochs * len(loader))
    training.fit(
        model, loader, F.cross_entropy, sgd, arguments.epochs,
        scheduler=cosine, step_scheduler="step",
        callbacks=[training.TrainingMetrics(), training.Progress(console)],
    )  # fmt: skip
    return model


def first_of_each(classes):
    """The index of the first image of each class."""
    return [int(np.flatnonzero(classes == c)[0]) for c in np.unique(classes)]


def look(model, test, file):
    """Make all pictures; `file` gives the path of one by its name."""
    images, classes = test.data.numpy(), test.targets.numpy()
    names = [name.split(" - ")[0] for name in test.classes]  # "7 - seven" as 7
    loader = data.DataLoader(test, 500)

    plot.kernels(model.conv1.weight, file("kernels"))

    seven = int(np.flatnonzero(classes == 7)[0])
    outputs = training.layer_outputs(model, mc.stack([test[seven][0]]), ["act1", "act2"])
    plot.feature_maps(outputs["act1"][0], file("maps_conv1"))
    plot.feature_maps(outputs["act2"][0], file("maps_conv2"))

    chosen = first_of_each(classes)
    inputs = mc.stack([test[i][0] for i in chosen])
    model.eval()
    with mc.no_grad():
        read = model(inputs).argmax(1).tolist()
    captions = [
        f"{names[classes[i]]} read as {names[r]}" for i, r in zip(chosen, read, strict=True)
    ]
    maps = training.grad_cam(model, inputs, "act2", read)
    plot.heat_maps(images[chosen], maps, captions, file("grad_cam"))

    vectors = training.features(model, loader)
    some = chosen[:6]
    others = np.setdiff1d(np.arange(len(images)), some)  # an image is nearest to itself
    indices, distances = training.nearest(vectors[others], vectors[some], k=8)
    plot.neighbours(
        images[some], images[others], indices, distances, classes[some], classes[others], names,
        file("similar"),
    )  # fmt: skip

    found = training.principal_components(vectors, k=2)
    plot.points(found.points, classes, names, found.explained, file("features"))
    return float((classes[others][indices] == classes[some][:, None]).mean())


def main(argv=None):
    arguments = parse_arguments(argv)
    console = Console(soft_wrap=True)
    test = data.BundledMNIST(train=False, transform=TO_INPUT)
    try:
        model = trained(arguments, console)
        arguments.out.mkdir(parents=True, exist_ok=True)
        accuracy = training.evaluate(model, data.DataLoader(test, 500)).accuracy
        console.print(f"test accuracy {accuracy:.4f}", highlight=False)
        shared = look(model, test, lambda name: arguments.out / f"{arguments.prefix}{name}.png")
        console.print(f"{shared:.0%} of the similar images shown are of the query's class")
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    console.print(f"pictures are in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
