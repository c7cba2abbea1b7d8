"""Samples computed once and kept on disk: of slow transforms, or augmented ones."""

import json
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.data.arguments import checked_count, checked_flag
from minicnn.data.datasets import Dataset
from minicnn.data.fingerprint import fingerprint
from minicnn.data.loader import DataLoader
from minicnn.dtypes import DTYPES
from minicnn.random import Generator
from minicnn.serialization.atomic import atomic_write
from minicnn.tensor import Tensor

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None

_VERSION = 1
_BATCH = 16  # samples that go to the disk together
_BETWEEN = 2.0  # seconds between two notes of how far one is
_NAME = f"minicnn-stored-{_VERSION}-"


def stored(dataset, folder, *, copies=1, seed=0, key=None, progress=True, **loading):
    """The samples of `dataset`, computed once and from then on read from files.

    Everything is computed now, if it is not there yet, into a folder of its own in `folder`, whose
    name tells data and transform apart: another transform, another parameter, other pixels or files
    and everything is computed anew, beside the old. If it is interrupted (Ctrl-C, a full disk, a
    killed process), the next call goes on where it stopped. The files are mapped into memory, so
    they may be larger than it, and processes share them. Random transforms must take their numbers
    from `minicnn.data.sample_random`, as minicnn's do unless they are given a `generator`.

    minicnn's own.

    Args:
        dataset: a data set of N samples: tensors, arrays and numbers, alone or in a tuple, list or
            dictionary, of the same shapes in all samples.
        folder: where to keep them; made if it is not there.
        copies: how often to go through the data set. A random transform gives each sample another
            face in each copy: copy c of sample i is at index c · N + i.
        seed: what the random numbers start from.
        key: a text that says what is computed, instead of a `fingerprint` of `dataset`, for what
            that cannot look into. The text is then yours to change with the data.
        progress: show how far it is (on a terminal).
        **loading: arguments of `DataLoader` for workers, such as ``num_workers=2``.

    Returns:
        A `StoredDataset`: a data set of copies · N samples.

    Raises:
        ArgumentError: an empty data set; copies below 1.
        DtypeError: samples of other things than named above, or not all of one kind; a data set
            that `fingerprint` cannot look into.
        ShapeError: a sample of another shape than the first; the message names it.
        OSError: as the system reports it, for example when the disk has not enough room. (Where the
            system can reserve room it is reserved first, so that this happens at once.)

    >>> import tempfile
    >>> from minicnn.data import BundledMNIST, Subset
    >>> from minicnn.data.transforms import ToTensor
    >>> digits = Subset(BundledMNIST(transform=ToTensor()), range(20))
    >>> kept = stored(digits, tempfile.mkdtemp(), progress=False)
    >>> image, label = kept[3]
    >>> len(kept), image.shape, label == digits[3][1]
    (20, (1, 28, 28), True)
    """
    copies = checked_count("stored", "copies", copies, 1)
    seed = checked_count("stored", "seed", seed, 0)
    checked_flag("stored", "progress", progress)
    if not len(dataset):
        raise ArgumentError("stored: the data set is empty")
    if key is None:
        key = fingerprint(dataset, copies, seed)
    else:
        key = fingerprint(_text(key), len(dataset), copies, seed)
    place = Path(folder) / f"{_NAME}{key}"
    if not (place / "complete.json").is_file():
        _Computation(dataset, place, copies, seed, loading).run(progress)
    return StoredDataset(place, dataset)


def _text(key):
    if not isinstance(key, str):
        raise DtypeError(f"stored: key must be a string, got {type(key).__name__}")
    return key


class StoredDataset(Dataset):
    """What `stored` gives; a sample has memory of its own.

    minicnn's own.

    Args:
        dataset: the data set it was computed from, if it is at hand: it gives the classes.

    Attributes:
        folder: where its files are; remove it, and they are computed anew.
        targets, classes: those of the data set it was computed from, if that has them.

    Raises:
        DtypeError: `folder` is not a path.
        IndexRangeError: (on access) the index is outside the data set.

    >>> import tempfile
    >>> import minicnn as mc
    >>> from minicnn.data import TensorDataset
    >>> kept = stored(TensorDataset(mc.arange(3)), tempfile.mkdtemp(), progress=False)
    >>> type(kept).__name__, len(kept), kept[2]
    ('StoredDataset', 3, (tensor(2),))
    """

    def __init__(self, folder, dataset=None):
        self.folder = Path(folder)
        about = json.loads((self.folder / "complete.json").read_text(encoding="utf-8"))
        self._length, self._shape = about["length"], about["sample"]
        self._open()
        if hasattr(dataset, "classes"):
            self.classes = dataset.classes
        if hasattr(dataset, "targets"):
            targets = dataset.targets
            targets = targets.array if isinstance(targets, Tensor) else np.asarray(targets)
            self.targets = Tensor(np.tile(targets, self._length // len(targets)))

    def _open(self):
        count = len(self._shape["leaves"])
        self._arrays = [np.load(_leaf_file(self.folder, i), mmap_mode="r") for i in range(count)]

    def __getitem__(self, index):
        if not hasattr(index, "__index__") or not -len(self) <= index < len(self):
            raise IndexRangeError(
                f"StoredDataset: index {index!r} is out of range for {len(self):,} samples"
            )
        return _put_together(self._shape, [a[index] for a in self._arrays])

    def __len__(self):
        return self._length

    # A worker process maps the files itself; their content is not sent to it.
    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k != "_arrays"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._open()

    def fingerprint(self):
        """What `minicnn.data.fingerprint` takes it for."""
        return self.folder.name

    def __repr__(self):
        return f"StoredDataset({len(self):,} samples in {str(self.folder)!r})"


# ---------------------------------------------------------------- samples as arrays


def _leaf_file(folder, number):
    return folder / f"part-{number}.npy"


def _taken_apart(sample, index):
    """(what the sample is like, its arrays); what it is like can be written as JSON."""
    if isinstance(sample, dict):
        container, keys, leaves = "dict", list(sample), list(sample.values())
        if not all(type(k) is str for k in keys):
            raise DtypeError(f"stored: sample {index} has keys that are no strings: {keys}")
    elif type(sample) in (tuple, list):
        container, keys, leaves = type(sample).__name__, None, list(sample)
    else:
        container, keys, leaves = None, None, [sample]
    kinds, arrays = [], []
    for leaf in leaves:
        kind = "tensor" if isinstance(leaf, Tensor) else type(leaf).__name__
        array = np.asarray(leaf.array if isinstance(leaf, Tensor) else leaf)
        known = kind in ("tensor", "ndarray", "int", "float", "bool")
        if not (known or isinstance(leaf, np.generic)) or array.dtype not in DTYPES:
            raise DtypeError(
                f"stored: sample {index} holds a {kind}"
                + (f" of {array.dtype}" if known else "")
                + "; what can be stored are tensors, arrays and numbers, alone or in a tuple, "
                "list or dictionary. A transform such as ToTensor() can make one of an image"
            )
        if not (known or kind == "ndarray"):
            kind = "scalar"
        kinds.append({"kind": kind, "dtype": array.dtype.name, "shape": list(array.shape)})
        arrays.append(array)
    return {"container": container, "keys": keys, "leaves": kinds}, arrays


def _put_together(shape, arrays):
    leaves = []
    for about, array in zip(shape["leaves"], arrays, strict=True):
        kind = about["kind"]
        if kind in ("tensor", "ndarray"):
            array = np.array(array)
            leaves.append(Tensor(array) if kind == "tensor" else array)
        else:
            leaves.append(np.asarray(array)[()] if kind == "scalar" else array.item())
    if shape["container"] is None:
        return leaves[0]
    if shape["container"] == "dict":
        return dict(zip(shape["keys"], leaves, strict=True))
    return tuple(leaves) if shape["container"] == "tuple" else leaves


class _Computation:
    """Computes the samples into ``….partial``, which is given its name when it is complete."""

    def __init__(self, dataset, place, copies, seed, loading):
        self.dataset, self.place, self.copies, self.seed = dataset, place, copies, seed
        self.loading = loading
        self.partial = place.with_name(place.name + ".partial")
        self.length = copies * len(dataset)

    def run(self, progress):
        self.place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self.place.with_name(self.place.name + ".lock")):
            # Whoever was waited for has computed it.
            if not (self.place / "complete.json").is_file():
                self.partial.mkdir(exist_ok=True)
                self._compute(progress)
                os.replace(self.partial, self.place)

    def _compute(self, progress):
        shape, done = self._begun()
        arrays = None if shape is None else self._files(shape)
        noted = time.monotonic()
        with _bar(progress, self.length) as show:
            for sample in self._samples(done):
                found, values = _taken_apart(sample, done)
                if shape is None:
                    shape, arrays = found, self._files(found)
                if found != shape:
                    raise ShapeError(
                        f"stored: sample {done} is {_words(found)}, sample 0 {_words(shape)}; all "
                        "must be alike. A transform such as Resize or a crop makes them so"
                    )
                for array, value in zip(arrays, values, strict=True):
                    array[done] = value
                done += 1
                if time.monotonic() - noted > _BETWEEN:
                    self._note(shape, done, arrays)
                    noted = time.monotonic()
                show(done)
        self._note(shape, done, arrays)
        about = {"version": _VERSION, "length": self.length, "sample": shape}
        with atomic_write(self.partial / "complete.json", "stored") as file:
            file.write(json.dumps(about).encode())

    def _samples(self, start):
        """All samples from `start` on, in order."""
        copy, skip = divmod(start, len(self.dataset))
        loading = {"batch_size": _BATCH, "collate_fn": _as_they_are, **self.loading}
        loader = DataLoader(self.dataset, generator=Generator(self.seed), **loading)
        for epoch in range(copy, self.copies):
            loader.set_epoch(epoch)
            # A batch that was half done is loaded again.
            first = skip - skip % _BATCH
            for batch in loader.batches(skip=first // _BATCH):
                yield from batch[skip - first :]
                skip = first = 0

    def _begun(self):
        """What an interrupted computation has left: what samples are like, and how many."""
        with suppress(OSError, ValueError, KeyError):
            about = json.loads((self.partial / "progress.json").read_text(encoding="utf-8"))
            if about["length"] == self.length:
                return about["sample"], about["done"]
        return None, 0

    def _note(self, shape, done, arrays):
        for array in arrays:
            array.flush()  # the samples first, then the word that they are there
        about = {"length": self.length, "sample": shape, "done": done}
        with atomic_write(self.partial / "progress.json", "stored") as file:
            file.write(json.dumps(about).encode())

    def _files(self, shape):
        """The files of all parts, opened or made."""
        arrays = []
        for i, about in enumerate(shape["leaves"]):
            path, whole = _leaf_file(self.partial, i), (self.length, *about["shape"])
            dtype = np.dtype(about["dtype"])
            if not _is_like(path, whole, dtype):
                _reserve(path, whole, dtype)
            arrays.append(open_memmap(path, "r+"))
        return arrays


@contextmanager
def _alone(path):
    """Inside, nobody else who asks for `path` is: threads and processes wait for each other.

    Two who computed into the same files would replace them under each other's hands. The system
    lets go of the lock when its holder ends, however that is. The file is removed only when all is
    complete: then nobody computes any more, whichever file he holds.
    """
    with open(path, "ab") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            _wait_on_windows(file)
        yield
    with suppress(OSError):
        path.unlink()


def _wait_on_windows(file):
    while True:
        with suppress(OSError):  # after ten seconds of waiting
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
            return


def _as_they_are(samples):
    return samples


def _words(shape):
    return ", ".join(
        f"{about['kind']} {about['dtype']} {tuple(about['shape'])}" for about in shape["leaves"]
    )


def _is_like(path, shape, dtype):
    """Whether the file is there, and is one of such an array."""
    with suppress(OSError, ValueError):
        array = np.load(path, mmap_mode="r")
        return array.shape == shape and array.dtype == dtype
    return False


def _reserve(path, shape, dtype):
    """A file for an array of zeros, with its room on the disk taken.

    Else writing into a mapped file on a full disk ends the process, without a word.
    """
    with atomic_write(path, "stored") as file:
        np.lib.format.write_array_header_2_0(
            file, {"descr": dtype.str, "fortran_order": False, "shape": shape}
        )
        start, size = file.tell(), int(np.prod(shape, dtype=object)) * dtype.itemsize
        file.flush()
        if hasattr(os, "posix_fallocate") and size:
            os.posix_fallocate(file.fileno(), start, size)
        file.truncate(start + size)


class _bar:
    """A context with a function that shows how far the computation is."""

    def __init__(self, wanted, total):
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        hidden = not (wanted and console.is_terminal)
        self.bar = Progress(console=console, transient=True, disable=hidden)
        self.total = total

    def __enter__(self):
        self.bar.start()
        task = self.bar.add_task("computing samples (once)", total=self.total)
        return lambda done: self.bar.update(task, completed=done)

    def __exit__(self, *_):
        self.bar.stop()
