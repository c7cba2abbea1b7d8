"""`DataLoader`: batches of a data set, in order or shuffled."""

import numpy as np

from minicnn.checks import ArgumentError, DtypeError
from minicnn.data.arguments import checked_count, checked_flag, checked_function, checked_generator
from minicnn.data.collate import default_collate, default_convert
from minicnn.data.datasets import Subset, TensorDataset
from minicnn.data.samplers import BatchSampler, RandomSampler, SequentialSampler
from minicnn.tensor import Tensor

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset")


class DataLoader:
    """Goes over a data set in batches; each ``for`` loop over it is one epoch.

    Args:
        dataset: has ``__getitem__`` and ``__len__``; its ``__getitems__(indices)`` is used where
            it has one.
        batch_size: samples a batch; None: single samples, not batches.
        shuffle: take the samples in a new random order each time.
        sampler: an iterable of indices, instead of `shuffle`.
        batch_sampler: an iterable of lists of indices, instead of `batch_size`, `shuffle`,
            `sampler` and `drop_last`.
        collate_fn: makes a batch of a list of samples; default: `default_collate`, or
            `default_convert` where there are no batches.
        drop_last: leave out a last batch that would be smaller.
        generator: a `minicnn.Generator` for the order; default: minicnn's own. The order is drawn
            when a loop begins, all at once.
        num_workers, pin_memory, timeout, worker_init_fn, multiprocessing_context, prefetch_factor,
            persistent_workers, pin_memory_device, in_order: PyTorch's arguments for workers, which
            minicnn does not have yet; only the defaults are taken.

    Raises:
        ArgumentError: arguments that exclude each other or are not supported, a batch size below
            1, or shuffling an empty data set.
        DtypeError: the data set has no ``__getitem__``, or no length where one is needed.

    What goes wrong in a data set is raised as it is, with a note that has the index of the sample.

    >>> import minicnn as mc
    >>> from minicnn.data import TensorDataset
    >>> loader = DataLoader(TensorDataset(mc.zeros(100, 1, 8, 8), mc.arange(100)), batch_size=32)
    >>> [(tuple(images.shape), int(labels[0])) for images, labels in loader]
    [((32, 1, 8, 8), 0), ((32, 1, 8, 8), 32), ((32, 1, 8, 8), 64), ((4, 1, 8, 8), 96)]
    """

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        _refuse_unsupported(
            num_workers=(num_workers, 0),
            pin_memory=(pin_memory, False),
            timeout=(timeout, 0),
            worker_init_fn=(worker_init_fn, None),
            multiprocessing_context=(multiprocessing_context, None),
            prefetch_factor=(prefetch_factor, None),
            persistent_workers=(persistent_workers, False),
            pin_memory_device=(pin_memory_device, ""),
            in_order=(in_order, True),
        )
        shuffle = checked_flag("DataLoader", "shuffle", False if shuffle is None else shuffle)
        checked_flag("DataLoader", "drop_last", drop_last)
        checked_generator("DataLoader", generator)
        _check_dataset(dataset, needs_length=sampler is None and batch_sampler is None)
        if sampler is not None and shuffle:
            raise ArgumentError(
                "DataLoader: give either sampler= or shuffle=True; a sampler decides the order "
                "itself"
            )
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ArgumentError(
                    "DataLoader: batch_sampler= excludes batch_size, shuffle, sampler and "
                    "drop_last, all of which it decides itself"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ArgumentError(
                "DataLoader: batch_size=None means no batches, so there is no last one to drop; "
                "leave out drop_last"
            )
        if sampler is None:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else None
            sampler = sampler or SequentialSampler(dataset)
        if batch_size is not None:
            batch_size = checked_count("DataLoader", "batch_size", batch_size, 1)
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.num_workers = 0
        self.collate_fn = checked_function("DataLoader", "collate_fn", collate_fn)
        self.generator = generator
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler

    def __setattr__(self, name, value):
        # The samplers were made from these; a later change would have no effect.
        if name in _FIXED and name in vars(self):
            raise ArgumentError(
                f"DataLoader: {name} cannot be changed afterwards; make a new DataLoader"
            )
        super().__setattr__(name, value)

    def __iter__(self):
        # Not a generator itself, so that the order is drawn now and not with the first batch.
        if self.batch_sampler is None:
            return self._samples(iter(self.sampler))
        return self._batches(iter(self.batch_sampler))

    def _samples(self, order):
        for index in order:
            yield self.collate_fn(_sample(self.dataset, index))

    def _batches(self, order):
        for indices in order:
            if self.collate_fn is default_collate:
                batch = _whole_batch(self.dataset, indices)
                if batch is not None:
                    yield batch
                    continue
            samples = _fetch(self.dataset, indices)
            try:
                batch = self.collate_fn(samples)
            except Exception as error:
                error.add_note(f"DataLoader: while making a batch of the samples {indices}")
                raise
            yield batch

    def __len__(self):
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)


def _refuse_unsupported(**arguments):
    for name, (value, default) in arguments.items():
        if value != default:
            raise ArgumentError(
                f"DataLoader: {name}={value!r} is not supported yet, since samples are loaded "
                f"without workers; leave it at {default!r}"
            )


def _check_dataset(dataset, needs_length):
    if not hasattr(dataset, "__getitem__"):
        raise DtypeError(
            f"DataLoader: the data set ({type(dataset).__name__}) has no __getitem__; data sets "
            "that can only be iterated over are not supported, list(dataset) is"
        )
    if needs_length and not hasattr(dataset, "__len__"):
        raise DtypeError(
            f"DataLoader: the data set ({type(dataset).__name__}) has no __len__; define it, or "
            "give a sampler"
        )


def _sample(dataset, index):
    try:
        return dataset[index]
    except Exception as error:
        error.add_note(f"DataLoader: while loading sample {index} of {type(dataset).__name__}")
        raise


def _fetch(dataset, indices):
    """The samples at `indices`, a list."""
    if not callable(getattr(dataset, "__getitems__", None)):
        return [_sample(dataset, i) for i in indices]
    try:
        return dataset.__getitems__(indices)
    except Exception as error:
        error.add_note(
            f"DataLoader: while loading the samples {indices} of {type(dataset).__name__}"
        )
        raise


def _whole_batch(dataset, indices):
    """The batch from a `TensorDataset`, or subset of one, by one index into each tensor.

    It is what `default_collate` would make of the samples. None for every other data set, since a
    subclass may do something of its own with each sample, and for what needs more care: indices
    that are wrong, and gradients.
    """
    whole = dataset
    while type(whole) is Subset:
        whole = whole.dataset
    if type(whole) is not TensorDataset or any(t.requires_grad for t in whole.tensors):
        return None
    while dataset is not whole:
        indices, dataset = dataset._places(indices), dataset.dataset
    places, n = np.array(indices), len(whole)
    if places.dtype.kind not in "iu" or places.ndim != 1 or not places.size:
        return None
    if places.min() < -n or places.max() >= n:
        return None
    return [Tensor(t.array.take(places, axis=0)) for t in whole.tensors]
