"""Data sets: things with a length that give a sample for an index."""

from bisect import bisect_right
from itertools import accumulate
from types import GenericAlias

from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.tensor import Tensor


class Dataset:
    """The base of data sets: a subclass defines ``__getitem__(index)`` and ``__len__()``.

    It may define ``__getitems__(indices)`` too, a list of samples for a list of indices, where
    that is quicker than one by one; `DataLoader` uses it then. ``a + b`` is their `ConcatDataset`.

    As ``torch.utils.data.Dataset``.

    The base itself raises nothing but NotImplementedError, where a subclass lacks what it must
    have.

    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 5
    ...     def __getitem__(self, index):
    ...         return index, index * index
    >>> Squares()[3], len(Squares() + Squares())
    ((3, 9), 10)
    """

    # Lets annotations in course texts say Dataset[tuple[Tensor, int]].
    __class_getitem__ = classmethod(GenericAlias)

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index)")

    def __add__(self, other):
        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """Samples that lie in tensors: sample i is ``(tensors[0][i], tensors[1][i], …)``.

    `DataLoader` takes a whole batch of it with one index into each tensor.

    As ``torch.utils.data.TensorDataset``.

    Args:
        *tensors: tensors of shapes (N, …), with one N.

    Raises:
        ArgumentError: no tensors.
        DtypeError: something that is not a tensor.
        ShapeError: the first sizes differ, or a tensor has no dimensions.

    >>> import minicnn as mc
    >>> data = TensorDataset(mc.zeros(10, 1, 28, 28), mc.arange(10))
    >>> image, label = data[7]
    >>> image.shape, label
    ((1, 28, 28), tensor(7))
    """

    def __init__(self, *tensors):
        if not tensors:
            raise ArgumentError("TensorDataset: expected at least one tensor, got none")
        for i, t in enumerate(tensors):
            if not isinstance(t, Tensor):
                raise DtypeError(
                    f"TensorDataset: argument {i} is a {type(t).__name__}, expected a tensor; "
                    "minicnn.as_tensor(data) makes one of arrays and lists"
                )
        shapes = [t.shape for t in tensors]
        if () in shapes or len({shape[0] for shape in shapes}) > 1:
            raise ShapeError(
                "TensorDataset: all tensors must have one first size, the number of samples; got "
                f"the shapes {', '.join(str(shape) for shape in shapes)}"
            )
        self.tensors = tensors

    def __getitem__(self, index):
        return tuple(t[index] for t in self.tensors)

    def __len__(self):
        return len(self.tensors[0])


class Subset(Dataset):
    """The samples of `dataset` at `indices`, in that order.

    As ``torch.utils.data.Subset``.

    Args:
        dataset: the whole data set.
        indices: a sequence of indices into it. They are not checked here, but when used.

    Raises:
        IndexRangeError: (on access) the index is outside the subset.

    >>> odd = Subset(["zero", "one", "two", "three"], [1, 3])
    >>> len(odd), odd[1]
    (2, 'three')
    """

    def __init__(self, dataset, indices):
        self.dataset = dataset
        self.indices = indices

    def _places(self, indices):
        """Where in the whole data set the samples at `indices` of this subset are."""
        try:
            return [self.indices[i] for i in indices]
        except IndexError:
            wrong = next((i for i in indices if not -len(self) <= i < len(self)), indices)
            raise IndexRangeError(
                f"Subset: index {wrong} is out of range for a subset of {len(self)} samples"
            ) from None

    def __getitem__(self, index):
        if isinstance(index, list):
            return self.dataset[self._places(index)]
        if isinstance(index, slice):
            return self.dataset[self.indices[index]]
        return self.dataset[self._places([index])[0]]

    def __getitems__(self, indices):
        if type(self).__getitem__ is not Subset.__getitem__:
            return [self[i] for i in indices]  # a subclass does something of its own with each
        places = self._places(indices)
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(places)
        return [self.dataset[i] for i in places]

    def __len__(self):
        return len(self.indices)


class ConcatDataset(Dataset):
    """Data sets one after the other.

    As ``torch.utils.data.ConcatDataset``.

    Args:
        datasets: a sequence of data sets with lengths.

    Attributes:
        cumulative_sizes: the index at which each data set ends.

    Raises:
        ArgumentError: no data sets.
        IndexRangeError: (on access) the index is outside all of them together.

    >>> both = ConcatDataset(["abc", "de"])
    >>> len(both), both[3], both.cumulative_sizes
    (5, 'd', [3, 5])
    """

    def __init__(self, datasets):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: expected at least one data set, got none")
        for i, d in enumerate(self.datasets):
            if not hasattr(d, "__len__"):
                raise DtypeError(
                    f"ConcatDataset: data set {i} ({type(d).__name__}) has no length; it must "
                    "define __len__"
                )
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexRangeError(
                f"ConcatDataset: index {index} is out of range for {len(self)} samples"
            )
        index %= len(self)
        which = bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]

    def __len__(self):
        return self.cumulative_sizes[-1]
