"""Samplers: the order in which a loader takes the samples of a data set.

A sampler is anything that can be iterated over for indices. Those that draw numbers do it all at
once, when the iteration starts: what is drawn later, by a random transform say, cannot change the
order.
"""

from itertools import islice
from types import GenericAlias

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.data.arguments import (
    checked_count,
    checked_flag,
    checked_generator,
    random_numbers,
)
from minicnn.tensor import Tensor


class Sampler:
    """The base of samplers: a subclass defines ``__iter__()`` and, where it can, ``__len__()``.

    As ``torch.utils.data.Sampler``.

    The base itself raises nothing but NotImplementedError, where a subclass has no ``__iter__``.

    >>> class EveryOther(Sampler):
    ...     def __init__(self, data):
    ...         self.data = data
    ...     def __iter__(self):
    ...         return iter(range(0, len(self.data), 2))
    >>> list(EveryOther("abcde"))
    [0, 2, 4]
    """

    __class_getitem__ = classmethod(GenericAlias)

    def __iter__(self):
        raise NotImplementedError(f"{type(self).__name__} must define __iter__(self)")


class SequentialSampler(Sampler):
    """0, 1, 2, … in order.

    As ``torch.utils.data.SequentialSampler``.

    Args:
        data_source: a data set with a length.

    Raises:
        TypeError: (when asked) it has no length.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source):
        self.data_source = data_source

    def __iter__(self):
        return iter(range(len(self.data_source)))

    def __len__(self):
        return len(self.data_source)


class RandomSampler(Sampler):
    """The indices in random order.

    Args:
        data_source: a data set of N samples.
        replacement: draw each index from all N, so that some come several times and some not.
        num_samples: how many indices; default: N. Without replacement, more than N are taken from
            one random order after another.
        generator: a `minicnn.Generator`; default: minicnn's own.

    Raises:
        ArgumentError: an empty data set, or `num_samples` below 1.

    >>> sorted(RandomSampler("abcd"))
    [0, 1, 2, 3]
    """

    def __init__(self, data_source, replacement=False, num_samples=None, generator=None):
        self.data_source = data_source
        self.replacement = checked_flag("RandomSampler", "replacement", replacement)
        self.generator = checked_generator("RandomSampler", generator)
        if num_samples is not None:
            num_samples = checked_count("RandomSampler", "num_samples", num_samples, 1)
        self._num_samples = num_samples
        if not len(data_source):
            raise ArgumentError(
                "RandomSampler: the data set is empty, so there is nothing to shuffle or draw; "
                "without shuffle, an empty data set gives no batches"
            )

    @property
    def num_samples(self):
        """How many indices one loop gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self):
        numbers = random_numbers("RandomSampler", self.generator)
        n = len(self.data_source)
        if self.replacement:
            return iter(numbers.integers(n, size=self.num_samples).tolist())
        rounds = -(-self.num_samples // n)
        order = np.concatenate([numbers.permutation(n) for _ in range(rounds)])
        return iter(order[: self.num_samples].tolist())

    def __len__(self):
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices in random order.

    As ``torch.utils.data.SubsetRandomSampler``.

    Args:
        indices: a sequence of integers.
        generator: a `minicnn.Generator`; default: the one that `minicnn.manual_seed` seeds.

    Raises:
        TypeError: (when asked) it has no length.

    >>> sorted(SubsetRandomSampler([7, 3, 5]))
    [3, 5, 7]
    """

    def __init__(self, indices, generator=None):
        self.indices = indices
        self.generator = checked_generator("SubsetRandomSampler", generator)

    def __iter__(self):
        numbers = random_numbers("SubsetRandomSampler", self.generator)
        return iter([self.indices[i] for i in numbers.permutation(len(self.indices)).tolist()])

    def __len__(self):
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Indices drawn with probabilities in proportion to weights.

    Weights of 1 / (size of the sample's class) make rare classes as frequent as common ones.

    Args:
        weights: N numbers ≥ 0, not all 0; index i is drawn with probability weights[i] / their sum.
        num_samples: how many indices.
        replacement: whether an index may be drawn again. If not, at most as many can be drawn as
            there are weights above 0.
        generator: a `minicnn.Generator`; default: minicnn's own.

    Raises:
        ArgumentError: weights below 0, infinite or NaN, or all 0; `num_samples` below 1, or more
            than there are without replacement.
        ShapeError: weights that are not one-dimensional.

    >>> set(WeightedRandomSampler([0, 1, 0, 3], 20)) <= {1, 3}
    True
    """

    def __init__(self, weights, num_samples, replacement=True, generator=None):
        name = "WeightedRandomSampler"
        self.num_samples = checked_count(name, "num_samples", num_samples, 1)
        self.replacement = checked_flag(name, "replacement", replacement)
        self.generator = checked_generator(name, generator)
        self.weights = _checked_weights(weights)
        positive = np.count_nonzero(self.weights)
        if not self.replacement and self.num_samples > positive:
            raise ArgumentError(
                f"{name}: {self.num_samples} samples cannot be drawn without replacement from "
                f"{positive} weights above 0"
            )

    def __iter__(self):
        numbers = random_numbers("WeightedRandomSampler", self.generator)
        # Divided by the largest first, since a sum of huge weights could overflow.
        weights = self.weights / self.weights.max()
        drawn = numbers.choice(
            len(weights), self.num_samples, replace=self.replacement, p=weights / weights.sum()
        )
        return iter(drawn.tolist())

    def __len__(self):
        return self.num_samples


def _checked_weights(weights):
    array = weights.detach().array if isinstance(weights, Tensor) else weights
    try:
        array = np.array(array, np.float64)
    except (TypeError, ValueError):
        raise DtypeError(
            f"WeightedRandomSampler: weights must be numbers, got {weights!r}"
        ) from None
    if array.ndim != 1:
        raise ShapeError(
            f"WeightedRandomSampler: weights must be of shape (N,), got the shape {array.shape}"
        )
    if not np.all(np.isfinite(array) & (array >= 0)) or not array.any():
        raise ArgumentError(
            "WeightedRandomSampler: weights must be finite, at least 0, and not all 0"
        )
    return array


class BatchSampler(Sampler):
    """The indices of another sampler in lists, one a batch.

    As ``torch.utils.data.BatchSampler``.

    Args:
        sampler: a sampler, or anything to iterate over for indices.
        batch_size: how many indices a batch has.
        drop_last: leave out a last batch that would be smaller.

    Raises:
        ArgumentError: `batch_size` below 1, or `drop_last` neither True nor False.

    >>> list(BatchSampler(range(7), 3, drop_last=False))
    [[0, 1, 2], [3, 4, 5], [6]]
    """

    def __init__(self, sampler, batch_size, drop_last):
        self.sampler = sampler
        self.batch_size = checked_count("BatchSampler", "batch_size", batch_size, 1)
        self.drop_last = checked_flag("BatchSampler", "drop_last", drop_last)

    def __iter__(self):
        # Not a generator itself: the sampler starts, and draws its order, now.
        return self._batches(iter(self.sampler))

    def _batches(self, indices):
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield batch

    def __len__(self):
        full, rest = divmod(len(self.sampler), self.batch_size)
        return full + (rest > 0 and not self.drop_last)
