"""Images in folders, one folder a class."""

import os
import sys
import warnings
from pathlib import Path

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, MissingPartError, one_of
from minicnn.data.arguments import checked_flag, checked_function
from minicnn.data.datasets import Dataset
from minicnn.serialization.atomic import as_path

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class CorruptImageError(OSError, RuntimeError):
    """A file that cannot be read as an image.

    minicnn's own; also a ValueError.
    """


def pil_loader(path):
    """The image in the file `path`, as a PIL image of mode RGB.

    Raises:
        MissingPartError: Pillow is not installed.
        OSError, SyntaxError, ValueError: Pillow cannot read the file.
    """
    try:
        from PIL import Image
    except ImportError:
        raise MissingPartError(
            'ImageFolder: reading images needs Pillow; pip install "minicnn[examples]"'
        ) from None
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


class DatasetFolder(Dataset):
    """Files in folders: ``root/class_x/a.ext``, ``root/class_x/more/b.ext``, ``root/class_y/c.ext``

    Args:
        root: the folder of the classes' folders.
        loader: makes a sample of a file's path.
        extensions: which files count, by the ends of their names, such as ``(".jpg", ".png")``.
        transform: called with each sample; its result takes the sample's place.
        target_transform: the same for the label, an int.
        is_valid_file: which files count, a function of the path; instead of `extensions`.
        allow_empty: take folders without such a file as classes, too.
        corrupt: minicnn's own. ``"raise"``: a file that `loader` cannot read raises an error that
            names it, when it is asked for. ``"skip"``: all files are read once now, and those that
            cannot be are left out, with a warning that names them.

    Attributes:
        classes: the names of the folders, in alphabetical order; class_to_idx: their numbers.
        samples: a list of (path, label); targets: the labels alone.
        skipped: the paths of the files that were left out.

    Raises:
        FileNotFoundError: no such folder, no folders in it, or a class without files (its name is
            in the message).
        ArgumentError: both `extensions` and `is_valid_file`, or neither.
        CorruptImageError: (on access) a file cannot be read.
        IndexRangeError: (on access) the index is outside the data set.
        DtypeError: `root` is not a path.

    >>> import tempfile
    >>> from pathlib import Path
    >>> root = Path(tempfile.mkdtemp())
    >>> for name in ("a/1.txt", "b/2.txt", "b/3.txt"):
    ...     (root / name).parent.mkdir(exist_ok=True)
    ...     _ = (root / name).write_text(name)
    >>> found = DatasetFolder(root, lambda path: Path(path).read_text(), extensions=(".txt",))
    >>> found.classes, found.targets, found[2]
    (['a', 'b'], [0, 1, 1], ('b/3.txt', 1))
    """

    def __init__(
        self,
        root,
        loader,
        extensions=None,
        transform=None,
        target_transform=None,
        is_valid_file=None,
        allow_empty=False,
        *,
        corrupt="raise",
    ):
        name = type(self).__name__
        self.root = os.path.expanduser(as_path(type(self).__name__, root))
        self.loader = checked_function(name, "loader", loader)
        if (extensions is None) == (is_valid_file is None):
            raise ArgumentError(f"{name}: give either extensions or is_valid_file")
        for argument, function in (
            ("transform", transform),
            ("target_transform", target_transform),
            ("is_valid_file", is_valid_file),
        ):
            if function is not None:
                checked_function(name, argument, function)
        self.extensions = (extensions,) if isinstance(extensions, str) else extensions
        self.transform, self.target_transform = transform, target_transform
        self._is_valid_file = is_valid_file
        checked_flag(name, "allow_empty", allow_empty)
        one_of(name, "corrupt", corrupt, ("raise", "skip"))
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = self._find_samples()
        self._refuse_empty_classes(allow_empty)
        self.skipped = []
        if corrupt == "skip":
            self._leave_out_corrupt()
            self._refuse_empty_classes(allow_empty)
        self.targets = [label for _, label in self.samples]

    def find_classes(self, directory):
        """The names of the classes, and their numbers by name; a subclass may choose others."""
        if not os.path.isdir(directory):
            raise FileNotFoundError(
                f"{type(self).__name__}: there is no folder {directory} (that is "
                f"{os.path.abspath(directory)})"
            )
        classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        if not classes:
            raise FileNotFoundError(
                f"{type(self).__name__}: found no folders in {directory}; expected one for each "
                "class, with its files in it"
            )
        return classes, {name: i for i, name in enumerate(classes)}

    def _counts(self, path):
        if self._is_valid_file is not None:
            return self._is_valid_file(path)
        return path.lower().endswith(tuple(extension.lower() for extension in self.extensions))

    def _find_samples(self):
        found = []
        for name, label in sorted(self.class_to_idx.items()):
            for folder, _, files in sorted(os.walk(Path(self.root, name), followlinks=True)):
                paths = (os.path.join(folder, file) for file in sorted(files))
                found += [(path, label) for path in paths if self._counts(path)]
        return found

    def _refuse_empty_classes(self, allow_empty):
        there = {label for _, label in self.samples}
        empty = sorted(name for name, label in self.class_to_idx.items() if label not in there)
        if empty and not allow_empty:
            ends = f" that end in {', '.join(self.extensions)}" if self.extensions else ""
            raise FileNotFoundError(
                f"{type(self).__name__}: there are no files{ends} in the folders of "
                f"{len(empty)} of {len(self.class_to_idx)} classes: {_some(empty)}. "
                "allow_empty=True takes them as classes without images"
            )

    def _leave_out_corrupt(self):
        from rich.console import Console
        from rich.progress import track

        sound = []
        for path, label in track(
            self.samples,
            f"Reading {self.root}",
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        ):
            try:
                self._load(path)
            except CorruptImageError:
                self.skipped.append(path)
            else:
                sound.append((path, label))
        self.samples = sound
        if self.skipped:
            warnings.warn(
                f"{type(self).__name__}: left out {len(self.skipped)} of "
                f"{len(self.skipped) + len(sound)} files, which cannot be read: "
                f"{_some(self.skipped)}",
                stacklevel=4,
            )

    def _load(self, path):
        try:
            return self.loader(path)
        except (MissingPartError, MemoryError):
            raise
        except Exception as error:  # Pillow's plugins raise what they like
            reason = f"{type(error).__name__}: {error}"
            raise CorruptImageError(
                f"{type(self).__name__}: cannot read {path} ({reason}). Delete or replace it; or "
                f"{type(self).__name__}(…, corrupt='skip') leaves out what cannot be read"
            ) from error

    def __getitem__(self, index):
        if not hasattr(index, "__index__"):
            raise DtypeError(
                f"{type(self).__name__}: an index must be an integer, got {type(index).__name__}"
            )
        index = index.__index__()
        if not -len(self) <= index < len(self):
            raise IndexRangeError(
                f"{type(self).__name__}: index {index} is out of range for {len(self):,} files"
            )
        path, label = self.samples[index]
        sample = self._load(path)
        if self.transform is not None:
            sample = self.transform(sample)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return sample, label

    def __len__(self):
        return len(self.samples)

    def __repr__(self):
        return f"{type(self).__name__}({len(self):,} files of {len(self.classes)} classes)"


class ImageFolder(DatasetFolder):
    """Images in folders: ``root/dog/a.png``, ``root/dog/more/b.jpg``, ``root/cat/c.png``.

    A sample is (image, label); the image is a PIL image of mode RGB unless `transform` or `loader`
    makes something else of it. Batches need images of one size: ``Resize((h, w))``,
    ``RandomResizedCrop(size)`` or a crop brings them to one, ``ToTensor()`` makes tensors of them.

    As ``torchvision.datasets.ImageFolder``.

    Args:
        root, transform, target_transform, is_valid_file, allow_empty, corrupt: as for
            `DatasetFolder`. Without `is_valid_file` the usual extensions of images count.
        loader: makes an image of a file's path; default: `pil_loader`.

    Attributes:
        imgs: the same as `samples`.

    Raises:
        MissingPartError: (on access, or with ``corrupt="skip"``) Pillow is not installed.
        FileNotFoundError, ArgumentError, CorruptImageError, IndexRangeError: as `DatasetFolder`.
        DtypeError: `root` is not a path.

    >>> ImageFolder("no such folder")
    Traceback (most recent call last):
      ...
    FileNotFoundError: ImageFolder: there is no folder no such folder ...
    """

    def __init__(
        self,
        root,
        transform=None,
        target_transform=None,
        loader=pil_loader,
        is_valid_file=None,
        allow_empty=False,
        *,
        corrupt="raise",
    ):
        super().__init__(
            root,
            loader,
            IMG_EXTENSIONS if is_valid_file is None else None,
            transform,
            target_transform,
            is_valid_file,
            allow_empty,
            corrupt=corrupt,
        )
        self.imgs = self.samples


def _some(names, most=10):
    listed = ", ".join(names[:most])
    return listed + (f" and {len(names) - most} more" if len(names) > most else "")
