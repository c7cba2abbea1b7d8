"""CIFAR-10 and CIFAR-100: photographs of 32 × 32 pixels."""

import hashlib
import os
import shutil
import tarfile
from pathlib import Path

import numpy as np

from minicnn.data.cifar_files import read_batch
from minicnn.data.download import DownloadError, fetch
from minicnn.data.labelled_images import LabelledImages
from minicnn.data.mnist import MissingFilesError
from minicnn.serialization.atomic import as_path, atomic_write

_FINE_CLASSES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus "
    "butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach "
    "couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house "
    "kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle "
    "mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck "
    "pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal "
    "shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper "
    "table tank telephone television tiger tractor train trout tulip turtle wardrobe whale "
    "willow_tree wolf woman worm"
)


class CIFAR10(LabelledImages):
    """CIFAR-10: photographs of ten kinds of things, 50,000 for training, 10,000 for testing.

    The files are those of the "python version", ``data_batch_1`` … ``data_batch_5`` and
    ``test_batch``, in ``root/cifar-10-batches-py`` (where torchvision puts them, too) or in `root`.
    They are pickles, which are read without executing anything in them.


    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Args:
        root: the folder to look in.
        train: the training images; False: the test images.
        transform: called with each image, a uint8 array of shape (32, 32, 3), red, green, blue; its
            result takes the image's place. (torchvision gives PIL images; ``ToPILImage()`` makes
            one.)
        target_transform: the same for the label, an int.
        download: fetch the files into ``root`` if they are not there: 163 MiB.

    Attributes:
        data: the images, a uint8 tensor of shape (N, 32, 32, 3).
        targets: the labels, an int64 tensor of shape (N,).
        classes, class_to_idx: the names of the classes, and their numbers by name.

    Raises:
        MissingFilesError: no files; the message says what to put where.
        DownloadError: the archive could not be fetched, or is damaged.
        ArgumentError, ShapeError, IndexRangeError: a damaged file, or a label that is no class.
        DtypeError: `root` is not a path.

    >>> CIFAR10("no such folder")
    Traceback (most recent call last):
      ...
    minicnn.data.mnist.MissingFilesError: CIFAR10: found no data_batch_1, ...
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = tuple(f"data_batch_{i}" for i in range(1, 6))
    test_list = ("test_batch",)
    classes = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    _labels_key = "labels"

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        self.root, self.train = os.path.expanduser(as_path(type(self).__name__, root)), bool(train)
        if download:
            self.download()
        name = type(self).__name__
        parts = [read_batch(name, path, self._labels_key) for path in self._find(self.train)]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        super().__init__(images, labels, transform, target_transform)

    def _folders(self):
        return [Path(self.root, self.base_folder), Path(self.root)]

    def _find(self, train):
        """The paths of the files."""
        names = self.train_list if train else self.test_list
        incomplete = ""
        for folder in self._folders():
            missing = [name for name in names if not (folder / name).is_file()]
            if not missing:
                return [folder / name for name in names]
            if len(missing) < len(names):
                incomplete += f" {folder} lacks {', '.join(missing)}."
        raise MissingFilesError(
            f"{type(self).__name__}: found no {', '.join(names)} in "
            f"{' or '.join(str(folder) for folder in self._folders())}.{incomplete} "
            f"{self._what_to_do()}"
        )

    def _what_to_do(self):
        return (
            f"Unpack {self.filename} (from {self.url}) in {self.root}, or fetch it with "
            "download=True. BundledMNIST() needs no files: it is 10,000 handwritten digits, part "
            "of minicnn"
        )

    def download(self):
        """Fetch the files that are missing into ``root``, and unpack them."""
        try:
            self._find(True), self._find(False)
            return
        except MissingFilesError:
            pass
        folder, archive = Path(self.root, self.base_folder), Path(self.root, self.filename)
        folder.mkdir(parents=True, exist_ok=True)
        if not archive.is_file() or _md5(archive) != self.tgz_md5:
            fetch([self.url], archive, self.tgz_md5, self._what_to_do())
        try:
            with tarfile.open(archive, "r:gz") as packed:
                # Only the files wanted, by name: an archive cannot put others anywhere.
                for name in (*self.train_list, *self.test_list):
                    source = packed.extractfile(f"{self.base_folder}/{name}")
                    with atomic_write(folder / name, type(self).__name__) as target:
                        shutil.copyfileobj(source, target)
        except (tarfile.TarError, KeyError, EOFError) as error:
            raise DownloadError(
                f"{type(self).__name__}: {archive} cannot be unpacked ({error}); delete it and try "
                "again"
            ) from None


def _md5(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class CIFAR100(CIFAR10):
    """CIFAR-100: a hundred kinds of things, 500 photographs of each for training, 100 for testing.

    As `CIFAR10`, in every respect; the files are ``train`` and ``test`` in
    ``root/cifar-100-python``, and the labels are the fine ones.

    As ``torchvision.datasets.CIFAR100``; Krizhevsky 2009.

    Args:
        root: the folder to look in.
        train: the training images; False: the test images.
        transform: called with each image, a uint8 array (32, 32, 3).
        target_transform: the same for the label, an int.
        download: fetch the files if they are not there.

    Raises:
        MissingFilesError: no files; the message says what to put where.
        DownloadError: no mirror gave the files.
        DtypeError: `root` is not a path.

    >>> CIFAR100.classes[:3], len(CIFAR100.classes)
    (('apple', 'aquarium_fish', 'baby'), 100)
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = ("train",)
    test_list = ("test",)
    classes = tuple(_FINE_CLASSES.split())
    _labels_key = "fine_labels"
