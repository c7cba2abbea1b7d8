"""How one batch is made, by whoever makes it: the program itself, a thread or a process."""

import threading
from typing import Any, NamedTuple

from minicnn.data.collate import default_collate
from minicnn.data.datasets import Dataset, Subset
from minicnn.data.sample_random import sample_generator
from minicnn.data.whole_batches import whole_batch

# Random numbers of a collate_fn (for mixup, say) are not those of the batch's samples.
_COLLATING = 1 << 48


class WorkerError(RuntimeError):
    """A worker of a `DataLoader` ended, took too long, or could not be started.

    minicnn's own; also a RuntimeError, as PyTorch says it.
    """


class Task(NamedTuple):
    """What decides a batch.

    Attributes:
        seed, epoch: of the random numbers, as in `sample_generator`.
        first: the position in the epoch of the batch's first sample.
        indices: a list of indices; where there are no batches, one index.
    """

    seed: int
    epoch: int
    first: int
    indices: Any


class Loading(NamedTuple):
    """Makes batches of tasks.

    Attributes:
        dataset, collate_fn: as in `DataLoader`.
        batched: False where it gives single samples.
    """

    dataset: Dataset
    collate_fn: Any
    batched: bool

    def __call__(self, task):
        if not self.batched:
            with sample_generator(task.seed, task.epoch, task.first):
                return self.collate_fn(_sample(self.dataset, task.indices))
        if self.collate_fn is default_collate:
            batch = whole_batch(self.dataset, task)
            if batch is not None:
                return batch
        samples = self._samples(task)
        try:
            with sample_generator(task.seed, task.epoch, _COLLATING + task.first):
                return self.collate_fn(samples)
        except Exception as error:
            error.add_note(f"DataLoader: while making a batch of the samples {task.indices}")
            raise

    def _samples(self, task):
        if not _gives_several(self.dataset):
            samples = []
            for position, index in enumerate(task.indices, task.first):
                with sample_generator(task.seed, task.epoch, position):
                    samples.append(_sample(self.dataset, index))
            return samples
        try:
            with sample_generator(task.seed, task.epoch, task.first):
                return self.dataset.__getitems__(task.indices)
        except Exception as error:
            kind = type(self.dataset).__name__
            error.add_note(f"DataLoader: while loading the samples {task.indices} of {kind}")
            raise


def _sample(dataset, index):
    try:
        return dataset[index]
    except Exception as error:
        error.add_note(f"DataLoader: while loading sample {index} of {type(dataset).__name__}")
        raise


def _gives_several(dataset):
    """Whether the data set has a way of its own to give several samples at once.

    A plain `Subset` has only what the data set behind it has.
    """
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return callable(getattr(dataset, "__getitems__", None))


class WorkerInfo(NamedTuple):
    """Which worker this is.

    As in PyTorch. It only holds what it is given: nothing is raised.

    Attributes:
        id: its number, from 0.
        num_workers: how many there are.
        seed: what Python's, NumPy's and minicnn's generators started from in this process; None in
            a thread, which shares them with the rest of the program.
        dataset: the data set it loads from; a process has a copy of its own.
    """

    id: int
    num_workers: int
    seed: int | None
    dataset: Dataset


_worker = threading.local()


def get_worker_info():
    """In a worker of a `DataLoader` its `WorkerInfo`; None anywhere else.

    As ``torch.utils.data.get_worker_info``.

    It raises nothing.

    >>> get_worker_info() is None
    True
    """
    return getattr(_worker, "info", None)


def become_worker(info, worker_init_fn):
    """Let this thread, or process, be the worker that `info` tells of."""
    _worker.info = info
    if worker_init_fn is not None:
        worker_init_fn(info.id)
