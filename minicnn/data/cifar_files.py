"""Reading the CIFAR data sets' files: pickles of Python 2, which are not executed."""

from pathlib import Path

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.serialization.pickled_values import WHAT_IS_TAKEN, Known, Refused, kind_of, shown
from minicnn.serialization.unpickler import Unpickler


class _Array:
    """An array under construction; `value` is None until its numbers are known."""

    value = None


class _Dtype:
    def __init__(self, name):
        self.name = name


def _reconstruct(reader, *_):
    return _Array()


def _dtype(reader, name, *_):
    return _Dtype(name)


_KNOWN = {
    "numpy.core.multiarray._reconstruct": Known("numpy._reconstruct", _reconstruct),
    "numpy._core.multiarray._reconstruct": Known("numpy._reconstruct", _reconstruct),
    "numpy.ndarray": Known("numpy.ndarray"),
    "numpy.dtype": Known("numpy.dtype", _dtype),
}


def _known(module, name):
    full = f"{module}.{name}"
    if full not in _KNOWN:
        raise Refused(f"needs {shown(full)}, which has no place in a file of CIFAR")
    return _KNOWN[full]


class _CifarUnpickler(Unpickler):
    """Knows NumPy's arrays of bytes besides, and that strings hold bytes."""

    known = staticmethod(_known)

    def _text(self, argument):
        self._stack.append(argument)  # a letter a byte (Latin-1)

    def _build(self, _):
        target, state = self._last(2)
        if type(target) is _Array:
            target.value = _bytes_array(state)
        elif type(target) is not _Dtype:
            raise Refused(f"sets the attributes of {kind_of(target)}")
        self._stack.append(target)


def _bytes_array(state):
    """A uint8 array from (version, shape, dtype, Fortran's order?, a string of its bytes)."""
    if type(state) is not tuple or len(state) != 5:
        raise Refused("is damaged: an array is not described rightly")
    _, shape, dtype, fortran, text = state
    if type(dtype) is not _Dtype or dtype.name not in ("u1", "|u1") or type(text) is not str:
        raise Refused("holds an array that is not of bytes (uint8)")
    if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise Refused("is damaged: an array's shape is not a tuple of sizes")
    if np.prod(shape, dtype=object) != len(text):
        raise Refused(f"is damaged: an array of shape {shape} has {len(text):,} bytes")
    array = np.frombuffer(text.encode("latin-1"), np.uint8)
    return array.reshape(shape, order="F" if fortran else "C")


def read_batch(name, path, labels_key):
    """The images and the labels in one file.

    Args:
        name: of the data set, for messages.
        path: of the file.
        labels_key: ``"labels"`` or ``"fine_labels"``.

    Returns:
        (images, labels): uint8 (N, 32, 32, 3) and int64 (N,).

    Raises:
        ArgumentError: the file is damaged, or something else than it should be.
    """
    try:
        content = _CifarUnpickler(Path(path).read_bytes()).load()
    except Refused as error:
        reason = str(error).split(WHAT_IS_TAKEN)[0].rstrip("; :")
        raise ArgumentError(f"{name}: {path} {reason}. {_advice()}") from None
    content = content if type(content) is dict else {}
    images, labels = content.get("data"), content.get(labels_key)
    if type(images) is not _Array or images.value is None or type(labels) is not list:
        raise ArgumentError(
            f"{name}: expected 'data' and {labels_key!r} in {path}, found "
            f"{', '.join(repr(shown(str(key))) for key in content) or 'nothing'}. {_advice()}"
        )
    images = images.value
    if images.ndim != 2 or images.shape[1] != 3072 or len(images) != len(labels):
        raise ArgumentError(
            f"{name}: expected images of shape (N, 3072) and N labels in {path}, found "
            f"{images.shape} and {len(labels):,}. {_advice()}"
        )
    if not all(type(label) is int and 0 <= label < 2**31 for label in labels):
        raise ArgumentError(f"{name}: the labels in {path} are not all integers ≥ 0. {_advice()}")
    # (N, C·H·W) → (N, H, W, C)
    images = images.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, np.int64)


def _advice():
    return "Delete it and fetch the data set again with download=True"
