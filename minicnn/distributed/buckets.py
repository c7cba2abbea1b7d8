"""The mean of gradients over all ranks, computed while backward still runs.

Backward reaches the last layer first. So parameters are put into *buckets* in reverse order; as
soon as the gradients of a bucket are all there, they are on their way to the other ranks, while
backward goes on with the layers below. (Li et al. 2020, "PyTorch Distributed: Experiences on
Accelerating Data Parallel Training", section 3.2.)
"""

import time

import numpy as np

from minicnn.arrays import array_module, on_host
from minicnn.distributed.communicator import GRADIENTS
from minicnn.graph import after_backward
from minicnn.tensor import Tensor

MEGABYTE = 2**20
_FIRST = MEGABYTE  # a small bucket goes first: the sooner there is something to send, the better


class Bucket:
    """Parameters of one dtype whose gradients travel together, in one array.

    The array holds the gradients one after the other, divided by the number of ranks, and then a 1
    for each parameter that has one here: their sum says whether any rank has.
    """

    def __init__(self, parameters, ranks):
        self.parameters, self.ranks = parameters, ranks
        ends = np.cumsum([p.numel() for p in parameters]).tolist()
        self.places = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False)]
        self.size = ends[-1]
        # float16 has no MPI type, and too few digits to add up in.
        self.dtype = np.promote_types(parameters[0].dtype, np.float32)
        self._xp = array_module(parameters[0].array)
        self._share = self.dtype.type(1 / ranks.size)
        self.forget()

    def forget(self):
        """Begin anew."""
        self.array, self.pending = None, None
        self.missing = set(range(len(self.parameters)))

    def take(self, i):
        """Copy the gradient of the i-th parameter."""
        if self.array is None:
            # New for each step: the gradients of the last one are views of the last one's array.
            self.array = self._xp.empty(self.size + len(self.parameters), self.dtype)
        gradient = self.parameters[i].grad
        place = self.array[self.places[i]]
        if gradient is None:
            place[...] = 0
        else:
            self._xp.multiply(gradient.array.reshape(-1), self._share, out=place)
        self.array[self.size + i] = gradient is not None
        self.missing.discard(i)

    def send(self, name):
        self.pending = self.ranks.start_sum(self.array, name, GRADIENTS)

    def give_back(self):
        """Make the means the gradients of the parameters; those that no rank has stay None."""
        counts = on_host(self.array[self.size :])
        for p, place, count in zip(self.parameters, self.places, counts, strict=True):
            if not count:
                continue
            mean = self.array[place].reshape(p.shape).astype(p.dtype, copy=False)
            if p.grad is None:
                p.grad = Tensor(mean)
            else:
                p.grad.array = mean  # still the same tensor, for whoever holds it
                p.grad._version.changes += 1


def in_buckets(parameters, bucket_mb):
    """Lists of parameters of one dtype, in reverse order, of about so many MB.

    >>> import minicnn as mc
    >>> layers = [mc.zeros(1000, 1000) for _ in range(5)]  # of 4 MB
    >>> [len(some) for some in in_buckets(layers, 8)]
    [1, 2, 2]
    """
    full = []
    open_ones = {}  # dtype → parameters of a bucket that has room
    for p in reversed(list(parameters)):
        bucket = open_ones.setdefault(p.dtype, [])
        bucket.append(p)
        room = bucket_mb * MEGABYTE if full else min(_FIRST, bucket_mb * MEGABYTE)
        if sum(q.array.nbytes for q in bucket) >= 0.9 * room:
            full.append(open_ones.pop(p.dtype))
    return full + list(open_ones.values())


class GradientMean:
    """Makes each ``p.grad`` the mean over all ranks, in every backward pass.

    Args:
        ranks: the `Communicator`.
        parameters: a list; the same on all ranks.
        bucket_mb: how large a bucket may become.

    Attributes:
        enabled: False: backward leaves gradients as they are.
        waited: seconds that the last backward pass waited at its end; what was sent until then
            cost nothing but the sending.
    """

    def __init__(self, ranks, parameters, bucket_mb):
        self.ranks, self.enabled, self.waited = ranks, True, 0.0
        self.buckets = [Bucket(some, ranks) for some in in_buckets(parameters, bucket_mb)]
        self._place = {}
        for bucket in self.buckets:
            self._place.update({id(p): (bucket, i) for i, p in enumerate(bucket.parameters)})
        self._handles = [p.register_post_accumulate_grad_hook(self._ready) for p in parameters]
        self._sent = None  # how many buckets are on their way; None: no backward is under way

    def remove(self):
        """Leave the parameters alone from now on."""
        for handle in self._handles:
            handle.remove()

    def forget(self):
        """Forget a backward pass that was broken off."""
        self._sent = None

    def begin(self):
        """A backward pass has begun: have it end with the means."""
        if self.enabled and self._sent is None:
            self._sent = 0
            for bucket in self.buckets:
                bucket.forget()
            after_backward(self._finish)

    def _ready(self, p):
        """The gradient of a parameter is complete on this rank."""
        if not self.enabled:
            return
        self.begin()
        bucket, i = self._place[id(p)]
        bucket.take(i)
        # In their order: all ranks must send the same bucket, whatever is complete first.
        while self._sent < len(self.buckets) and not self.buckets[self._sent].missing:
            self._send_next()
        for earlier in self.buckets[: self._sent]:
            earlier.pending.poll()  # MPI goes on while it is called

    def _send_next(self):
        number = self._sent + 1
        self.buckets[self._sent].send(f"gradients, part {number} of {len(self.buckets)}")
        self._sent = number

    def _finish(self):
        while self._sent < len(self.buckets):
            bucket = self.buckets[self._sent]
            for i in sorted(bucket.missing):  # no gradient in this pass, perhaps an earlier one
                bucket.take(i)
            self._send_next()
        self._sent = None
        start = time.perf_counter()
        for bucket in self.buckets:
            bucket.pending.wait()
        self.waited = time.perf_counter() - start
        for bucket in self.buckets:
            bucket.give_back()
            bucket.forget()
        self.ranks.step += 1
