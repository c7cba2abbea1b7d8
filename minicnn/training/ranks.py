"""A run on several ranks: what makes it one run. (With one rank, nothing here has an effect.)

All ranks go through the same program, batch by batch. Each computes with its part of a batch, and
`DistributedDataParallel` gives all of them the same gradients, so that they make the same steps.
"""

from contextlib import contextmanager, nullcontext
from itertools import islice

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.data.loader import DataLoader
from minicnn.data.samplers import BatchSampler
from minicnn.distributed import DistributedDataParallel
from minicnn.distributed.agreement import must_agree
from minicnn.random import default_generator
from minicnn.tensor import Tensor
from minicnn.training.interruption import INTERRUPTED

_NAME = "training on several ranks"


@contextmanager
def joined(run):
    """Inside, the ranks train together; gives the network to call. Closes the run at the end.

    Raises:
        ArgumentError: the ranks have different networks, data sizes or options; batches with fewer
            samples than there are ranks.
    """
    try:
        if run.ranks.size == 1:
            yield run.model
        else:
            with _together(run) as network:
                yield network
    finally:
        run.close()


@contextmanager
def _together(run):
    ranks = run.ranks
    _check_data(run)
    network = run.network
    if network is None:
        network = DistributedDataParallel(run.model, ranks)
    ranks.step = 0
    ranks.busy = True  # a rank whose program ends meanwhile has ended too early
    try:
        yield network
        ranks.busy = False
        if run.ending == INTERRUPTED:
            ranks.failed = INTERRUPTED  # no success, though no error either
    except (Exception, KeyboardInterrupt) as error:
        ranks.failed = f"{type(error).__name__}: {error}"
        ranks.busy = False
        raise
    finally:
        if run.network is None:
            network.close()


def accumulating(network, more):
    """A context for backward: where more batches belong to the step, ranks do not wait yet."""
    wait = not more or not isinstance(network, DistributedDataParallel)
    return nullcontext() if wait else network.no_sync()


def _check_data(run):
    loader, size = run.loader, run.ranks.size
    dataset = getattr(loader, "dataset", ())
    facts = {
        "the number of samples": len(dataset),
        "the number of batches": len(loader),
        "the number of epochs": run.epochs,
    }
    must_agree(run.ranks, _NAME, facts, "All ranks need the same data and options")
    if not isinstance(loader, DataLoader):
        return
    if len(dataset) < size:
        raise ArgumentError(
            f"{_NAME}: the data set has {len(dataset)} samples, fewer than the {size} ranks; start "
            "fewer"
        )
    batches = loader.batch_sampler
    if type(batches) is not BatchSampler or has_part(loader):
        return
    rest = len(batches.sampler) % batches.batch_size
    if batches.batch_size < size or (0 < rest < size and not batches.drop_last):
        what, samples = "the last batch of an epoch", rest
        if batches.batch_size < size:
            what, samples = "a batch", batches.batch_size
        raise ArgumentError(
            f"{_NAME}: {what} has {samples} samples, fewer than the {size} ranks that share it; "
            "choose another batch size, drop_last=True, or fewer ranks"
        )


# ---------------------------------------------------------------------- shares of the data


def has_part(loader):
    """Whether a loader gives this rank's part only: its sampler is a `DistributedSampler`, say."""
    samplers = [getattr(loader, "sampler", None), getattr(loader, "batch_sampler", None)]
    samplers.append(getattr(samplers[-1], "sampler", None))
    return any(getattr(s, "num_replicas", 1) > 1 for s in samplers)


def parts_of(loader, ranks, skip):
    """This rank's part of each batch, without the first `skip` batches."""
    part = None if has_part(loader) else (ranks.rank, ranks.size)
    if isinstance(loader, DataLoader):
        return loader.batches(skip, part=part)
    batches = islice(iter(loader), skip, None)
    return batches if part is None else (_part(batch, *part) for batch in batches)


def every(loader, ranks):
    """(number, batch) of the batches that this rank takes: number r, r + R, r + 2R, …."""
    if ranks.size == 1:
        return enumerate(loader)
    if has_part(loader):
        raise ArgumentError(
            "evaluate: shares the batches among the ranks itself; give it a loader without "
            "DistributedSampler, which would have some samples counted twice"
        )
    if isinstance(loader, DataLoader):
        taken = loader.batches(every=(ranks.rank, ranks.size))
    else:
        taken = islice(iter(loader), ranks.rank, None, ranks.size)
    return ((ranks.rank + i * ranks.size, batch) for i, batch in enumerate(taken))


def _part(batch, i, n):
    """The i-th of n parts of the samples in a batch: a tensor, or tuples and lists of tensors."""
    if isinstance(batch, (tuple, list)):
        return type(batch)(_part(t, i, n) for t in batch)
    if not isinstance(batch, Tensor) or len(batch) < n:
        found = f"{len(batch)} samples" if isinstance(batch, Tensor) else type(batch).__name__
        raise ArgumentError(
            f"{_NAME}: a batch must be tensors of at least {n} samples, one for each rank; got "
            f"{found}"
        )
    return batch[len(batch) * i // n : len(batch) * (i + 1) // n]


# ---------------------------------------------------------------------- random numbers


def named_generators(loader, given=None):
    """The generators given, and those that the loader and its sampler have."""
    found = dict(given or {})
    sampler = getattr(loader, "sampler", None)
    batch_sampler = getattr(loader, "batch_sampler", None)
    owners = {"loader": loader, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, owner in owners.items():
        generator = getattr(owner, "generator", None)
        known = (None, default_generator, *found.values())
        if not any(generator is g for g in known):
            found[name] = generator
    return found


def generators_of(loader):
    """minicnn's default generator, and those of a loader."""
    return [default_generator, *named_generators(loader).values()]


def same_streams(ranks, generators):
    """Let generators go on, on all ranks, as on rank 0: so all draw the same order."""
    if ranks.size > 1:
        states = ranks.broadcast_object([g.get_state() for g in generators], "random numbers")
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def own_streams(ranks, generators):
    """Let generators go on differently on each rank: so each has dropout of its own.

    Rank 0 goes on as one process alone would.
    """
    for generator in generators if ranks.rank else ():
        seed = generator.get_state()["state"]["state"]
        sequence = np.random.SeedSequence(seed, spawn_key=(ranks.rank,))
        generator.set_state(np.random.PCG64(sequence).state)


@contextmanager
def borrowed_streams(ranks, generators):
    """Inside, as `same_streams`; afterwards only rank 0 has drawn anything."""
    before = [g.get_state() for g in generators]
    same_streams(ranks, generators)
    try:
        yield
    finally:
        if not ranks.is_first:
            for generator, state in zip(generators, before, strict=True):
                generator.set_state(state)
