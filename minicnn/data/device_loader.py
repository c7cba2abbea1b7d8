"""Batches on a GPU, copied there while it computes with the ones before."""

from collections import deque

from minicnn.checks import DtypeError
from minicnn.device import CPU, as_device
from minicnn.functions.conversions import is_pinned, of_tensors, pin_memory
from minicnn.gpu import gpu_arrays, on_gpu
from minicnn.tensor import Tensor


class DeviceLoader:
    """The batches of a loader with all their tensors on a device; minicnn's own.

    While the GPU computes with one batch, the next is copied to it from pinned memory, on a stream
    of its own. What else one does with the loader (``len``, ``set_epoch``, ``dataset``, …) reaches
    the loader itself.

    Args:
        loader: a `DataLoader`, or a list of batches.
        device: where to; with ``"cpu"`` batches come as they are.
        ahead: how many batches are on their way at once.

    Raises:
        DtypeError: not a loader.
        ArgumentError: there is no such device.

    >>> import minicnn as mc
    >>> loader = mc.data.DataLoader(mc.data.TensorDataset(mc.arange(4)), batch_size=2)
    >>> [batch[0].tolist() for batch in DeviceLoader(loader, "cpu")]
    [[0, 1], [2, 3]]
    """

    def __init__(self, loader, device, ahead=1):
        if not hasattr(loader, "__iter__"):
            raise DtypeError(f"DeviceLoader: expected a loader, got {type(loader).__name__}")
        self.loader, self.device, self.ahead = loader, as_device(device), ahead

    def __getattr__(self, name):
        if name in ("loader", "batches"):  # a copy that is not set up yet; a list of batches
            raise AttributeError(name)
        return getattr(self.loader, name)

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        return self._moved(iter(self.loader))

    def batches(self, *args, **options):
        """As `DataLoader.batches`, on the device."""
        return self._moved(self.loader.batches(*args, **options))

    def _moved(self, batches):
        return batches if self.device == CPU else _on_their_way(batches, self.device, self.ahead)


def on_device(loader, device):
    """The loader itself for the CPU, a `DeviceLoader` of it for a GPU; None stays None.

    minicnn's own.

    Args:
        loader: a `DataLoader`, or None.
        device: a device or its name, ``"cpu"`` or ``"cuda"``; None: the CPU.

    Raises:
        ArgumentError: there is no such device.

    >>> on_device(None, "cuda") is None
    True
    """
    return loader if loader is None or as_device(device) == CPU else DeviceLoader(loader, device)


def _on_their_way(batches, device, ahead):
    cupy = gpu_arrays()
    with on_gpu(device.index):
        stream = cupy.cuda.Stream(non_blocking=True)
    under_way, pinned = deque(), deque()
    try:
        for batch in batches:
            under_way.append(_sent(batch, device, stream, pinned))
            if len(under_way) > ahead:
                yield _arrived(*under_way.popleft(), device)
        while under_way:
            yield _arrived(*under_way.popleft(), device)
    finally:
        # A loop that ends early leaves batches that are still being written to: whoever is given
        # their memory next must wait for that.
        for batch, event in under_way:
            _arrived(batch, event, device)


def _sent(batch, device, stream, pinned):
    """(the batch on the GPU, an event that is reached when it is there)."""
    cupy = gpu_arrays()
    while pinned and pinned[0][0].done:
        pinned.popleft()  # the GPU has read it

    def copied(t):
        if t.is_cuda:
            return t
        source = t if is_pinned(t) and t.is_contiguous() else pin_memory(t.contiguous())
        found = cupy.empty(t.shape, t.dtype)
        found.set(source.array, stream)
        kept.append(source)
        return Tensor(found)

    kept = []
    with on_gpu(device.index):
        # Memory that a batch before has left is written to when the GPU has read it.
        stream.wait_event(cupy.cuda.get_current_stream().record())
        moved = of_tensors(copied, batch)
        event = stream.record()
    pinned.append((event, kept))
    return moved, event


def _arrived(batch, event, device):
    with on_gpu(device.index):
        gpu_arrays().cuda.get_current_stream().wait_event(event)
    return batch
