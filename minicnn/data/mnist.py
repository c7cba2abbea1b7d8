"""MNIST and the data sets made in its image: 28 × 28 grey pixels, ten classes."""

import os
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.data.download import fetch
from minicnn.data.idx import read_idx
from minicnn.data.labelled_images import LabelledImages
from minicnn.serialization.atomic import as_path


class MissingFilesError(FileNotFoundError, RuntimeError):
    """The files of a data set are not where they were looked for.

    minicnn's own, a FileNotFoundError and a RuntimeError, as which PyTorch's data sets say the
    same.
    """


class MNIST(LabelledImages):
    """The MNIST handwritten digits: 60,000 for training, 10,000 for testing.

    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, and the same with
    ``t10k`` for ``train``; plain or as ``.gz``. They are looked for in ``root/MNIST/raw``, in
    ``root/mnist``, ``root/datasets/mnist`` and ``root/share/datasets/mnist``, and in ``root``.


    Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

    As ``torchvision.datasets.MNIST``.

    Args:
        root: the folder to look in.
        train: the training images; False: the test images.
        transform: called with each image, a uint8 array of shape (28, 28) with 0 for background
            and 255 for ink; its result takes the image's place.
        target_transform: the same for the label, an int from 0 to 9.
        download: fetch the files into ``root/MNIST/raw`` if they are not there.

    Attributes:
        data: the images, a uint8 tensor of shape (N, 28, 28).
        targets: the labels, an int64 tensor of shape (N,).
        classes, class_to_idx: the names of the classes, and their numbers by name.

    Raises:
        MissingFilesError: no files; the message says what to put where.
        DownloadError: no mirror gave the files.
        ArgumentError, ShapeError, IndexRangeError: a damaged file, images and labels swapped, not
            as many images as labels, or a label outside 0 … 9.
        DtypeError: `root` is not a path.

    >>> MNIST("no such folder")
    Traceback (most recent call last):
      ...
    minicnn.data.mnist.MissingFilesError: MNIST: found no train-images-idx3-ubyte ...
    """

    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://yann.lecun.com/exdb/mnist/",
    )
    # File names with their MD5 checksums.
    resources = (
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    )
    classes = (
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    )
    # The folder under which packages put the files, and what to try where there are none.
    _package_folder = "mnist"
    _hint = "BundledMNIST() needs no files: it is 10,000 of these digits, part of minicnn"

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        self.root, self.train = os.path.expanduser(as_path(type(self).__name__, root)), bool(train)
        if download:
            self.download()
        images_path, labels_path = self._find(self.train)
        images = _read_images(type(self).__name__, images_path)
        labels = _read_labels(type(self).__name__, labels_path)
        super().__init__(images, labels, transform, target_transform)

    @property
    def raw_folder(self):
        """Where downloaded files are put."""
        return os.path.join(self.root, type(self).__name__, "raw")

    def _folders(self):
        # Folders that carry the data set's name come first: MNIST and Fashion-MNIST call their
        # files the same, so that root itself may hold either.
        root, name = Path(self.root), self._package_folder
        return [
            Path(self.raw_folder),
            root / name,
            root / "datasets" / name,
            root / "share" / "datasets" / name,
            root,
        ]

    def _find(self, train):
        """The paths of the images and of the labels."""
        part = "train" if train else "t10k"
        names = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
        incomplete = ""
        for folder in self._folders():
            paths = [_plain_or_packed(folder / name) for name in names]
            if all(paths):
                return paths
            if any(paths):
                there, missing = names if paths[0] else names[::-1]
                incomplete += f" {folder} has {there} but not {missing}."
        raise MissingFilesError(
            f"{type(self).__name__}: found no {names[0]} with {names[1]} (plain or .gz) in "
            f"{', '.join(str(folder) for folder in self._folders())}.{incomplete} "
            f"{self._what_to_do()}"
        )

    def _what_to_do(self):
        listed = ", ".join(name for name, _ in self.resources)
        return (
            f"Put {listed} into {self.raw_folder}, or fetch them with download=True. {self._hint}"
        )

    def download(self):
        """Fetch the files that are missing into `raw_folder`."""
        try:
            self._find(True), self._find(False)
            return
        except MissingFilesError:
            pass
        os.makedirs(self.raw_folder, exist_ok=True)
        for name, md5 in self.resources:
            path = Path(self.raw_folder, name)
            if not _plain_or_packed(path.with_suffix("")):
                urls = [mirror + name for mirror in self.mirrors]
                fetch(urls, path, md5, self._what_to_do())


class FashionMNIST(MNIST):
    """Fashion-MNIST: Zalando's pictures of clothes, 60,000 for training, 10,000 for testing.

    As `MNIST`, in every respect; the folders are ``root/FashionMNIST/raw``, ``root/fashion-mnist``,
    ``root/datasets/fashion-mnist``, ``root/share/datasets/fashion-mnist``, and ``root``. So
    ``FashionMNIST("/usr")`` finds the files of Debian's package ``dataset-fashion-mnist``.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", 2017.

    Args:
        train: the training images; False: the test images.
        transform: called with each image, a uint8 array (28, 28).
        target_transform: the same for the label, an int.
        download: fetch the files if they are not there.

    Raises:
        MissingFilesError: no files; the message says what to put where.
        DownloadError: no mirror gave the files.
        ArgumentError, ShapeError, IndexRangeError: a damaged file, as for `MNIST`.
        DtypeError: `root` is not a path.

    >>> FashionMNIST.classes[9]
    'Ankle boot'
    """

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    resources = (
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    )
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    _package_folder = "fashion-mnist"
    _hint = (
        "Debian's package dataset-fashion-mnist has the files too, and root='/usr' finds them "
        "there. BundledMNIST() needs no files: it is 10,000 handwritten digits, part of minicnn"
    )


class BundledMNIST(LabelledImages):
    """8,000 digits of MNIST for training and 2,000 for testing, which come with minicnn.

    They are the first 10,000 images of MNIST's training set (Y. LeCun and C. Cortes, CC BY-SA 3.0;
    see ``minicnn/data/files/README.md``); nothing is fetched. Arguments and attributes as `MNIST`.

    minicnn's own.

    Args:
        train: the training images; False: the test images.
        transform: called with each image, a uint8 array (28, 28).
        target_transform: the same for the label, an int.

    Raises:
        DtypeError: a transform that cannot be called.
        IndexRangeError: (on access) the index is outside the data set.

    >>> digits = BundledMNIST()
    >>> image, label = digits[0]
    >>> digits, image.shape, label
    (BundledMNIST(8,000 images of 28 × 28), (28, 28), 6)
    """

    classes = MNIST.classes

    def __init__(self, train=True, transform=None, target_transform=None):
        self.train = bool(train)
        part = "train" if train else "test"
        packaged = files("minicnn.data") / "files" / "mnist_10k.npz"
        with as_file(packaged) as path, np.load(path) as arrays:
            images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        super().__init__(images, labels, transform, target_transform)


def _plain_or_packed(path):
    """`path`, or the same with .gz, if there is such a file; else None."""
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return candidate
    return None


def _read_images(name, path):
    images = read_idx(path)
    if images.ndim == 1:
        raise ArgumentError(
            f"{name}: expected images in {path}, shape (N, 28, 28); it holds {len(images):,} "
            "single numbers, like a file of labels. Are the two files swapped?"
        )
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ArgumentError(
            f"{name}: expected uint8 images of shape (N, 28, 28) in {path}, found {images.dtype} "
            f"of shape {images.shape}"
        )
    return images


def _read_labels(name, path):
    labels = read_idx(path)
    if labels.ndim == 3:
        raise ArgumentError(
            f"{name}: expected labels in {path}, shape (N,); it holds images, shape "
            f"{labels.shape}. Are the two files swapped?"
        )
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ArgumentError(
            f"{name}: expected uint8 labels of shape (N,) in {path}, found {labels.dtype} of shape "
            f"{labels.shape}"
        )
    return labels
