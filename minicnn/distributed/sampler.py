"""`DistributedSampler`: each rank goes over its own part of a data set."""

import math

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.data.arguments import checked_count, checked_flag
from minicnn.data.samplers import Sampler
from minicnn.distributed.joining import world


class DistributedSampler(Sampler):
    """Every rank's part of the indices of a data set: rank r takes r, r + R, r + 2R, ….

    All parts have the same length: the first indices come again where the ranks do not divide the
    samples, or with `drop_last` the last ones are left out.

    As ``torch.utils.data.distributed.DistributedSampler``.

    Args:
        dataset: of N samples.
        num_replicas: R; default: the number of ranks.
        rank: r; default: this process's.
        shuffle: a new order for each epoch, which `seed` and `set_epoch` decide.
        seed: the same on all ranks.
        drop_last: see above.

    Raises:
        ArgumentError: a rank outside 0 … R − 1; an empty data set, or with `drop_last` one with
            fewer samples than ranks.

    >>> [list(DistributedSampler("abcde", 2, r, shuffle=False)) for r in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    >>> [list(DistributedSampler("abcde", 2, r, shuffle=False, drop_last=True)) for r in (0, 1)]
    [[0, 2], [1, 3]]
    """

    def __init__(
        self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False
    ):
        name = "DistributedSampler"
        num_replicas = world().size if num_replicas is None else num_replicas
        rank = world().rank if rank is None else rank
        self.dataset = dataset
        self.num_replicas = checked_count(name, "num_replicas", num_replicas, 1)
        self.rank = checked_count(name, "rank", rank, 0)
        self.shuffle = checked_flag(name, "shuffle", shuffle)
        self.seed = checked_count(name, "seed", seed, 0)
        self.drop_last = checked_flag(name, "drop_last", drop_last)
        self.epoch = 0
        if self.rank >= self.num_replicas:
            raise ArgumentError(
                f"{name}: rank must be 0 … {self.num_replicas - 1} for {self.num_replicas} "
                f"replicas, got {self.rank}"
            )
        n = len(dataset)
        rounded = math.floor if self.drop_last else math.ceil
        self.num_samples = rounded(n / self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas
        if not self.num_samples:
            raise ArgumentError(
                f"{name}: {n} samples do not suffice for {self.num_replicas} ranks; take fewer "
                "ranks" + (", or drop_last=False" if n else "")
            )

    def __iter__(self):
        order = np.arange(len(self.dataset))
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(order)
        # np.resize goes on with the first ones again, or cuts off the last.
        return iter(np.resize(order, self.total_size)[self.rank :: self.num_replicas].tolist())

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """Go over the next epoch in the order that belongs to this number.

        `minicnn.training.fit` does it; in a loop of your own, call it before each epoch.
        """
        self.epoch = checked_count("DistributedSampler", "epoch", epoch, 0)
