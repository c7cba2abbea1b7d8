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

import minicnn as mc
from minicnn import data
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
NEIGHBOURS = 5
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
    some = learning.fashion(root, True, settings["images"])
    near = {
        "near_features": near_alike(vectors(network, some), vectors(network, test), some, test),
        "near_pixels": near_alike(pixels(some), pixels(test), some, test),
    }
    return {"test_error": 1 - top[1], "test_top2_error": 1 - top[2], **near}


@mc.no_grad()
def vectors(network, dataset):
    """The second hidden layer's output for all images: (N, 128)."""
    network.eval()
    loader = data.DataLoader(dataset, 500)
    return np.concatenate([network.second_hidden(images).numpy() for images, _ in loader])


def pixels(dataset):
    images = dataset.tensors[0].numpy()
    return images.reshape(len(images), -1)


def near_alike(known, asked, known_set, asked_set):
    """How many of the nearest images, by Euclidean distance, are of the same class: a share."""
    labels, wanted = (s.tensors[1].numpy() for s in (known_set, asked_set))
    alike = 0
    for start in range(0, len(asked), 1000):
        part = asked[start : start + 1000]
        # |a − b|² without |a|², which is the same for all b.
        distances = (known**2).sum(1) - 2 * part @ known.T
        nearest = np.argpartition(distances, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        alike += int((labels[nearest] == wanted[start : start + 1000, None]).sum())
    return alike / (len(asked) * NEIGHBOURS)


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
