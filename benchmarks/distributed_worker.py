"""What `distributed.py` measures, on one process or on each of several ranks.

    distributed_worker.py steps NETWORK BATCH SECONDS VARIANT …
    distributed_worker.py sums

Rank 0 prints one line of JSON.
"""

import contextlib
import gc
import json
import statistics
import sys
import time

import numpy as np

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import distributed, models, optim

INPUTS = {"lenet5": (1, 28, 28), "resnet18": (3, 224, 224)}
VARIANTS = {
    "alone": {},  # one process
    "overlapped": {"bucket_mb": 25},
    "at the end": {"bucket_mb": 1e6},  # one bucket, which is complete when backward ends
    "nothing sent": {"bucket_mb": 25},
    "synchronised": {"bucket_mb": 25},  # batch normalisation, too
}
LEAST = 3  # steps in a turn


class Training:
    """Steps of a network on random images: this rank's share of a batch."""

    def __init__(self, name, batch, variant):
        self.ranks = distributed.world()
        self.silent = variant == "nothing sent"
        mc.manual_seed(0)
        model = getattr(models, name)(num_classes=10)
        if variant == "synchronised":
            model = distributed.SyncBatchNorm.convert_sync_batchnorm(model)
        self.optimizer = optim.SGD(model.parameters(), 1e-3, 0.9)
        self.parallel = distributed.DistributedDataParallel(model, **VARIANTS[variant])
        own = batch * (self.ranks.rank + 1) // self.ranks.size - (
            batch * self.ranks.rank // self.ranks.size
        )
        self.x, self.labels = mc.randn(own, *INPUTS[name]), mc.randint(0, 10, (own,))

    def step(self):
        """(seconds of forward, backward and update; of backward; waited at the end of it)."""
        start = time.perf_counter()
        self.optimizer.zero_grad()
        without = self.parallel.no_sync() if self.silent else contextlib.nullcontext()
        with without:
            loss = F.cross_entropy(self.parallel(self.x), self.labels)
            half = time.perf_counter()
            loss.backward()
        end_of_backward = time.perf_counter()
        self.optimizer.step()
        mean = self.parallel._mean
        waited = 0.0 if mean is None or self.silent else mean.waited
        return time.perf_counter() - start, end_of_backward - half, waited

    def turn(self, seconds):
        """The medians of a few steps, after one that is not counted."""
        self.step()
        found, start, enough = [], time.perf_counter(), False
        while not self.ranks.sum([enough and self.ranks.is_first], "the clock of rank 0")[0]:
            found.append(self.step())
            enough = len(found) >= LEAST and time.perf_counter() - start >= seconds
        return [statistics.median(column) for column in zip(*found, strict=True)]


def steps(name, batch, seconds, variants):
    found = {}
    for variant in variants:
        training = Training(name, batch, variant)
        whole, backward, waited = training.turn(seconds)
        of_all = training.ranks.gather_objects([whole, backward, waited], "times")
        found[variant] = {
            "step": max(w for w, _, _ in of_all),
            "backward": of_all[0][1],
            "waited": max(w for _, _, w in of_all),
        }
        parameters = list(training.parallel.module.parameters())
        mean = training.parallel._mean
        found["bytes"] = sum(p.array.nbytes for p in parameters)
        found["buckets"] = max(found.get("buckets", 1), len(mean.buckets) if mean else 1)
        training.parallel.close()
        del training, mean, parameters
        gc.collect()
    return {**found, "threads": mc.get_num_threads()}


def sums():
    """Medians of the seconds that a sum over all ranks takes, by its bytes."""
    ranks, found = distributed.world(), {}
    for size in (1, 1024, 62_000, 2**18, 2**20, 2**22, 6_500_000):  # numbers of 4 bytes
        array, times = np.ones(size, np.float32), []
        for _ in range(9 if size > 2**20 else 40):
            ranks.barrier()
            start = time.perf_counter()
            ranks.start_sum(array, "measured").wait()
            times.append(time.perf_counter() - start)
            array[:] = 1
        found[4 * size] = statistics.median(times)
    return found


def main(what, *arguments):
    if what == "sums":
        found = sums()
    else:
        name, batch, seconds, *variants = arguments
        found = steps(name, int(batch), float(seconds), variants)
    if distributed.is_first():
        print("RESULT " + json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
