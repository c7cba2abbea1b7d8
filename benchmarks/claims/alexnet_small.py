"""Claims of the AlexNet paper in small: colour noise, a convolution less, near images.

    python benchmarks/claims/alexnet_small.py --data-dir /usr

Its other claims have scripts of their own: overlapping pooling is in ``ablation.py``, the average
of five networks in ``averaging.py``. Fashion-MNIST is grey: of PCA colour noise only the first
component is left, the same number added to all pixels of an image.
"""

import math

import experiment
import learning
import numpy as np
import small_alexnet
from drawing import dots

from minicnn import data, training
from minicnn.data import transforms as T
from minicnn.data.sample_random import generator

CLAIM = (
    "PCA colour noise lowers the top-1 error by about 1 point; leaving out a convolution raises it "
    "(there by about 2 points); images whose vectors in the second hidden layer are near are alike"
)
VARIANTS = {
    "as it is": {},
    "with PCA noise": {"noise": True},
    "without conv3": {"without": 3},
    "without conv5": {"without": 5},
}
NEIGHBOURS, ASKED = 5, 1000
ERRORS = ("test_error", "test_top2_error")


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=10, images=3_000)
    runs = experiment.Runs("alexnet_small", options)
    found = {name: [] for name in VARIANTS}
    for seed in range(options.seeds):
        for name, changes in VARIANTS.items():
            settings = {
                "noise": False, "without": None, **changes, **small_alexnet.RECIPE,
                "augmentation": True, "images": options.images, "epochs": options.epochs,
                "seed": seed,
            }  # fmt: skip
            figures = runs.run(settings, lambda *run: train(options.data_dir, *run))
            if figures:
                found[name].append(figures)
    text, figure = report({name: some for name, some in found.items() if some})
    command = "python benchmarks/claims/alexnet_small.py --data-dir /usr"
    runs.write("Claims of the AlexNet paper in small", CLAIM, text, command, figure)


class GreyLighting:
    """What `PCALighting` does to an image with three equal channels, for a standardised grey one.

    Of three equal channels of standard deviation s, the covariance has one eigenvalue above 0,
    λ = 3 s², with the eigenvector (1, 1, 1)/√3: each channel moves by α λ/√3 = α √3 s².
    """

    def __init__(self, std=0.1):
        self.std = std

    def __call__(self, image):
        alpha = generator().numpy.normal(0, self.std)
        return image + alpha * math.sqrt(3) * learning.STD**2 / learning.STD


def train(root, settings, checkpoint):
    transform = learning.moved_and_mirrored()
    if settings["noise"]:
        transform = T.Compose([transform, GreyLighting()])
    network, _ = small_alexnet.train(
        root, settings, checkpoint, transform, without=settings["without"]
    )
    test = learning.fashion(root, False)
    top = learning.test_accuracy(network, test, top=(1, 2))
    known = learning.fashion(root, True, settings["images"])
    asked = data.Subset(test, range(min(ASKED, len(test))))
    near = {
        "near_features": near_alike(known, asked, lambda part: vectors(network, part)),
        "near_pixels": near_alike(known, asked, pixels),
    }
    return {"test_error": 1 - top[1], "test_top2_error": 1 - top[2], **near}


def vectors(network, dataset):
    """What the last layer, fc8, sees: the second hidden layer's output, (N, 128)."""
    return training.features(network, data.DataLoader(dataset, 500), "fc8")


def pixels(dataset):
    return np.concatenate([x.flatten(1).numpy() for x, _ in data.DataLoader(dataset, 500)])


def near_alike(known, asked, describe):
    """How many of the images `known` that are nearest to one of `asked` are of its class: a share.

    Near: by Euclidean distance of the vectors that `describe` makes of a data set.
    """
    nearest, _ = training.nearest(describe(known), describe(asked), NEIGHBOURS)
    labels, wanted = (np.array([int(y) for _, y in part]) for part in (known, asked))
    return float((labels[nearest] == wanted[:, None]).mean())


def report(found):
    base = found["as it is"]
    rows = []
    for name, some in found.items():
        row = [name, *(experiment.percent([r[c] for r in some]) for c in ERRORS)]
        pairs = list(zip(some, base, strict=False))
        for c in ERRORS:
            more = [r[c] - b[c] for r, b in pairs]
            row.append("" if some is base else experiment.signed_percent(more))
        rows.append(row)
    header = ["network", "test top-1, %", "test top-2, %", "change top-1", "change top-2"]
    text = experiment.table(header, rows)
    text += (
        "\n\nErrors in percent, means ± 95 % interval; changes in points, seed by seed. Of the "
        f"{NEIGHBOURS} training images that are nearest to a test image, by Euclidean distance, of "
        "the same class: by vectors of the second hidden layer "
        f"{experiment.percent([r['near_features'] for r in base])} %, by pixels "
        f"{base[0]['near_pixels']:.2%}."
    )
    first = [100 * r["test_error"] for r in base]
    figure = dots(
        {name: [100 * r["test_error"] for r in some] for name, some in found.items()},
        "test error, %",
        note=sum(first) / len(first),
    )
    return text, figure


if __name__ == "__main__":
    main()
