"""Dividing a data set into parts: at random, or with the share of each class kept."""

import math
import warnings
from itertools import accumulate

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data.arguments import random_numbers
from minicnn.data.datasets import ConcatDataset, Subset, TensorDataset
from minicnn.random import default_generator
from minicnn.tensor import Tensor


def random_split(dataset, lengths, generator=default_generator):
    """Divide a data set at random into parts that do not overlap.

    As ``torch.utils.data.random_split``.

    Args:
        dataset: a data set of N samples.
        lengths: the number of samples of each part, which add up to N; or fractions that add up to
            1. With fractions, part i gets floor(fraction · N) samples, and what is left over goes
            to the first parts, one each.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Returns:
        A list of `Subset`, one a part.

    Raises:
        ArgumentError: the lengths do not add up, or one is negative.
        DtypeError: a length that is not a number, or neither whole nor one of fractions.

    >>> import minicnn as mc
    >>> training, validation = random_split(range(10), [0.8, 0.2], mc.Generator(0))
    >>> len(training), len(validation), sorted([*training, *validation]) == list(range(10))
    (8, 2, True)
    """
    numbers = random_numbers("random_split", generator)
    sizes = _part_sizes(list(lengths), len(dataset))
    order = numbers.permutation(len(dataset)).tolist()
    ends = accumulate(sizes)
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


def _part_sizes(lengths, n):
    for length in lengths:
        if isinstance(length, bool) or not isinstance(length, (int, float, np.number)):
            raise DtypeError(
                f"random_split: lengths must be integers or fractions, got {length!r} "
                f"({type(length).__name__})"
            )
        if not length >= 0:
            raise ArgumentError(f"random_split: lengths must be at least 0, got {lengths}")
    total = sum(lengths)
    if math.isclose(total, 1):
        sizes = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(f"random_split: part {i} of {n} samples has length 0", stacklevel=3)
        return sizes
    if total != n:
        raise ArgumentError(
            f"random_split: the lengths {lengths} add up to {total:g}; expected {n}, the length of "
            "the data set, or fractions that add up to 1"
        )
    if not all(isinstance(length, (int, np.integer)) for length in lengths):
        raise DtypeError(
            f"random_split: lengths must be whole numbers, or fractions that add up to 1; got "
            f"{lengths}"
        )
    return [int(length) for length in lengths]


def stratified_split(dataset, fraction, generator=None):
    """Divide a data set into two parts in which every class has the share it has in the whole.

    The way to a validation set: ``training, validation = stratified_split(data, 0.1)``.

    Args:
        dataset: a data set whose labels can be read without loading its samples: one with
            ``.targets``, a `TensorDataset` (its last tensor), a `Subset` or `ConcatDataset` of
            these; or the labels themselves, a tensor, array or list of integers of shape (N,).
        fraction: the share of the *second* part, between 0 and 1. It gets round(fraction · N)
            samples; of each class, fraction · (its number) to within one.
        generator: a `minicnn.Generator`; default: minicnn's own. It decides which samples of a
            class go where.

    Returns:
        Two `Subset` of `dataset`, their indices in ascending order.

    Raises:
        ArgumentError: `fraction` is outside 0 … 1, the data set is empty, or a part would be.
        DtypeError: no labels found, or labels that are not integers.
        ShapeError: labels of more than one dimension.

    >>> training, validation = stratified_split([0, 0, 0, 0, 1, 1, 1, 1], 0.25)
    >>> sorted(training), sorted(validation)
    ([0, 0, 0, 1, 1, 1], [0, 1])
    """
    numbers = random_numbers("stratified_split", generator)
    if not isinstance(fraction, (int, float, np.number)) or not 0 < fraction < 1:
        raise ArgumentError(
            f"stratified_split: fraction must be between 0 and 1, got {fraction!r}; it is the "
            "share of the second part"
        )
    labels = _labels(dataset)
    if not labels.size:
        raise ArgumentError("stratified_split: the data set is empty")
    size = round(fraction * len(labels))
    if not 0 < size < len(labels):
        raise ArgumentError(
            f"stratified_split: a fraction of {fraction} of {len(labels)} samples leaves one part "
            "empty"
        )
    classes, counts = np.unique(labels, return_counts=True)
    # Round each class down; what is missing then goes to the classes that lost most by that.
    taken = np.floor(fraction * counts).astype(int)
    lost = fraction * counts - taken
    taken[np.argsort(-lost, kind="stable")[: size - taken.sum()]] += 1
    in_second = np.zeros(len(labels), bool)
    for label, n in zip(classes, taken, strict=True):
        in_second[numbers.permutation(np.flatnonzero(labels == label))[:n]] = True
    return (
        Subset(dataset, np.flatnonzero(~in_second).tolist()),
        Subset(dataset, np.flatnonzero(in_second).tolist()),
    )


def _labels(dataset):
    """The labels of a data set, or labels given directly, as an array of integers."""
    if isinstance(dataset, Subset):
        return _labels(dataset.dataset)[np.asarray(dataset.indices, int)]
    if isinstance(dataset, ConcatDataset):
        return np.concatenate([_labels(d) for d in dataset.datasets])
    if isinstance(dataset, TensorDataset):
        labels = dataset.tensors[-1]
    elif hasattr(dataset, "targets"):
        labels = dataset.targets
    elif isinstance(dataset, (Tensor, np.ndarray, list, tuple)):
        labels = dataset
    else:
        raise DtypeError(
            f"stratified_split: {type(dataset).__name__} has no .targets to read labels from; "
            "split the labels instead, a, b = stratified_split(labels, fraction), and use "
            "Subset(dataset, a.indices)"
        )
    labels = np.asarray(labels.array if isinstance(labels, Tensor) else labels)
    if labels.ndim != 1:
        raise ShapeError(
            f"stratified_split: expected one label a sample, of shape (N,); got {labels.shape}"
        )
    if labels.size and labels.dtype.kind not in "biu":
        raise DtypeError(f"stratified_split: labels must be integers, got {labels.dtype}")
    return labels
