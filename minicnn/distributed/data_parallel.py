"""`DistributedDataParallel`: a network that is trained by several processes together."""

from contextlib import contextmanager

from minicnn.checks import ArgumentError, DtypeError, flag, real
from minicnn.distributed.agreement import fingerprint, must_agree
from minicnn.distributed.buckets import MEGABYTE, GradientMean
from minicnn.distributed.communicator import Alone, Communicator
from minicnn.distributed.joining import world
from minicnn.modes import is_grad_enabled
from minicnn.nn.module import Module
from minicnn.tensor import Tensor

_NAME = "DistributedDataParallel"


class DistributedDataParallel(Module):
    """A network of which each rank has a copy; each computes with its own part of the batch.

    In training, ``backward()`` ends with the same gradients on all ranks: those of the mean loss
    over the samples of all. So the same optimizer step follows everywhere, and the copies stay
    equal, bit for bit. N ranks do what one does with a batch N times as large, to rounding (but for
    batch normalisation, which sees its own rank's samples; `SyncBatchNorm` sees all).

    The loss must be a mean over the batch. Ranks may have unequal batches, as the last ones of an
    epoch: each counts by its samples. A parameter that gets no gradient on one rank counts as zero
    there; one that gets none on any keeps what it has.

    As ``torch.nn.parallel.DistributedDataParallel``.

    Args:
        module: the network, built alike on all ranks; it gets the values that rank 0 has.
        comm: the ranks: a communicator of mpi4py; default: all of the job.
        bucket_mb: gradients travel in parts of about so many MB, the last layers' first, while
            backward still computes those of the layers before.
        broadcast_buffers: give all ranks the buffers (running means) of rank 0 at each forward.

    Attributes:
        module: the network; its ``state_dict()`` has the names without ``module.``.

    Raises:
        ArgumentError: the ranks have different networks, or the network nothing to train.
        RankLostError: (in forward and backward) a rank hangs, has ended, or does something else.
        DtypeError: not a module.

    >>> import minicnn as mc
    >>> from minicnn import nn, optim
    >>> model = DistributedDataParallel(nn.Linear(3, 2))  # one process: as without it
    >>> sgd = optim.SGD(model.parameters(), lr=0.1)
    >>> nn.functional.cross_entropy(model(mc.randn(4, 3)), mc.tensor([0, 1, 1, 0])).backward()
    >>> sgd.step()
    """

    def __init__(self, module, comm=None, bucket_mb=25, *, broadcast_buffers=True):
        super().__init__()
        if not isinstance(module, Module):
            raise DtypeError(f"{_NAME}: expected a Module, got {type(module).__name__}")
        if not real(_NAME, "bucket_mb", bucket_mb) > 0:
            raise ArgumentError(f"{_NAME}: bucket_mb must be above 0, got {bucket_mb}")
        self.broadcast_buffers = flag(_NAME, "broadcast_buffers", broadcast_buffers)
        self.module, self.bucket_mb = module, bucket_mb
        self.ranks = _communicator(comm)
        self._all = list(module.parameters())
        self._mean, self._trained = None, None
        if not any(p.requires_grad for p in self._all):
            raise ArgumentError(
                f"{_NAME}: {type(module).__name__} has no parameter that requires a gradient, so "
                "there is nothing to average; use it as it is"
            )
        if self.ranks.size > 1:
            must_agree(self.ranks, _NAME, fingerprint(module), "Build the same network on all")
            broadcast_tensors(self.ranks, module.parameters(), "parameters")
            broadcast_tensors(self.ranks, module.buffers(), "buffers")
            self._watch_gradients()

    def _watch_gradients(self):
        """(Again where other parameters are trained than before, as in fine-tuning.)"""
        trained = [p.requires_grad for p in self._all]
        if trained != self._trained:
            enabled = self._mean is None or self._mean.enabled
            self.close()
            self._trained = trained
            parameters = [p for p in self._all if p.requires_grad]
            self._mean = GradientMean(self.ranks, parameters, self.bucket_mb)
            self._mean.enabled = enabled

    def forward(self, *inputs, **options):
        if self.ranks.size == 1 or not (self.module.training and is_grad_enabled()):
            return self.module(*inputs, **options)
        self._watch_gradients()
        self._mean.forget()
        if self.broadcast_buffers:
            broadcast_tensors(self.ranks, self.module.buffers(), "buffers")
        samples = _samples((inputs, options))
        pending = self.ranks.start_numbers([samples], "the number of samples")
        outputs = self.module(*inputs, **options)

        def weigh(delta):
            # Before the first gradient: from here on the pass ends with the mean over the ranks,
            # each of which counts by its share of the samples.
            self._mean.begin()
            (of_all,) = pending.result()
            weight = samples * self.ranks.size / of_all
            return None if weight == 1 else delta * weight

        found = list(_tensors(outputs))
        if not found:
            raise ArgumentError(
                f"{_NAME}: {type(self.module).__name__} must give a tensor, or lists, tuples and "
                f"dictionaries of them; got {type(outputs).__name__}"
            )
        for t in found:
            if t.requires_grad:
                t.register_hook(weigh)
        return outputs

    @contextmanager
    def no_sync(self):
        """Inside, backward only adds to this rank's own gradients: all but the last of several.

        >>> import minicnn as mc
        >>> model = DistributedDataParallel(mc.nn.Linear(3, 2))
        >>> with model.no_sync():
        ...     model(mc.randn(4, 3)).mean().backward()
        >>> model(mc.randn(4, 3)).mean().backward()
        """
        before = self._mean is None or self._mean.enabled
        self._set_enabled(False)
        try:
            yield
        finally:
            self._set_enabled(before)

    def _set_enabled(self, enabled):
        if self._mean is not None:
            self._mean.enabled = enabled

    def close(self):
        """Take the hooks off the parameters: the network is then as it was before."""
        if self._mean is not None:
            self._mean.remove()
            self._mean, self._trained = None, None


def _communicator(comm):
    if comm is None:
        return world()
    if isinstance(comm, (Alone, Communicator)):
        return comm
    if not hasattr(comm, "Iallreduce"):
        raise DtypeError(f"{_NAME}: comm must be a communicator of mpi4py, got {comm!r}")
    return Communicator(comm, world().deadline) if comm.size > 1 else Alone()


def broadcast_tensors(ranks, tensors, what):
    """Give tensors, on all ranks, the values that they have on rank 0."""
    if ranks.size == 1:
        return
    together, size = [], 0
    for t in tensors:
        together.append(t)
        size += t.array.nbytes
        if size >= MEGABYTE:
            _broadcast(ranks, together, what)
            together, size = [], 0
    if together:
        _broadcast(ranks, together, what)


def _broadcast(ranks, tensors, what):
    ranks.broadcast([t.array for t in tensors], what)
    if not ranks.is_first:
        for t in tensors:
            t._version.changes += 1


def _tensors(value):
    """The tensors in what a network takes or gives: one, or lists and dictionaries of them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        value = value.values()
    if isinstance(value, (list, tuple)) or type(value).__name__ == "dict_values":
        for part in value:
            yield from _tensors(part)


def _samples(inputs):
    """How many samples a batch has: the first dimension of its first tensor."""
    for t in _tensors(inputs):
        if t.ndim:
            return len(t)
    raise ArgumentError(f"{_NAME}: expected a tensor (samples, …) among the inputs; there is none")
