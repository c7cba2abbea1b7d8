"""Averaging at test time: ten crops of each image, and five networks.

    python benchmarks/claims/averaging.py --data-dir /usr

Fifteen small AlexNets that differ in their seed make three ensembles of five. Each is tested on the
images as they are, and on ten crops: of the image with a border of two pixels its corners and its
centre, and their mirror images. What is averaged is probabilities.
"""

import json
import zlib
from functools import partial

import experiment
import learning
import machine
import numpy as np
import small_alexnet
from drawing import dots

import minicnn as mc
from minicnn import data, training
from minicnn.data import transforms as T
from minicnn.nn import functional as F
from minicnn.serialization import atomic_write

CLAIM = (
    "averaging the predictions for ten crops, and those of five networks, lowers the error (on "
    "ImageNet ten crops by 1.5 points, five networks by 1.8 points top-1)"
)
MEMBERS = 5
KINDS = {
    "one network": ("single", "test_error"),
    "one network, ten crops": ("single", "ten_crop_error"),
    "five networks": ("ensemble", "test_error"),
    "five networks, ten crops": ("ensemble", "ten_crop_error"),
}


def main(argv=None):
    options = experiment.arguments(__doc__, seeds=3, argv=argv, epochs=10, images=3_000)
    runs = experiment.Runs("averaging", options)
    found = []
    for group in range(options.seeds):
        seeds = range(group * MEMBERS, (group + 1) * MEMBERS)
        each = [settings_of(options, seed) for seed in seeds]
        networks = Networks(options.data_dir, runs.work)
        single = [runs.run(one, networks.alone) for one in each]
        together = {**each[0], "seed": list(seeds)}
        ensemble = runs.run(together, partial(networks.together, each))
        if ensemble and all(single):
            # The members of an ensemble count as one measurement: their mean.
            mean = {name: float(np.mean([r[name] for r in single])) for name in ensemble}
            found.append({"single": mean, "ensemble": ensemble})
    text, figure = report(found)
    command = "python benchmarks/claims/averaging.py --data-dir /usr"
    runs.write("Ten crops, and ensembles of five", CLAIM, text, command, figure)


def settings_of(options, seed):
    return {
        **small_alexnet.RECIPE, "augmentation": True, "images": options.images,
        "epochs": options.epochs, "seed": seed,
    }  # fmt: skip


class Networks:
    """Trained networks' probabilities for the test images, which are kept in files."""

    def __init__(self, root, folder):
        self.root, self.folder = root, folder

    def alone(self, settings, checkpoint):
        return self._errors(*self._probabilities(settings, checkpoint))

    def together(self, each, settings, checkpoint):
        # What `training.Ensemble` computes; but each network has seen the images already.
        found = [self._probabilities(one, checkpoint) for one in each]
        return self._errors(*(np.mean(some, axis=0) for some in zip(*found, strict=True)))

    def _errors(self, plain, crops):
        labels = learning.fashion(self.root, False).tensors[1].numpy()
        return {
            "test_error": float((plain.argmax(1) != labels).mean()),
            "ten_crop_error": float((crops.argmax(1) != labels).mean()),
        }

    def _probabilities(self, settings, checkpoint):
        """Two arrays (images, 10): for the images as they are, and averaged over ten crops."""
        key = f"{zlib.crc32(json.dumps(settings, sort_keys=True).encode()):08x}"
        path = self.folder / f"averaging-{machine.sources_commit()}-{key}.npz"
        if not path.exists():
            network, _ = small_alexnet.train(self.root, settings, checkpoint)
            test = learning.fashion(self.root, False)
            found = {"plain": probabilities(network, test), "crops": ten_crops(network, test)}
            with atomic_write(path, "averaging") as file:
                np.savez(file, **found)
        with np.load(path) as kept:
            return kept["plain"], kept["crops"]


@mc.no_grad()
def probabilities(network, dataset):
    network.eval()
    loader = data.DataLoader(dataset, 500)
    return np.concatenate([network(images).softmax(1).numpy() for images, _ in loader])


@mc.no_grad()
def ten_crops(network, dataset):
    averaged = training.CropAverage(network).eval()
    crops = T.TenCrop(28)
    found = []
    for images, _ in data.DataLoader(dataset, 100):
        wide = F.pad(images, (2, 2, 2, 2), value=-learning.MEAN / learning.STD)
        found.append(averaged(mc.stack(crops(wide), 1)).exp().numpy())
    return np.concatenate(found)


def report(found):
    values = {name: [r[whose][what] for r in found] for name, (whose, what) in KINDS.items()}
    base = values["one network"]
    rows = []
    for name, some in values.items():
        fewer = [a - b for a, b in zip(some, base, strict=True)]
        change = "" if some is base else experiment.signed_percent(fewer)
        rows.append([name, experiment.percent(some), change])
    text = experiment.table(["tested", "test error, %", "change"], rows)
    text += (
        f"\n\nMeans ± 95 % interval over {len(found)} ensembles that share no network; one network "
        "is the mean of the five of an ensemble. Changes in points, ensemble by ensemble."
    )
    return text, dots({k: [100 * v for v in some] for k, some in values.items()}, "test error, %")


if __name__ == "__main__":
    main()
