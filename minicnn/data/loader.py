"""`DataLoader`: batches of a data set, in order or shuffled, loaded ahead by workers or not."""

import multiprocessing
import weakref
from itertools import islice
from numbers import Real

from minicnn.checks import ArgumentError, DtypeError, one_of
from minicnn.data.arguments import (
    checked_count,
    checked_flag,
    checked_function,
    checked_generator,
    random_numbers,
)
from minicnn.data.collate import default_collate, default_convert
from minicnn.data.loading import Loading, Task
from minicnn.data.samplers import BatchSampler, RandomSampler, SequentialSampler
from minicnn.data.worker_processes import WorkerProcesses
from minicnn.data.worker_threads import WorkerThreads
from minicnn.functions.conversions import of_tensors, pin_memory
from minicnn.gpu import device_count

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader:
    """Goes over a data set in batches; each ``for`` loop over it is one epoch.

    With workers, batches are loaded while the program works on the ones before. Batches, their
    order, and the random numbers of transforms and collate_fn (those that take them from
    `minicnn.data.sample_random`, as minicnn's transforms do when they have no `generator` of their
    own) are the same with any number of workers, threads or processes.

    **Threads** start at once, share the data set and take any. They help where samples are read,
    decoded or resized by Pillow or NumPy, which let other threads run meanwhile. **Processes** help
    with transforms in plain Python too; they take half a second to start (once, with
    ``persistent_workers=True``), each has a copy of the data set, which must be picklable, and a
    script must begin its work under ``if __name__ == "__main__":``.

    Args:
        dataset: has ``__getitem__`` and ``__len__``; its ``__getitems__(indices)`` is used where
            it has one.
        batch_size: samples a batch; None: single samples, not batches.
        shuffle: take the samples in a new random order each time.
        sampler: an iterable of indices, instead of `shuffle`.
        batch_sampler: an iterable of lists of indices, instead of `batch_size`, `shuffle`,
            `sampler` and `drop_last`.
        num_workers: how many workers load batches; 0: the program itself does.
        collate_fn: makes a batch of a list of samples; default: `default_collate`, or
            `default_convert` where there are no batches.
        pin_memory: batches come in memory that is locked, from which a GPU reads faster; of no
            effect without a GPU. (`DeviceLoader` pins by itself.)
        pin_memory_device: taken, and of no effect.
        drop_last: leave out a last batch that would be smaller.
        timeout: seconds a batch may take; 0: any time. (With workers.)
        worker_init_fn: called with each worker's number (0, 1, …), in it, before its first batch.
        multiprocessing_context: ``"spawn"`` (the default for processes), ``"forkserver"``, or such
            a context. Given, workers are processes. ``"fork"`` is refused: compiled kernels do not
            survive it.
        generator: a `minicnn.Generator` for the order, and for what the random numbers of samples
            start from; default: minicnn's own. The order is drawn when a loop begins, all at once.
        prefetch_factor: batches that each worker has in hand or in stock; default: 2.
        persistent_workers: keep the workers for the next loop; they end with the loader, or when a
            loop is left early.
        in_order: only True: else results would depend on which worker is faster.
        workers: ``"threads"`` (the default) or ``"processes"``; minicnn's own argument.

    Raises:
        ArgumentError: arguments that exclude each other or are not supported, a batch size below
            1, or shuffling an empty data set.
        DtypeError: the data set has no ``__getitem__``, or no length where one is needed.
        WorkerError: (in a loop) a worker was killed, took longer than `timeout`, or could not
            start; something that cannot be pickled.

    What goes wrong in a data set is raised as it is, with a note that has the index of the sample,
    and from a process the worker's traceback.

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
        workers=None,
    ):
        shuffle = checked_flag("DataLoader", "shuffle", False if shuffle is None else shuffle)
        checked_flag("DataLoader", "drop_last", drop_last)
        checked_flag("DataLoader", "pin_memory", pin_memory)
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
        if in_order is not True:
            raise ArgumentError(
                f"DataLoader: in_order={in_order!r} is not supported, since results would depend "
                "on which worker is faster; leave it at True"
            )
        self.num_workers = checked_count("DataLoader", "num_workers", num_workers, 0)
        self.workers = _kind_of_workers(workers, multiprocessing_context)
        self.multiprocessing_context = _context(multiprocessing_context)
        self.timeout = _seconds(timeout)
        self.worker_init_fn = worker_init_fn
        if worker_init_fn is not None:
            checked_function("DataLoader", "worker_init_fn", worker_init_fn)
        self.prefetch_factor = self._checked_prefetching(prefetch_factor, persistent_workers)
        self.persistent_workers = persistent_workers
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.collate_fn = checked_function("DataLoader", "collate_fn", collate_fn)
        self.generator = generator
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._epoch, self._counted_for = 0, None
        self._kept = None  # persistent workers, between two loops

    def _checked_prefetching(self, prefetch_factor, persistent_workers):
        checked_flag("DataLoader", "persistent_workers", persistent_workers)
        if self.num_workers:
            factor = 2 if prefetch_factor is None else prefetch_factor
            return checked_count("DataLoader", "prefetch_factor", factor, 1)
        given = {
            "prefetch_factor": prefetch_factor is not None,
            "persistent_workers": persistent_workers,
            "timeout": self.timeout > 0,
            "multiprocessing_context": self.multiprocessing_context is not None,
        }
        for name in (name for name, is_given in given.items() if is_given):
            raise ArgumentError(
                f"DataLoader: {name} is for workers, and there are none; give num_workers=1 or "
                f"more, or leave {name} out"
            )
        return None

    def __setattr__(self, name, value):
        # The samplers were made from these; a later change would have no effect.
        if name in _FIXED and name in vars(self):
            raise ArgumentError(
                f"DataLoader: {name} cannot be changed afterwards; make a new DataLoader"
            )
        super().__setattr__(name, value)
        if not name.startswith("_") and vars(self).get("_kept"):
            (_, end), self._kept = self._kept, None  # they were started without knowing of this
            end()

    def __len__(self):
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def __iter__(self):
        return self.batches()

    def set_epoch(self, epoch):
        """Give the next loop this number, which random numbers of samples depend on.

        Without it, loops are counted from 0 since the generator was last seeded. A run that is
        resumed sets it.

        Args:
            epoch: an integer ≥ 0.
        """
        self._epoch = checked_count("DataLoader", "epoch", epoch, 0)
        self._counted_for = random_numbers("DataLoader", self.generator)

    def batches(self, skip=0, *, part=None, every=None):
        """An iterator over the batches of one epoch, without the first `skip`.

        Those are not loaded, and the others are what they would be after them: how a run goes on
        in the middle of an epoch. How several processes share an epoch: by `part`, a pair (i, n),
        there is of each batch only the i-th of n parts, the samples one after the other; by
        `every`, a pair (i, n), only the batches i, i + n, i + 2n, …. What is left is what it would
        be among the others.

        Raises:
            ArgumentError: (in a loop) a batch has fewer samples than parts.
        """
        checked_count("DataLoader", "skip", skip, 0)
        numbers = random_numbers("DataLoader", self.generator)
        if numbers is not self._counted_for:
            self._epoch, self._counted_for = 0, numbers
        # Looked at and not drawn from: whoever draws from this generator too finds it unchanged.
        seed = numbers.bit_generator.state["state"]["state"]
        # Not a generator itself, so that the order is drawn now and not with the first batch.
        batched = self.batch_sampler is not None
        order = iter(self.batch_sampler if batched else self.sampler)
        tasks = islice(_tasks(order, batched, seed, self._epoch), skip, None)
        if every is not None:
            tasks = islice(tasks, every[0], None, every[1])
        if part is not None:
            tasks = _parts(tasks, batched, *part)
        self._epoch += 1
        batches = self._load(Loading(self.dataset, self.collate_fn, batched), tasks, seed)
        return _pinned(batches) if self.pin_memory and device_count() else batches

    def _load(self, load, tasks, seed):
        if not self.num_workers:
            for task in tasks:
                yield load(task)
            return
        kept, self._kept = self._kept, None
        workers, end = kept or self._start(load, seed)
        finished = False
        try:
            yield from workers.run(tasks)
            finished = True
        finally:
            if finished and self.persistent_workers and self._kept is None:
                self._kept = workers, end
            else:  # left early, some of them have batches in hand that nobody waits for
                end()

    def _start(self, load, seed):
        """New workers, and the function that ends them, which the end of the loader calls too."""
        arguments = load, self.num_workers, self.prefetch_factor, self.timeout, self.worker_init_fn
        if self.workers == "threads":
            workers = WorkerThreads(*arguments)
        else:
            context = self.multiprocessing_context or multiprocessing.get_context("spawn")
            workers = WorkerProcesses(*arguments, context, seed % 2**62)
        return workers, weakref.finalize(self, workers.close)


def _pinned(batches):
    for batch in batches:
        yield of_tensors(pin_memory, batch)


def _tasks(order, batched, seed, epoch):
    first = 0
    for indices in order:
        if batched:
            # Tensors and arrays of indices as a list of integers, and what can be gone over once.
            indices = indices.tolist() if hasattr(indices, "tolist") else list(indices)
        yield Task(seed, epoch, first, indices)
        first += len(indices) if batched else 1


def _parts(tasks, batched, i, n):
    """Of each task the i-th of n parts."""
    for task in tasks:
        size = len(task.indices) if batched else 1
        if size < n:
            raise ArgumentError(
                f"DataLoader: a batch of {size} cannot be shared by {n} processes; take larger "
                "batches, or drop_last=True where only the last one is so small"
            )
        start, end = size * i // n, size * (i + 1) // n
        yield task._replace(first=task.first + start, indices=task.indices[start:end])


def _kind_of_workers(workers, context):
    if workers is None:
        return "threads" if context is None else "processes"
    one_of("DataLoader", "workers", workers, ("threads", "processes"))
    if workers == "threads" and context is not None:
        raise ArgumentError(
            "DataLoader: multiprocessing_context is for processes; leave it out, or give "
            "workers='processes'"
        )
    return workers


def _context(context):
    if context is None:
        return None
    method = context if isinstance(context, str) else context.get_start_method()
    if method == "fork":
        raise ArgumentError(
            "DataLoader: multiprocessing_context='fork' is not supported, since the threads of "
            "compiled kernels do not survive a fork; take 'spawn'"
        )
    one_of("DataLoader", "multiprocessing_context", method, ("spawn", "forkserver"))
    return multiprocessing.get_context(method) if isinstance(context, str) else context


def _seconds(timeout):
    if not isinstance(timeout, Real) or isinstance(timeout, bool) or not 0 <= timeout < 2**31:
        raise ArgumentError(f"DataLoader: timeout must be a number ≥ 0, got {timeout!r}")
    return timeout


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
