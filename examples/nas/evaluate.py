"""How good is a cell? Train its network for a fixed number of images and see.

The currency of the whole comparison is one *training image seen*: an image that went forward and
backward to change something, weights or architecture, whichever method wanted it. Images that are
only looked at (validation, test) cost nothing, for anyone.

    training     7,000 images: weights (and, in DARTS, the architecture)
    validation   1,000 images, taken from the same file: every choice between cells
    test         2,000 images: looked at once, when all searches are over

They are the bundled digits or, from files, Fashion-MNIST; means of 2 × 2 pixels make them
14 × 14. Each batch is a fresh draw, so that a training has no epochs and can be of any length.
"""

from typing import NamedTuple

import numpy as np
from space import CellNetwork

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import data, optim

TRAINING_IMAGES, TEST_IMAGES, VALIDATION_SHARE = 8000, 2000, 1 / 8
BATCH_SIZE = 25
RECIPE = {"lr": 0.2, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True}


class Part(NamedTuple):
    """Images (N, 1, 14, 14), standardised, and their labels (N,)."""

    images: mc.Tensor
    labels: mc.Tensor

    def take(self, indices):
        """Those of the images with these numbers."""
        indices = np.asarray(indices)
        return Part(*(mc.from_numpy(t.array[indices]) for t in self))

    def batch(self, size, rng):
        """`size` different images, drawn at random."""
        return self.take(rng.choice(len(self.labels), min(size, len(self.labels)), replace=False))


class Parts(NamedTuple):
    """What the images are divided into."""

    name: str
    training: Part
    validation: Part
    test: Part


def load_parts(data_dir=None):
    """The bundled digits, or Fashion-MNIST from its files in `data_dir`; always the same division.

    Raises:
        MissingFilesError: no such files there.
    """
    if data_dir is None:
        name, whole, test = "digits", data.BundledMNIST(), data.BundledMNIST(train=False)
    else:
        name = "fashion-mnist"
        whole, test = data.FashionMNIST(data_dir), data.FashionMNIST(data_dir, train=False)
    images, labels = _halved(whole, TRAINING_IMAGES)
    mean, std = images.mean(), images.std()
    whole = Part(mc.from_numpy((images - mean) / std), mc.from_numpy(labels))
    images, labels = _halved(test, TEST_IMAGES)
    test = Part(mc.from_numpy((images - mean) / std), mc.from_numpy(labels))
    training, validation = data.stratified_split(
        whole.labels, VALIDATION_SHARE, generator=mc.Generator(0)
    )
    return Parts(name, whole.take(training.indices), whole.take(validation.indices), test)


def _halved(dataset, count):
    """The first `count` images, at half their height and width, and their labels."""
    images = mc.from_numpy(dataset.data.array[:count]).float().unsqueeze(1) / 255
    return F.avg_pool2d(images, 2).array, dataset.targets.array[:count]


def train(model, part, images, seed, recipe=RECIPE):
    """Train `model` until it has seen `images` images; the rate falls along a cosine to 0.

    Args:
        model: a network for images (N, 1, 14, 14).
        part: the images to draw from.
        images: how many to see; whole batches are taken, as many as fit, at least one.
        seed: for the draws.

    Returns:
        The number of images seen.
    """
    rng = np.random.default_rng(seed)
    steps = max(1, images // BATCH_SIZE)
    optimizer = optim.SGD(model.parameters(), **recipe)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    model.train()
    for _ in range(steps):
        x, y = part.batch(BATCH_SIZE, rng)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        scheduler.step()
    return steps * BATCH_SIZE


@mc.no_grad()
def accuracy(model, part, batch_size=250):
    """The share of a part's images that `model` gives its highest score to the right class."""
    model.eval()
    right = 0
    for start in range(0, len(part.labels), batch_size):
        stop = start + batch_size
        found = model(part.images[start:stop]).argmax(1)
        right += int((found == part.labels[start:stop]).sum())
    return right / len(part.labels)


def trained(cell, parts, images, seed, network=CellNetwork):
    """The network of `cell`, with weights that belong to `seed`, trained on `images` images."""
    mc.manual_seed(seed)
    model = network(cell)
    train(model, parts.training, images, seed)
    return model


def evaluate(cell, parts, images, seed):
    """The accuracy on the validation images, after a training on `images` images."""
    return accuracy(trained(cell, parts, images, seed), parts.validation)


def count_weights(cell):
    """How many numbers the network of `cell` learns."""
    return sum(p.numel() for p in CellNetwork(cell).parameters())
