"""The data of the claims, and how their networks are trained."""

from experiment import CONSOLE, with_interval

import minicnn as mc
from minicnn import data, nn, optim, training
from minicnn.data import transforms as T

MEAN, STD = 0.2860, 0.3530  # of Fashion-MNIST's training images


def fashion(root, train=True, images=None, mean=MEAN, std=STD):
    """Images (N, 1, 28, 28) of Fashion-MNIST, standardised, and their labels: a `TensorDataset`.

    Args:
        root: where the files are.
        train: the training images; False: the test images.
        images: only so many, the first ones.
    """
    whole = data.FashionMNIST(root, train)
    pixels, labels = whole.data[:images], whole.targets[:images]
    return data.TensorDataset(((pixels.float() / 255 - mean) / std).unsqueeze(1), labels)


class Varied(data.Dataset):
    """The samples of a `TensorDataset`, each image transformed."""

    def __init__(self, dataset, transform):
        self.dataset, self.transform = dataset, transform

    def __getitem__(self, index):
        image, label = self.dataset[index]
        return self.transform(image), label

    def __len__(self):
        return len(self.dataset)


def moved_and_mirrored(padding=2):
    """The usual augmentation of small images: moved by up to `padding` pixels, and mirrored."""
    # Images are standardised: the border's value is that of a black pixel.
    return T.Compose(
        [T.RandomCrop(28, padding=padding, fill=-MEAN / STD), T.RandomHorizontalFlip()]
    )


def learn(network, train_set, settings, checkpoint, *, callbacks=(), groups=None):
    """Train a network with SGD; the figures of each epoch.

    Args:
        network: built after ``mc.manual_seed(settings["seed"])``.
        train_set: a data set.
        settings: epochs, batch_size, lr, seed; momentum (0.9), weight_decay (0), schedule
            (``"constant"``, or ``"one-cycle"``: up for a quarter of the run and down to 0).
        checkpoint: where the run is saved now and then, and goes on from; None: nowhere.
        groups: parameter groups; default: one of all parameters.

    Returns:
        A list with a dictionary for each epoch.
    """
    # An order of its own: that of another network with the same seed is the same.
    order = mc.Generator(settings["seed"])
    loader = data.DataLoader(train_set, settings["batch_size"], shuffle=True, generator=order)
    sgd = optim.SGD(
        groups or network.parameters(),
        lr=settings["lr"],
        momentum=settings.get("momentum", 0.9),
        weight_decay=settings.get("weight_decay", 0.0),
    )
    schedule = None
    if settings.get("schedule") == "one-cycle":
        steps = settings["epochs"] * len(loader)
        schedule = optim.lr_scheduler.OneCycleLR(
            sgd, settings["lr"], total_steps=steps, pct_start=0.25, cycle_momentum=False
        )
    watching = [training.TrainingMetrics(), *callbacks]
    if CONSOLE.is_terminal:
        watching.append(training.Progress(CONSOLE))
    if checkpoint is not None:
        watching.append(training.Checkpoints(checkpoint, every_seconds=30))
    smoothing = settings.get("label_smoothing", 0.0)
    run = training.fit(
        network, loader, nn.CrossEntropyLoss(label_smoothing=smoothing), sgd, settings["epochs"],
        scheduler=schedule, step_scheduler="step", callbacks=watching,
    )  # fmt: skip
    if run.stopped:
        raise SystemExit(f"{run.stopped}; the same command goes on")
    return [{k: v for k, v in epoch.items() if k != "images_per_second"} for epoch in run.history]


def test_accuracy(network, test_set, top=(1,)):
    """The share of right answers, or those for each k in `top`."""
    found = training.evaluate(network, data.DataLoader(test_set, 500), top=top).top
    return found[1] if top == (1,) else {k: found[k] for k in top}


def epochs_until(history, name, level):
    """After how many epochs a falling figure reached `level`; None if it did not.

    The figure of an epoch is a mean over it, and so counts as that of its middle; in between it is
    taken to fall in a straight line.
    """
    before = None
    for figures in history:
        here = figures["epoch"] - 0.5, figures[name]
        if here[1] <= level:
            if before is None or before[1] == here[1]:
                return here[0]
            share = (before[1] - level) / (before[1] - here[1])
            return before[0] + share * (here[0] - before[0])
        before = here
    return None


def reached(epochs):
    """A table's cell for what `epochs_until` found for each seed."""
    there = [value for value in epochs if value is not None]
    if len(there) < len(epochs):
        return f"not reached by {len(epochs) - len(there)} of {len(epochs)} seeds"
    return with_interval(there)


def best_rate(by_rate):
    """The learning rate with the fewest epochs; of those with which all seeds got there."""
    means = {r: sum(some) / len(some) for r, some in by_rate.items() if None not in some}
    return min(means, key=means.get) if means else None
