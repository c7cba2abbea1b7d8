"""Data sets that a command line names: ``digits``, ``fashion-mnist``, or a folder of images."""

import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from minicnn.checks import MissingPartError, closest
from minicnn.cli.command import Mistake

# Mean and standard deviation of the training images' channels, of pixels in 0 … 1.
STATISTICS = {
    "digits": ((0.1307,), (0.3081,)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion-mnist": ((0.2860,), (0.3530,)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}
PHOTOGRAPHS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's
AUGMENTATIONS = ("none", "shift", "flip", "shift+flip", "resized+flip")


@dataclass(frozen=True)
class Preprocessing:
    """From an image to what a network reads: channels, size, numbers around 0.

    Attributes:
        size: (height, width).
        mean, std: of the network's channels, one or three.
        augment: one of `AUGMENTATIONS`; "none" where a network is not trained.
    """

    size: tuple
    mean: tuple
    std: tuple
    augment: str = "none"

    def __post_init__(self):
        from minicnn.data import transforms as T

        size = tuple(self.size)
        # The shorter side fits; of the longer one the middle stays.
        steps = [T.Resize(max(size)), T.CenterCrop(size)]
        if self.augment.startswith("resized"):
            steps = [T.RandomResizedCrop(size)]
        if self.augment.startswith("shift"):
            steps.append(T.RandomCrop(size, padding=max(1, min(size) // 8)))
        if self.augment.endswith("flip"):
            steps.append(T.RandomHorizontalFlip())
        steps += [T.ToTensor(), T.Normalize(list(self.mean), list(self.std))]
        object.__setattr__(self, "_steps", T.Compose(steps))

    def __call__(self, image):
        """A tensor (C, H, W) of an image: uint8 (H, W) or (H, W, C), or of Pillow."""
        return self._steps(with_channels(image, len(self.mean)))

    def as_dict(self):
        return asdict(self)


def with_channels(image, channels):
    """The image, an array of uint8 or of Pillow, with one channel (grey) or three (RGB)."""
    if not isinstance(image, np.ndarray):
        return image.convert("L" if channels == 1 else "RGB")
    if image.ndim == 2:
        image = image[:, :, None]
    if channels == 1 and image.shape[2] == 3:
        # ITU-R 601, as Pillow's convert("L").
        grey = image @ np.array([0.299, 0.587, 0.114])
        return np.rint(grey).astype(np.uint8)[:, :, None]
    if channels == 3 and image.shape[2] == 1:
        return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)))
    return image


def preprocessing_for(name, channels, size, augment="none"):
    """The `Preprocessing` of a data set for a network of so many channels."""
    mean, std = STATISTICS.get(name, PHOTOGRAPHS)
    if channels == 3 and len(mean) == 1:
        mean, std = mean * 3, std * 3
    elif channels == 1 and len(mean) == 3:
        mean, std = (float(np.mean(mean)),), (float(np.mean(std)),)
    elif channels not in (1, 3):
        raise Mistake(f"the network reads {channels} channels; images have 1 (grey) or 3 (colour)")
    return Preprocessing(tuple(size), tuple(mean), tuple(std), augment)


def add_data_arguments(parser, default):
    """The arguments by which a command is told of a data set."""
    parser.add_argument(
        "--data", metavar="NAME|FOLDER",
        help=f"{', '.join(STATISTICS)}, or a folder with one folder of images for each class, or "
        f"with such folders called train, val and test (default: {default})",
    )  # fmt: skip
    parser.add_argument(
        "--data-dir", metavar="DIR",
        help="where the files of a named data set are (default: data, where they are downloaded)",
    )  # fmt: skip
    parser.add_argument(
        "--skip-corrupt", action="store_true", default=None,
        help="leave out images of a folder that cannot be read (default: stop, and name the first)",
    )  # fmt: skip


def load_part(options, part, transform):
    """One part ("train", "val" or "test") of a data set; None where it has no such part.

    Args:
        options: a dictionary with "data", "data_dir" and "skip_corrupt".
        part, transform: which part; what its images go through.
    """
    from minicnn import data

    name, data_dir, train = options["data"], options["data_dir"], part == "train"
    if name in STATISTICS and part == "val":
        return None
    if name == "digits":
        return data.BundledMNIST(train, transform)
    kinds = {
        "mnist": "MNIST", "fashion-mnist": "FashionMNIST", "cifar10": "CIFAR10",
        "cifar100": "CIFAR100",
    }  # fmt: skip
    if name in kinds:
        kind = getattr(data, kinds[name])
        return kind(data_dir or "data", train, transform, download=data_dir is None)
    return _folder(Path(name), part, transform, "skip" if options["skip_corrupt"] else "raise")


def _folder(folder, part, transform, corrupt):
    from minicnn import data

    if not folder.is_dir():
        raise Mistake(
            f"there is no data set and no folder called {str(folder)!r}"
            f"{closest(folder, STATISTICS)}; data sets are {', '.join(STATISTICS)}"
        )
    parts = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}[part]
    found = [folder / p for p in parts if (folder / p).is_dir()]
    if not found and part == "train":
        found = [folder]
    if not found:
        return None
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        images = data.ImageFolder(str(found[0]), transform=transform, corrupt=corrupt)
    for warning in noted:
        print(f"note: {warning.message}", file=sys.stderr)
    return images


def read_image(path):
    """An image file as an image of Pillow, turned as the camera was."""
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        raise MissingPartError(
            'reading images needs Pillow; install it with: pip install "minicnn[examples]"'
        ) from error
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise Mistake(f"there is no file {path}") from None
    except IsADirectoryError:
        raise Mistake(f"{path} is a folder; name its images: {path}/*") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise Mistake(f"{path} cannot be read as an image: {error}") from error
