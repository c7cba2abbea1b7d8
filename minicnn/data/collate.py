"""From a list of samples to a batch."""

import copy
from collections.abc import Mapping, MutableMapping, Sequence

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.creation import from_numpy, tensor
from minicnn.dtypes import DTYPES, float64
from minicnn.functions.shaping import stack
from minicnn.tensor import Tensor


def default_collate(batch):
    """A batch from a list of samples, all of one kind.

    ===================  ============================================================
    samples              batch
    ===================  ============================================================
    tensors, arrays      a tensor with a new first dimension; their shapes must agree
    numbers              a tensor: int64 for int, float64 for float, bool for bool,
                         and a NumPy number's own dtype
    strings, bytes       the list as it is
    tuples, lists        a list of batches, one for each place in the tuple
    named tuples         a named tuple of batches
    dictionaries         a dictionary of batches
    ===================  ============================================================

    As ``torch.utils.data.default_collate``.

    Raises:
        ArgumentError: no samples, or a dictionary lacks a key.
        ShapeError: shapes or lengths differ; the message has the positions in the batch.
        DtypeError: something else, such as None or a PIL image, or samples of different kinds.

    >>> images, labels = default_collate([(np.zeros((28, 28)), 3), (np.ones((28, 28)), 8)])
    >>> images.shape, labels
    ((2, 28, 28), tensor([3, 8]))
    """
    if not len(batch):
        raise ArgumentError("default_collate: expected at least one sample, got none")
    return _collate(batch, "sample")


def _collate(batch, what):
    """`what` names an entry in messages: "sample", or "sample[0]['image']" deeper down."""
    first = batch[0]
    found = [entry for entry in _KINDS if isinstance(first, entry[0])]
    if not found:
        raise DtypeError(
            "default_collate: a batch can be made of tensors, arrays, numbers, strings, tuples, "
            f"lists and dictionaries; {what} is a {type(first).__name__}. A transform such as "
            "ToTensor(), or a collate_fn of your own, can turn it into one of these"
        )
    kind, collate = found[0]
    for i, sample in enumerate(batch):
        if type(sample) is not type(first) and not isinstance(sample, kind):
            raise DtypeError(
                f"default_collate: {what} is a {type(first).__name__} at position 0 of the batch, "
                f"but a {type(sample).__name__} at position {i}"
            )
    return collate(batch, what)


def _same(what, property_name, values):
    """Refuse a batch if `values`, one for each sample, differ."""
    for i, value in enumerate(values):
        if value != values[0]:
            raise ShapeError(
                f"default_collate: {what} has {property_name} {values[0]} at position 0 of the "
                f"batch, but {value} at position {i}; all must be equal. Bring images to one size "
                "with the transform Resize((h, w)), a crop or a border; or use batch_size=1 or a "
                "collate_fn of your own"
            )


def _tensors(batch, what):
    _same(what, "shape", [t.shape for t in batch])
    if any(t.requires_grad or t.dtype != batch[0].dtype for t in batch):
        return stack(batch)  # which lets gradients through, and brings dtypes together
    return Tensor(np.array([t.array for t in batch]))


def _arrays(batch, what):
    _same(what, "shape", [a.shape for a in batch])
    dtypes = {a.dtype for a in batch}
    for dtype in dtypes:
        _supported(dtype, what)
    if len(dtypes) > 1:
        return _tensors([from_numpy(a) for a in batch], what)
    return from_numpy(np.array(batch))


def _supported(dtype, what):
    if dtype.newbyteorder("=") not in DTYPES:
        raise DtypeError(
            f"default_collate: {what} is of {dtype}, expected one of minicnn's dtypes: "
            f"{', '.join(d.name for d in DTYPES)}"
        )


def _numbers(batch, what):
    if isinstance(batch[0], np.generic):
        array = np.array(batch)
        _supported(array.dtype, what)
        return from_numpy(array)
    return tensor(batch, dtype=float64 if isinstance(batch[0], float) else None)


def _unchanged(batch, what):
    return batch


def _mappings(batch, what):
    first = batch[0]
    for i, sample in enumerate(batch):
        for key in first:
            if key not in sample:
                raise ArgumentError(
                    f"default_collate: {what} has a key {key!r} at position 0 of the batch, but "
                    f"not at position {i}"
                )
    columns = {key: _collate([s[key] for s in batch], f"{what}[{key!r}]") for key in first}
    if isinstance(first, MutableMapping):
        result = copy.copy(first)  # of the same kind: an OrderedDict stays one
        result.update(columns)
        return result
    return type(first)(columns)


def _sequences(batch, what):
    first = batch[0]
    _same(what, "length", [len(s) for s in batch])
    columns = [
        _collate(column, f"{what}[{i}]") for i, column in enumerate(zip(*batch, strict=True))
    ]
    return type(first)(*columns) if hasattr(first, "_fields") else columns


# In this order, since a string is a sequence too.
_KINDS = (
    (Tensor, _tensors),
    (np.ndarray, _arrays),
    ((np.number, np.bool_, int, float), _numbers),
    ((str, bytes), _unchanged),
    (Mapping, _mappings),
    (Sequence, _sequences),
)


def default_convert(data):
    """One sample with its NumPy arrays and numbers as tensors; used where there are no batches.

    As ``torch.utils.data.default_convert``; what it does not know it hands on: nothing is raised.

    Args:
        data: a sample: arrays, numbers and texts, alone or in tuples, lists and dictionaries.

    >>> default_convert({"image": np.zeros(2), "name": "seven"})
    {'image': tensor([0., 0.], dtype=float64), 'name': 'seven'}
    """
    if isinstance(data, np.ndarray) and data.dtype.kind in "biuf":
        return from_numpy(data)
    if isinstance(data, (np.number, np.bool_)):
        return from_numpy(np.array(data))
    if isinstance(data, Mapping):
        converted = {key: default_convert(value) for key, value in data.items()}
        if isinstance(data, MutableMapping):
            result = copy.copy(data)
            result.update(converted)
            return result
        return type(data)(converted)
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*[default_convert(d) for d in data])
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return [default_convert(d) for d in data]
    return data
